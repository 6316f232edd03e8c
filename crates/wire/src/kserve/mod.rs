//! KServe V2, the Open Inference Protocol, over gRPC and HTTP, as Triton's clients speak it.
//!
//! What the two transports share: the protocol's names of element types, the checks of a request against a
//! contract, the raw form of tensors, and error texts. A request without the leading dimension of a batched
//! method (DESIGN: one row) is answered with it, so a reply's shapes do not depend on how its request was written.

mod check;
mod datatype;
mod errors;
pub mod grpc;
pub mod http;
pub mod index;
mod input;
pub mod messages;
pub mod metadata;
mod raw;
mod target;

pub use errors::{grpc_status, http_reply};
pub use target::target;
