//! Headers, trailers and statuses between the Connect protocol and gRPC.

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use salver_core::{Code, Error};
use salver_wire::web::connect::{self, Failure};

use crate::http::routes::header;
use crate::metrics::Protocol;
use crate::services::{binary, Status};

const VERSION: HeaderName = HeaderName::from_static("connect-protocol-version");
const TIMEOUT: HeaderName = HeaderName::from_static("connect-timeout-ms");
pub const STREAM_ENCODING: HeaderName = HeaderName::from_static("connect-content-encoding");
pub const STREAM_ACCEPTED: HeaderName = HeaderName::from_static("connect-accept-encoding");

/// What belongs to HTTP or to the protocol itself, and is no metadata.
const OWN: [HeaderName; 7] =
    [VERSION, TIMEOUT, STREAM_ENCODING, STREAM_ACCEPTED, CONTENT_ENCODING, ACCEPT_ENCODING, CONTENT_LENGTH];

/// What gRPC's own headers and trailers say; the rest is metadata.
const GRPC: [&str; 6] =
    ["grpc-status", "grpc-message", "grpc-status-details-bin", "grpc-encoding", "grpc-accept-encoding", "content-type"];

/// An error as this protocol tells it.
pub fn failure(error: &Error) -> Failure {
    Failure::new(error.code() as u32, error.to_string())
}

pub fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(Code::InvalidArgument as u32, message)
}

/// Makes the head of a gRPC request of a head. How messages are compressed is left to the caller.
pub fn into_grpc(head: &mut Parts) -> Result<(), Failure> {
    if let Some(version) = header(&head.headers, VERSION.as_str()).filter(|&version| version != "1") {
        return Err(invalid(format!(
            "Connect-Protocol-Version: '{version}' is not 1, which is what this server speaks"
        )));
    }
    let timeout = header(&head.headers, TIMEOUT.as_str()).map(connect::timeout).transpose().map_err(invalid)?;
    OWN.iter().for_each(|name| drop(head.headers.remove(name)));
    head.headers.remove("grpc-timeout");
    if let Some(timeout) = timeout.and_then(|timeout| HeaderValue::try_from(timeout).ok()) {
        head.headers.insert("grpc-timeout", timeout);
    }
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    head.method = Method::POST;
    head.version = Version::HTTP_2;
    head.extensions.insert(Protocol::Connect);
    Ok(())
}

/// How a call ended, by its trailers: `None` if well.
pub fn ending(trailers: &HeaderMap) -> Option<Failure> {
    let Some(Status { code, message, .. }) = Status::read(trailers) else {
        return Some(Failure::new(Code::Internal as u32, "the call ended without a status"));
    };
    let details = || trailers.get("grpc-status-details-bin").and_then(|value| binary(value.as_bytes()));
    (code != 0).then(|| Failure { code, message, details: details().map(Into::into) })
}

/// The metadata among headers or trailers.
pub fn metadata(headers: &HeaderMap) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
    headers.iter().filter(|(name, _)| !GRPC.contains(&name.as_str()))
}
