//! gRPC over HTTP/2: messages, time-outs, statuses, and the services that every server has.

pub mod health;
mod kserve;
pub mod message;
mod reflection;
pub mod service;
mod services;
mod status;
mod stream;
mod tensorflow;
mod timeout;

pub use service::deadline;
pub use status::write_status;
pub use timeout::parse_timeout;
