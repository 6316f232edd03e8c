use http::HeaderMap;
use percent_encoding::percent_decode_str;
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

    /// What gRPC's trailers, or headers in their place, say beside metadata; `None` if they have no code.
    pub fn read(trailers: &HeaderMap) -> Option<Status> {
        let text = |name: &str| trailers.get(name).and_then(|value| value.to_str().ok());
        let code = text("grpc-status")?.parse().ok()?;
        let message = percent_decode_str(text("grpc-message").unwrap_or_default()).decode_utf8_lossy().into();
        Some(Status { code, message, trailers: HeaderMap::new() })
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
