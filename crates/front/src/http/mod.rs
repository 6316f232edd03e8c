//! HTTP: bodies, compression, and the JSON and KServe routes.

pub mod body;
pub mod compression;
pub mod cors;
mod events;
mod kserve;
pub mod mindspore;
pub mod receive;
pub mod request_body;
pub mod routes;
mod services;
mod tensorflow;
