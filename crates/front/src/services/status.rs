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

/// In the words that gRPC's own servers have, where they have some.
impl From<&Error> for Status {
    fn from(error: &Error) -> Status {
        let message = match error {
            Error::TooLarge { size, limit, option, .. } => {
                format!("Received message larger than max ({size} vs. {limit}); {option} sets the limit")
            }
            Error::DeadlineExceeded => "Deadline Exceeded".into(),
            error => error.to_string(),
        };
        Status::new(error.code(), message)
    }
}
