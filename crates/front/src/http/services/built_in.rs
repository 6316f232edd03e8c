//! The services that every server has, as documents: their calls are those of gRPC.

use std::sync::Arc;
use std::task::{ready, Context, Poll};

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ORIGIN};
use http::{HeaderMap, HeaderValue, Method as Verb, Request, Response, Version};
use http_body::Body as _;
use salver_core::{Code, Error};
use salver_wire::proto::Bindings;
use salver_wire::reflection::SERVICES;
use salver_wire::web::Frames;

use super::call::{message, Codec};
use super::reply::{self, Form, Replied};
use super::Asked;
use crate::grpc;
use crate::http::body::ReplyBody;
use crate::http::request_body::RequestBody;
use crate::http::routes::{wrong_method, Reply};
use crate::services::{Event, Status};
use crate::web::{describe, Single};

/// Whether a path is that of a method of these services, as far as names tell.
pub fn is_one(path: &str) -> bool {
    let names = path.strip_prefix('/').and_then(|path| path.split_once('/'));
    names.is_some_and(|(service, method)| SERVICES.contains(&service) && !method.contains('/'))
}

/// Serves one call.
pub async fn serve(asked: Asked<'_>, body: RequestBody) -> Reply {
    if asked.head.method != Verb::POST {
        return wrong_method("POST").into();
    }
    let path = asked.head.uri.path();
    let unimplemented = |text: String| Status::new(Code::Unimplemented, text);
    let Some(descriptor) = describe(asked.shared, path).await else {
        return reply::refuse(&asked, &unimplemented(format!("unknown method {path}")), None);
    };
    if descriptor.is_client_streaming() {
        let text = format!("{path} takes a stream, which is no document here; use gRPC or the Connect protocol");
        return reply::refuse(&asked, &unimplemented(text), None);
    }
    // A browser sends a page's POST to anybody; only what it answers is kept from the page.
    if path.ends_with("/HandleReloadConfigRequest") && asked.head.headers.contains_key(ORIGIN) {
        let text = "no web page may change what is served; use gRPC, or a client that is no browser";
        return reply::refuse(&asked, &Status::new(Code::PermissionDenied, text), None);
    }
    let codec = Codec { descriptor, rule: None };
    let form = Form::of(&codec, &asked.head.headers);
    // The call takes a permit of its own.
    let message = match message(&asked, &codec, &Bindings::new(), body).await {
        Ok((message, _)) => message,
        Err(status) => return reply::refuse(&asked, &status, Some(&codec)),
    };
    let mut request = Request::new(RequestBody::made(Single::new(message)));
    *request.uri_mut() = asked.head.uri.clone();
    (*request.method_mut(), *request.version_mut()) = (Verb::POST, Version::HTTP_2);
    *request.headers_mut() = asked.head.headers.clone();
    for about in [CONTENT_ENCODING, CONTENT_LENGTH] {
        request.headers_mut().remove(about);
    }
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    let response = grpc::service::serve(Arc::clone(asked.shared), Arc::clone(asked.peer), request, asked.began).await;
    reply::render(asked.shared, Replied::BuiltIn(Answer::new(response)), codec, form).await
}

/// A response of gRPC, event by event.
pub struct Answer {
    body: ReplyBody,
    frames: Frames,
    trailers: Option<HeaderMap>,
}

impl Answer {
    fn new(response: Response<ReplyBody>) -> Answer {
        let (head, body) = response.into_parts();
        // Without messages, gRPC may say all in the headers.
        let trailers = head.headers.contains_key("grpc-status").then_some(head.headers);
        Answer { body, frames: Frames::default(), trailers }
    }

    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        loop {
            if let Some((_, chunks)) = self.frames.next_chunks() {
                return Poll::Ready(Event::Message { bytes: chunks.concat().into(), compress: false });
            }
            if let Some(trailers) = self.trailers.take() {
                return Poll::Ready(Event::End(
                    Status::read(&trailers).unwrap_or_else(|| Status::new(Code::Unknown, "")),
                ));
            }
            match ready!(std::pin::Pin::new(&mut self.body).poll_frame(context)) {
                None => return Poll::Ready(Event::End(Status::from(&Error::internal("a reply without an end")))),
                Some(Err(never)) => match never {},
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.frames.push(data),
                    Err(frame) => self.trailers = frame.into_trailers().ok(),
                },
            }
        }
    }
}
