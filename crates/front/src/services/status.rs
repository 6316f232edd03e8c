use http::HeaderMap;
use salver_core::{Code, Error};

/// How a call ended, in gRPC's terms.
#[derive(Clone, Debug, Default)]
pub struct Status {
    pub code: u32,
    pub message: String,
    /// Trailing metadata, `grpc-status-details-bin` among them.
    pub trailers: HeaderMap,
}

impl Status {
    pub fn new(code: Code, message: impl Into<String>) -> Status {
        Status { code: code as u32, message: message.into(), trailers: HeaderMap::new() }
    }
}

impl From<&Error> for Status {
    fn from(error: &Error) -> Status {
        Status::new(error.code(), error.to_string())
    }
}

const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// The name of a status code; a number that gRPC does not know is UNKNOWN.
pub fn code_name(code: u32) -> &'static str {
    CODES.get(code as usize).copied().unwrap_or("UNKNOWN")
}
