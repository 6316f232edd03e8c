//! Codecs: bytes to parts, and answers to bytes, for every protocol. Pure functions, no I/O.

mod exchange;
pub mod json;
pub mod kserve;
pub mod mindspore;
pub mod numbers;
mod rows;

pub use exchange::{Body, Exchange, GrpcReply, HttpReply, Target};
