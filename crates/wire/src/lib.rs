//! Codecs: bytes to parts, and answers to bytes, for every protocol. Pure functions, no I/O.

mod chunks;
mod details;
mod exchange;
pub mod json;
pub mod kserve;
mod leading;
pub mod mindspore;
pub mod numbers;
mod object;
pub mod proto;
mod protobuf;
pub mod reflection;
mod rows;
pub mod tensorflow;
mod text;
pub mod web;

pub use details::{details, Parameters};
pub use exchange::{Body, Exchange, GrpcReply, HttpReply, Streamed, Target};
