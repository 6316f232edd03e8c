//! Plain HTTP: KServe V2 under `/v2`, salver's own JSON under `/servables`, and `/metrics`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Body as HttpBody;
use percent_encoding::percent_decode_str;
use salver_core::Error;
use salver_engine::Permit;
use salver_wire::{json, Body, HttpReply};

use super::body::ReplyBody;
use super::compression::{worthwhile, Encoding};
use super::events::{reply_by_events, wants_events};
use super::receive::{discard, read_body};
use super::request_body::RequestBody;
use super::services::{self, Asked};
use crate::call::{call, Facts};
use crate::metrics::{Protocol, CONTENT_TYPE as METRICS_TYPE, TENSORFLOW_CONTENT_TYPE as TENSORFLOW_METRICS_TYPE};
use crate::net::peer::Peer;
use crate::outgoing::page;
use crate::sequence::Stream;
use crate::shared::Shared;

/// Serves one HTTP request.
pub async fn serve(
    shared: Arc<Shared>,
    peer: Arc<Peer>,
    request: Request<RequestBody>,
    began: Instant,
) -> Response<ReplyBody> {
    let (head, body) = request.into_parts();
    let encoding = header(&head.headers, "accept-encoding").and_then(Encoding::accepted);
    let path = head.uri.path().to_owned();
    let reply = match shared.settings.tensorflow_metrics.as_deref().filter(|named| *named == path) {
        Some(_) => get(&shared, &head, || metrics(shared.metrics.render_tensorflow(), TENSORFLOW_METRICS_TYPE)).into(),
        None => reply(Asked { shared: &shared, peer: &peer, head: &head, began }, &path, body).await,
    };
    match reply {
        Reply::Whole(reply) => respond(&shared, reply, encoding).await,
        Reply::With(reply, headers) => {
            let mut response = respond(&shared, reply, encoding).await;
            response.headers_mut().extend(headers);
            response
        }
        Reply::Stream(response) => response,
    }
}

async fn reply(asked: Asked<'_>, path: &str, body: RequestBody) -> Reply {
    let Asked { shared, head, began, .. } = asked;
    match path.trim_end_matches('/').split_once('/').map_or("", |(_, path)| path) {
        "" | "servables" => get(shared, head, || shared.with_listing(json::listing)).into(),
        "metrics" => get(shared, head, || metrics(shared.metrics.render(), METRICS_TYPE)).into(),
        path if is_own(path) => answer(shared, path, head, body, began).await,
        // Users' own services come before what other servers' clients know.
        path => match services::find(shared, head) {
            None => answer(shared, path, head, body, began).await,
            Some(place) => services::serve(asked, place, body).await,
        },
    }
}

/// Whether a path is one of salver's own, whatever services there are.
fn is_own(path: &str) -> bool {
    matches!(path.split('/').next(), Some("servables" | "v2"))
}

/// What a request is answered with.
pub(super) enum Reply {
    Whole(HttpReply),
    /// With headers of a handler's own.
    With(HttpReply, HeaderMap),
    /// What is sent as it is: because it comes with time, or is not HTTP's usual way.
    Stream(Response<ReplyBody>),
}

impl From<HttpReply> for Reply {
    fn from(reply: HttpReply) -> Reply {
        Reply::Whole(reply)
    }
}

async fn answer(shared: &Shared, path: &str, head: &Parts, body: RequestBody, began: Instant) -> Reply {
    if let Some(path) = path.strip_prefix("servables/") {
        return answer_json(shared, path, head, body, began).await;
    }
    let segments = match segments(path) {
        Ok(segments) => segments,
        Err(error) => return json::refuse(&error).into(),
    };
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["v2", rest @ ..] => super::kserve::answer(shared, rest, head, body, began).await,
        [v1, ..] if v1.eq_ignore_ascii_case("v1") => super::tensorflow::answer(shared, head, body, began).await.into(),
        ["model", ..] => Reply::Stream(super::mindspore::serve(shared, head, body, began).await),
        _ => not_found().into(),
    }
}

async fn answer_json(shared: &Shared, path: &str, head: &Parts, body: RequestBody, began: Instant) -> Reply {
    let address = match json::Address::parse(path) {
        Ok(address) => address,
        Err(error) => return refused(shared, Protocol::Json, &error, json::refuse).into(),
    };
    match head.method {
        Method::GET | Method::HEAD if address.version.is_none() && address.method.is_none() => {
            return paged(shared, shared.with_listing(|listed| json::describe(&address.servable, listed))).into();
        }
        Method::POST => {}
        _ => return wrong_method("POST").into(),
    }
    let mut received = match receive(shared, head, body).await {
        Ok(received) => received,
        Err(error) => return refused(shared, Protocol::Json, &error, json::refuse).into(),
    };
    let kind = header(&head.headers, "content-type").unwrap_or_default();
    match json::Call::parse(address, kind, received.body.clone()) {
        Ok(exchange) if wants_events(&head.headers) => {
            let facts = received.facts_of_stream(Protocol::Json, &head.headers, began);
            let begun = Stream::begin(shared, exchange.into_events(), facts);
            reply_by_events(begun.map(|stream| stream.holding(received.permit)))
        }
        Ok(exchange) => call(shared, exchange, received.facts(Protocol::Json, &head.headers, began)).await.into(),
        Err(error) => refused(shared, Protocol::Json, &error, json::refuse).into(),
    }
}

/// A request that has been read.
pub(super) struct Received {
    pub body: Bytes,
    /// Held until the reply is on its way.
    pub permit: Permit,
    /// How long the call may take, from its beginning on.
    timeout: Option<Duration>,
}

impl Received {
    pub fn facts<'a>(&'a mut self, protocol: Protocol, headers: &'a HeaderMap, began: Instant) -> Facts<'a> {
        let deadline = self.timeout.and_then(|timeout| began.checked_add(timeout));
        Facts { deadline, ..self.facts_of_stream(protocol, headers, began) }
    }

    /// The same for a call whose answer comes with time: its caller decides how long to listen.
    pub fn facts_of_stream<'a>(&'a mut self, protocol: Protocol, headers: &'a HeaderMap, began: Instant) -> Facts<'a> {
        let received = self.body.len();
        Facts { protocol, began, deadline: None, received, headers, permit: &mut self.permit }
    }
}

pub(super) async fn receive<B>(shared: &Shared, head: &Parts, mut body: B) -> Result<Received, Error>
where
    B: HttpBody<Data = Bytes> + Unpin + Send + 'static,
    B::Error: std::fmt::Display,
{
    let received = try_receive(shared, head, &mut body).await;
    if received.is_err() && head.version < Version::HTTP_2 {
        tokio::spawn(discard(body, shared.settings.clone()));
    }
    received
}

async fn try_receive<B>(shared: &Shared, head: &Parts, body: &mut B) -> Result<Received, Error>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    let mut permit = shared.admission.knock()?;
    let encoding = match header(&head.headers, "content-encoding") {
        Some(name) => Encoding::named(name)?,
        None => None,
    };
    let body = read_body(body, encoding, &shared.settings, &mut permit).await?;
    permit.enter()?;
    Ok(Received { body, permit, timeout: shared.settings.http_timeout() })
}

fn metrics(rendered: Result<String, std::fmt::Error>, kind: &str) -> HttpReply {
    match rendered {
        Ok(text) => HttpReply { status: 200, headers: vec![("content-type", kind.into())], body: whole(text) },
        Err(error) => json::refuse(&Error::internal(format!("metrics cannot be rendered: {error}"))),
    }
}

pub(super) fn refused(
    shared: &Shared,
    protocol: Protocol,
    error: &Error,
    refuse: fn(&Error) -> HttpReply,
) -> HttpReply {
    shared.metrics.calls.refused(protocol, error.code());
    refuse(error)
}

pub(super) fn get(shared: &Shared, head: &Parts, answer: impl FnOnce() -> HttpReply) -> HttpReply {
    match head.method {
        Method::GET | Method::HEAD => paged(shared, answer()),
        _ => wrong_method("GET"),
    }
}

/// The same reply, counted as what anybody may ask for and leave unread.
pub(super) fn paged(shared: &Shared, reply: HttpReply) -> HttpReply {
    match page(&shared.pages, reply.body) {
        Ok(body) => HttpReply { body, ..reply },
        Err(error) => json::refuse(&error),
    }
}

pub(super) fn not_found() -> HttpReply {
    let text = r#"{"error":"Not Found; GET /servables lists what is served"}"#;
    HttpReply { status: 404, headers: vec![("content-type", "application/json".into())], body: whole(text) }
}

pub(super) fn wrong_method(allowed: &str) -> HttpReply {
    let text = format!(r#"{{"error":"Method Not Allowed; use {allowed}"}}"#);
    let headers = vec![("content-type", "application/json".into()), ("allow", allowed.into())];
    HttpReply { status: 405, headers, body: whole(text) }
}

fn whole(text: impl Into<Bytes>) -> Body {
    Body::from_iter([text.into()])
}

pub fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

/// The segments of a path, percent-decoded one by one.
fn segments(path: &str) -> Result<Vec<String>, Error> {
    let decode = |segment: &str| {
        let decoded = percent_decode_str(segment).decode_utf8();
        decoded.map(String::from).map_err(|_| Error::malformed("path", "its percent-encoding is not UTF-8"))
    };
    path.split('/').map(decode).collect()
}

async fn respond(shared: &Shared, reply: HttpReply, encoding: Option<Encoding>) -> Response<ReplyBody> {
    let (encoding, body) = match encoding.filter(|_| compressible(&reply)) {
        None => (None, reply.body),
        Some(encoding) => match encoding.compress(reply.body, &shared.outgoing).await {
            Ok(compressed) => compressed,
            Err(error) => return response(json::refuse(&error)),
        },
    };
    let mut response = response(HttpReply { body, ..reply });
    if let Some(encoding) = encoding {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
    }
    response
}

pub(super) fn response(reply: HttpReply) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::chunks(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Numbers in binary hardly shrink and may be many; they travel as they are.
fn compressible(reply: &HttpReply) -> bool {
    let binary = reply.headers.iter().any(|(_, value)| value == "application/octet-stream");
    !binary && worthwhile(&reply.body)
}
