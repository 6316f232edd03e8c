//! KServe V2 as its clients send it: recorded requests, every refusal with its text, and tensors of all types there
//! and back.

#![allow(clippy::unwrap_used)]

mod errors;
mod generate;
mod grpc;
mod grpc_refusals;
mod http;
mod http_refusals;
mod metadata;
mod optional;
mod parameters;
mod streams;
mod support;
