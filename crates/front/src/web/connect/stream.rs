use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{ready, Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version};
use http_body::Body as _;
use salver_core::Error;
use salver_wire::web::connect::{end_of_stream, Failure, END_OF_STREAM};
use salver_wire::web::{Frame, Frames};
use salver_wire::Body;

use super::super::wrong_method;
use super::head::{ending, failure, into_grpc, metadata, STREAM_ACCEPTED, STREAM_ENCODING};
use super::transcode::{Codec, Converted, Method};
use super::{refusal, unsupported, Call, Format, Refused};
use crate::grpc;
use crate::grpc::message::{request_encoding, Messages};
use crate::http::body::{ReplyBody, Source};
use crate::http::request_body::RequestBody;

const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const ACCEPTED: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// Serves a call of a method that streams.
pub async fn serve(call: Call, request: Request<RequestBody>, format: Format) -> Response<ReplyBody> {
    if request.method() != http::Method::POST {
        return wrong_method("POST");
    }
    match begin(call, request, format).await {
        Ok(response) => response,
        Err(Refused::Http(response)) => *response,
        Err(Refused::Failure(failure)) => {
            let end = Frame { flags: END_OF_STREAM, message: end_of_stream(Some(&failure), [].into_iter()) };
            head(format, ReplyBody::chunks(end.encode()))
        }
    }
}

async fn begin(call: Call, request: Request<RequestBody>, format: Format) -> Result<Response<ReplyBody>, Refused> {
    let (mut parts, body) = request.into_parts();
    let version = parts.version;
    rename(&mut parts.headers);
    into_grpc(&mut parts)?;
    let path = parts.uri.path().to_string();
    let method = Method::find(&call.shared, &path).await;
    if !method.streams() {
        return Err(unsupported("application/proto, application/json").into());
    }
    if method.client_streams && method.server_streams && !method.free && version < Version::HTTP_2 {
        let text = "a method that streams both ways needs HTTP/2";
        return Err(refusal(StatusCode::HTTP_VERSION_NOT_SUPPORTED, text.into()).into());
    }
    let codec = method.codec(format, &path)?;
    let body = convert(&call, &mut parts, body, &codec).map_err(|error| Refused::from(&error))?;
    let request = Request::from_parts(parts, body);
    let response = grpc::service::serve(Arc::clone(&call.shared), call.peer, request, call.began).await;
    Ok(translate(response, codec, format))
}

/// Names how messages are compressed as gRPC does.
fn rename(headers: &mut HeaderMap) {
    for (theirs, ours) in [(STREAM_ENCODING, ENCODING), (STREAM_ACCEPTED, ACCEPTED)] {
        headers.remove(&ours);
        if let Some(value) = headers.remove(theirs) {
            headers.insert(ours, value);
        }
    }
}

/// A body of gRPC's messages. JSON is unpacked here, and answered as it is.
fn convert(call: &Call, parts: &mut Parts, body: RequestBody, codec: &Codec) -> Result<RequestBody, Error> {
    let Codec::Json(_) = codec else { return Ok(body) };
    let messages = Messages::new(body, request_encoding(&parts.headers)?);
    [ENCODING, ACCEPTED].iter().for_each(|name| drop(parts.headers.remove(name)));
    Ok(RequestBody::made(Converted::new(Arc::clone(&call.shared), codec.clone(), messages)))
}

fn head(format: Format, body: ReplyBody) -> Response<ReplyBody> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.stream_type()));
    headers.insert(STREAM_ACCEPTED, HeaderValue::from_static("gzip,deflate"));
    response
}

fn translate(response: Response<ReplyBody>, codec: Codec, format: Format) -> Response<ReplyBody> {
    let (parts, body) = response.into_parts();
    // Without messages, gRPC may say all in the headers.
    let whole = parts.headers.contains_key("grpc-status");
    let (headers, trailers) = if whole { (HeaderMap::new(), Some(parts.headers)) } else { (parts.headers, None) };
    let reply = Reply {
        body,
        codec,
        frames: Frames::default(),
        converting: None,
        ready: VecDeque::new(),
        trailers,
        over: false,
    };
    let mut response = head(format, ReplyBody::stream(reply));
    if let Some(encoding) = headers.get(ENCODING) {
        response.headers_mut().insert(STREAM_ENCODING, encoding.clone());
    }
    response.headers_mut().extend(metadata(&headers).map(|(name, value)| (Some(name.clone()), value.clone())));
    response
}

type Converting = Pin<Box<dyn Future<Output = Result<Bytes, Error>> + Send>>;

/// A reply's body: gRPC's messages as the caller reads them, and its trailers as a last one.
struct Reply {
    body: ReplyBody,
    codec: Codec,
    frames: Frames,
    /// A message on its way from one form to the other.
    converting: Option<Converting>,
    ready: VecDeque<Body>,
    trailers: Option<HeaderMap>,
    over: bool,
}

impl Reply {
    fn took(&mut self, data: Bytes) {
        match self.codec {
            Codec::Proto => self.ready.push_back(Body::from_iter([data])),
            Codec::Json(_) => self.frames.push(data),
        }
    }

    /// Converts the next message if one is there; false if none is.
    fn poll_converted(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        if self.converting.is_none() {
            let Some(Frame { message, .. }) = self.frames.next() else { return Poll::Ready(false) };
            let codec = self.codec.clone();
            self.converting = Some(Box::pin(async move { codec.reply(message).await }));
        }
        let Some(converting) = &mut self.converting else { return Poll::Ready(false) };
        let converted = ready!(converting.as_mut().poll(context));
        self.converting = None;
        match converted {
            Ok(message) => self.ready.push_back(Frame { flags: 0, message }.encode()),
            Err(error) => self.end(Some(failure(&error)), &HeaderMap::new()),
        }
        Poll::Ready(true)
    }

    fn end(&mut self, failure: Option<Failure>, trailers: &HeaderMap) {
        let metadata = metadata(trailers).filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let message = end_of_stream(failure.as_ref(), metadata);
        self.ready.push_back(Frame { flags: END_OF_STREAM, message }.encode());
        self.over = true;
    }
}

impl Source for Reply {
    fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.body.poll_over(context)
    }

    fn poll_chunks(&mut self, context: &mut Context<'_>) -> Poll<Option<Body>> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Poll::Ready(Some(ready));
            }
            if self.over {
                return Poll::Ready(None);
            }
            if ready!(self.poll_converted(context)) {
                continue;
            }
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.took(data),
                    Err(frame) => self.trailers = frame.into_trailers().ok(),
                },
                Some(Err(never)) => match never {},
                None => {
                    let trailers = self.trailers.take().unwrap_or_default();
                    self.end(ending(&trailers), &trailers);
                }
            }
        }
    }
}
