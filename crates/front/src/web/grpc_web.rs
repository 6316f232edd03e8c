//! gRPC-Web: gRPC's messages, with the trailers as a last one; perhaps as base64.

use std::pin::Pin;
use std::task::{ready, Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Version};
use http_body::{Body as _, Frame as BodyFrame};
use salver_wire::web::{encode, Decoder, Frame};
use salver_wire::Body;

use super::{unsupported, wrong_method, Call};
use crate::grpc;
use crate::http::body::{ReplyBody, Source};
use crate::http::request_body::{Broken, RequestBody};
use crate::metrics::Protocol;

/// The flag of the message that holds the trailers.
const TRAILERS: u8 = 0x80;

/// So much is written as base64 at a time. It is made of whole groups.
const PIECE: usize = 48 * 1024;

const TAKEN: &str = "application/grpc-web+proto, application/grpc-web-text+proto";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Binary,
    Text,
    /// Messages in a format that no service here has.
    Unknown,
}

impl Form {
    pub fn of(kind: &str) -> Option<Form> {
        Some(match kind.strip_prefix("application/grpc-web")? {
            "" | "+proto" => Form::Binary,
            "-text" | "-text+proto" => Form::Text,
            _ => Form::Unknown,
        })
    }

    const fn content_type(self) -> &'static str {
        match self {
            Form::Text => "application/grpc-web-text+proto",
            _ => "application/grpc-web+proto",
        }
    }
}

pub async fn serve(call: Call, request: Request<RequestBody>, form: Form) -> Response<ReplyBody> {
    if request.method() != Method::POST {
        return wrong_method("POST");
    }
    let mut request = match form {
        Form::Unknown => return unsupported(TAKEN),
        Form::Binary => request,
        Form::Text => request.map(|body| RequestBody::made(Plain { body, decoder: Decoder::default() })),
    };
    *request.version_mut() = Version::HTTP_2;
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    request.headers_mut().remove(CONTENT_LENGTH);
    request.extensions_mut().insert(Protocol::GrpcWeb);
    let response = grpc::service::serve(call.shared, call.peer, request, call.began).await;
    let mut response = response.map(|body| ReplyBody::stream(Reply { body, form, rest: Bytes::new() }));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(form.content_type()));
    response
}

/// A request's body, read from base64.
struct Plain {
    body: RequestBody,
    decoder: Decoder,
}

impl http_body::Body for Plain {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<BodyFrame<Bytes>, Broken>>> {
        loop {
            let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(context)) else {
                return Poll::Ready(self.decoder.end().err().map(|error| Err(error.into())));
            };
            let Ok(text) = frame?.into_data() else { continue };
            let data = self.decoder.decode(&text)?;
            // Less than a group has come.
            if !data.is_empty() {
                return Poll::Ready(Some(Ok(BodyFrame::data(data))));
            }
        }
    }
}

/// A reply's body: its trailers become a message.
struct Reply {
    body: ReplyBody,
    form: Form,
    /// What is yet to be written as base64.
    rest: Bytes,
}

impl Reply {
    fn poll_binary(&mut self, context: &mut Context<'_>) -> Poll<Option<Body>> {
        let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
            Some(Ok(frame)) => frame,
            None => return Poll::Ready(None),
            Some(Err(never)) => match never {},
        };
        Poll::Ready(Some(match frame.into_data() {
            Ok(data) => Body::from_iter([data]),
            Err(frame) => trailers(&frame.into_trailers().unwrap_or_default()),
        }))
    }
}

fn trailers(trailers: &HeaderMap) -> Body {
    let mut block = Vec::new();
    for (name, value) in trailers {
        block.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    Frame { flags: TRAILERS, message: block.into() }.encode()
}

impl Source for Reply {
    fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.body.poll_over(context)
    }

    fn poll_chunks(&mut self, context: &mut Context<'_>) -> Poll<Option<Body>> {
        if self.form != Form::Text {
            return self.poll_binary(context);
        }
        if self.rest.is_empty() {
            let Some(body) = ready!(self.poll_binary(context)) else { return Poll::Ready(None) };
            self.rest = if body.len() == 1 { body[0].clone() } else { body.concat().into() };
        }
        let piece = self.rest.split_to(PIECE.min(self.rest.len()));
        Poll::Ready(Some(Body::from_iter([encode(&piece)])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_are_told_apart() {
        let cases = [
            ("application/grpc-web", Some(Form::Binary)),
            ("application/grpc-web+proto", Some(Form::Binary)),
            ("application/grpc-web-text", Some(Form::Text)),
            ("application/grpc-web-text+proto", Some(Form::Text)),
            ("application/grpc-web+json", Some(Form::Unknown)),
            ("application/grpc-website", Some(Form::Unknown)),
            ("application/grpc", None),
            ("application/grpc+proto", None),
            ("", None),
        ];
        for (kind, wanted) in cases {
            assert_eq!(Form::of(kind), wanted, "{kind}");
        }
    }

    #[test]
    fn trailers_are_lines_of_a_last_message() {
        let mut map = HeaderMap::new();
        grpc::write_status(&mut map, 5, "no such");
        let text = b"grpc-status: 5\r\ngrpc-message: no such\r\n";
        assert_eq!(trailers(&map).concat(), [b"\x80\0\0\0\x27", &text[..]].concat());
    }
}
