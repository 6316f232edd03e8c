//! gRPC over HTTP/2: messages, time-outs, statuses, and the services that every server has.

pub mod health;
mod kserve;
pub mod message;
pub mod service;
mod status;
mod stream;
mod tensorflow;
mod timeout;

pub use status::write_status;
pub use timeout::parse_timeout;
