//! Users' own gRPC services: calls of their methods, in whatever protocol they come, and who answers them.
//!
//! A protocol makes a [`Request`] of what it reads, asks [`begin`], and writes what the [`Reply`] gives.

mod arriving;
mod description;
pub mod local;
mod metadata;
mod reply;
mod rows;
mod status;
mod table;
pub mod workers;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use salver_engine::Permit;

pub use arriving::{Incoming, Message, Messages};
pub use description::Description;
pub use metadata::{add as add_metadata, binary, metadata, Value};
pub use reply::Reply;
pub use rows::mapped_services;
pub use status::Status;
pub use table::{Backend, Method, Services};

pub use crate::http::compression::Encoding;
use crate::metrics::Protocol;
use crate::net::peer::Peer;
use crate::shared::Shared;

/// One call of a method.
pub struct Request {
    pub method: Arc<Method>,
    pub protocol: Protocol,
    pub began: Instant,
    pub deadline: Option<Instant>,
    /// As they came. [`metadata`] gives those that are the caller's own.
    pub headers: HeaderMap,
    pub peer: Arc<Peer>,
    pub messages: Messages,
    /// Bounds the calls in flight; held until both caller and handler are done.
    pub permit: Permit,
}

/// A part of a reply: metadata at most once and before any message, then messages, and exactly one end.
#[derive(Debug)]
pub enum Event {
    /// Headers of the handler's own, and how messages may be compressed, if the caller takes that.
    Metadata {
        headers: HeaderMap,
        encoding: Option<Encoding>,
    },
    /// A message in protobuf's binary form, and whether it may be compressed.
    Message {
        bytes: Bytes,
        compress: bool,
    },
    End(Status),
}

/// Puts a call in flight. An error is the status that it is refused with; it has been counted.
pub fn begin(shared: &Arc<Shared>, request: Request) -> Result<Reply, Status> {
    Reply::begin(shared, request)
}
