//! Protobuf by hand: messages are read in place, and written without being built first.

mod read;
pub(crate) mod write;

pub(crate) use read::{Fields, Value};
