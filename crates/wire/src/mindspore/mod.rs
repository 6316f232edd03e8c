//! MindSpore Serving over gRPC: the method `/mindspore.serving.proto.MSService/Predict`, releases 1.1 to 2.0.
//!
//! One instance is one row, whether the method is batched or not. A request that is wrong as a whole is refused
//! as a whole; an instance that is wrong for the model fails alone, unless more than a thousand do. Both travel
//! inside the reply, with gRPC status OK; only malformed and oversized messages, passed deadlines and cancellation
//! are gRPC statuses.
//!
//! A request is read in place: nothing of it is copied or allocated before the method's contract asks for it, so a
//! message of empty fields costs no more memory than its bytes.

mod admit;
mod dtypes;
mod errors;
mod reply;
mod request;
pub mod rest;

pub use request::{refuse, Predict};
