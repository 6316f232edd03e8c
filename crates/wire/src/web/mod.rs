//! gRPC-Web and the Connect protocol, as far as they are bytes: both carry gRPC's calls over what browsers can do.

mod base64;
pub mod connect;
mod frames;

pub use base64::{encode, Decoder, NotBase64};
pub use frames::{Frame, Frames};
