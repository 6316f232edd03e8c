//! The network: listeners, TLS, HTTP/1.1 and HTTP/2 on one port, gRPC, health, metrics, limits.

mod aside;
mod call;
mod grpc;
mod http;
mod metrics;
mod net;
mod outgoing;
mod reload;
mod report;
mod sequence;
mod server;
mod service;
pub mod services;
mod settings;
mod shared;
pub mod tls;
mod web;

pub use reload::{Reload, Verdict};
pub use salver_wire::tensorflow::State;
pub use server::{ListenError, Server};
pub use settings::Settings;
pub use shared::Absent;
