//! Codecs: bytes to parts, and answers to bytes, for every protocol. Pure functions, no I/O.

mod exchange;
pub mod numbers;

pub use exchange::{Body, Exchange, GrpcReply, HttpReply, Target};
