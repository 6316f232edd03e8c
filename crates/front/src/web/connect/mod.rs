//! The Connect protocol: unary calls as plain HTTP requests, streams as messages with a prefix.

mod head;
mod stream;
mod transcode;
mod unary;

use http::{Method, Request, Response};
use salver_wire::web::connect::{Failure, Query};

pub use transcode::{describe, Single};

use super::{refusal, unsupported, Call};
use crate::http::body::ReplyBody;
use crate::http::request_body::RequestBody;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Unary(Format),
    Stream(Format),
    /// A unary call whose message is in the query.
    Get,
    /// Messages in a format that no service here has.
    Unknown,
}

/// How messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Proto,
    Json,
}

impl Form {
    /// What a request is, if it says that it is one of this protocol. JSON alone does not say so.
    pub fn of<B>(request: &Request<B>, kind: &str) -> Option<Form> {
        let path = request.uri().path().strip_prefix('/')?;
        let (_, method) = path.split_once('/')?;
        if method.contains('/') {
            return None;
        }
        let says_so = request.headers().contains_key("connect-protocol-version");
        match kind {
            "application/proto" => Some(Form::Unary(Format::Proto)),
            "application/json" if says_so => Some(Form::Unary(Format::Json)),
            "application/connect+proto" => Some(Form::Stream(Format::Proto)),
            "application/connect+json" => Some(Form::Stream(Format::Json)),
            _ if kind.starts_with("application/connect+") => Some(Form::Unknown),
            _ if *request.method() == Method::GET && request.uri().query().is_some_and(Query::is_call) => {
                Some(Form::Get)
            }
            _ if says_so => Some(Form::Unknown),
            _ => None,
        }
    }
}

impl Format {
    const fn unary_type(self) -> &'static str {
        match self {
            Format::Proto => "application/proto",
            Format::Json => "application/json",
        }
    }

    const fn stream_type(self) -> &'static str {
        match self {
            Format::Proto => "application/connect+proto",
            Format::Json => "application/connect+json",
        }
    }
}

/// A reply that is over before it has begun.
enum Refused {
    /// In the protocol's own way.
    Failure(Failure),
    /// What HTTP has a status of its own for.
    Http(Box<Response<ReplyBody>>),
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Refused {
        Refused::Failure(failure)
    }
}

impl From<&salver_core::Error> for Refused {
    fn from(error: &salver_core::Error) -> Refused {
        Refused::Failure(head::failure(error))
    }
}

impl From<Response<ReplyBody>> for Refused {
    fn from(response: Response<ReplyBody>) -> Refused {
        Refused::Http(Box::new(response))
    }
}

pub async fn serve(call: Call, request: Request<RequestBody>, form: Form) -> Response<ReplyBody> {
    match form {
        Form::Unary(format) => unary::post(call, request, format).await,
        Form::Get => unary::get(call, request).await,
        Form::Stream(format) => stream::serve(call, request, format).await,
        Form::Unknown => {
            unsupported("application/proto, application/json, application/connect+proto, application/connect+json")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_from_those_of_other_protocols() {
        let version = "connect-protocol-version";
        let cases = [
            ("POST", "/a.B/C", "application/proto", false, Some(Form::Unary(Format::Proto))),
            ("POST", "/a.B/C", "application/json", true, Some(Form::Unary(Format::Json))),
            ("POST", "/a.B/C", "application/json", false, None),
            ("POST", "/grpc.health.v1.Health/Check", "application/json", false, None),
            ("POST", "/a.B/C/D", "application/proto", true, None),
            ("POST", "/a.B/C", "application/connect+proto", false, Some(Form::Stream(Format::Proto))),
            ("POST", "/a.B/C", "application/connect+json", true, Some(Form::Stream(Format::Json))),
            ("POST", "/a.B/C", "application/connect+xml", false, Some(Form::Unknown)),
            ("POST", "/a.B/C", "text/plain", true, Some(Form::Unknown)),
            ("GET", "/a.B/C?encoding=json&message=%7B%7D", "", false, Some(Form::Get)),
            ("GET", "/a.B/C?message=1", "", false, None),
            ("POST", "/v1/models/half:predict", "application/proto", false, None),
            ("GET", "/metrics", "", false, None),
        ];
        for (method, path, kind, says_so, wanted) in cases {
            let mut request = Request::builder().method(method).uri(path);
            if says_so {
                request = request.header(version, "1");
            }
            assert_eq!(Form::of(&request.body(()).unwrap(), kind), wanted, "{method} {path} {kind}");
        }
    }
}
