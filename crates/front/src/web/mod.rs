//! What browsers can speak: gRPC-Web and the Connect protocol. Both are translated to gRPC and back, so that every
//! service is reached by them, with the same limits, time-outs and errors.

mod connect;
mod grpc_web;
pub mod unwanted;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version};

use crate::http::body::ReplyBody;
use crate::http::request_body::RequestBody;
use crate::net::peer::Peer;
use crate::shared::Shared;

pub use connect::{describe, Single};

const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");

/// A protocol of browsers, and how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    GrpcWeb(grpc_web::Form),
    Connect(connect::Form),
}

impl Form {
    /// What a request is written in, if it is one of these protocols.
    pub fn of<B>(request: &Request<B>) -> Option<Form> {
        // Nearly all requests are neither, and told so at once.
        if request.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/grpc") {
            return None;
        }
        let kind = media_type(request.headers());
        let web = grpc_web::Form::of(&kind).map(Form::GrpcWeb);
        web.or_else(|| connect::Form::of(request, &kind).map(Form::Connect))
    }
}

/// Serves one request.
pub async fn serve(
    shared: Arc<Shared>,
    peer: Arc<Peer>,
    request: Request<RequestBody>,
    form: Form,
    began: Instant,
) -> Response<ReplyBody> {
    let call = Call { shared, peer, began };
    let request = match request.version() {
        Version::HTTP_2 => request,
        _ => {
            let settings = call.shared.settings.clone();
            request.map(|body| RequestBody::made(unwanted::Read::new(body, settings)))
        }
    };
    match form {
        Form::GrpcWeb(form) => grpc_web::serve(call, request, form).await,
        Form::Connect(form) => connect::serve(call, request, form).await,
    }
}

/// What is the same for a call in every protocol.
struct Call {
    shared: Arc<Shared>,
    peer: Arc<Peer>,
    began: Instant,
}

/// The content type without its parameters, in lower case.
fn media_type(headers: &HeaderMap) -> String {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn refusal(status: StatusCode, text: String) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::chunks([Bytes::from(text)].into_iter().collect()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// The refusal of a content type; `taken` are those that would do.
fn unsupported(taken: &'static str) -> Response<ReplyBody> {
    let mut response =
        refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("Unsupported Media Type; this method takes {taken}"));
    response.headers_mut().insert(ACCEPT_POST, HeaderValue::from_static(taken));
    response
}

fn wrong_method(allowed: &'static str) -> Response<ReplyBody> {
    let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED, format!("Method Not Allowed; use {allowed}"));
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}
