//! HTTP: bodies, compression, and the JSON and KServe routes.

pub mod body;
pub mod compression;
mod kserve;
pub mod receive;
pub mod routes;
