use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{header, HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use salver_core::Error;
use salver_engine::Permit;
use salver_wire::{mindspore, Body, GrpcReply};
use tokio::time::timeout_at;

use super::message::{frame_compressed, frame_message, read_message, request_encoding};
use super::{health, kserve, parse_timeout, reflection, services, tensorflow, write_status};
use crate::call::{call, Facts};
use crate::http::body::{ReplyBody, Source};
use crate::http::compression::Encoding;
use crate::http::receive::Pieces;
use crate::http::request_body::RequestBody;
use crate::metrics::Protocol;
use crate::net::peer::Peer;
use crate::outgoing::page;
use crate::shared::Shared;

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
pub const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
pub const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const ACCEPTED: HeaderValue = HeaderValue::from_static("identity,gzip,deflate");

/// A health request holds one name.
const LARGEST_HEALTH_REQUEST: u64 = 4096;

/// Code and text of an error, in the words of one service.
pub(super) type Refuse = fn(&Error) -> GrpcReply;

/// Serves one gRPC request.
pub async fn serve(
    shared: Arc<Shared>,
    peer: Arc<Peer>,
    request: Request<RequestBody>,
    began: Instant,
) -> Response<ReplyBody> {
    if request.version() != Version::HTTP_2 {
        return plain_refusal(StatusCode::HTTP_VERSION_NOT_SUPPORTED, "gRPC needs HTTP/2");
    }
    if request.method() != Method::POST {
        let mut refusal = plain_refusal(StatusCode::METHOD_NOT_ALLOWED, "gRPC needs POST");
        refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        return refusal;
    }
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let (own, any) = shared.own_method(path);
    if let Some(method) = own.as_ref().filter(|method| method.declared) {
        // Also where it has the name of a service that every server has: a script may bring its own health service.
        return services::serve(shared, Arc::clone(method), peer, (parts, body), began).await;
    }
    match path.strip_prefix('/').and_then(|path| path.split_once('/')) {
        Some(("inference.GRPCInferenceService", method)) => {
            kserve::serve(&shared, method, &parts.headers, body, began).await
        }
        Some(("mindspore.serving.proto.MSService", "Predict")) => predict(&shared, &parts.headers, body, began).await,
        Some(("tensorflow.serving.PredictionService", method)) => {
            tensorflow::predictions(&shared, method, &parts.headers, body, began).await
        }
        Some(("tensorflow.serving.ModelService", method)) => {
            tensorflow::models(&shared, (method, peer.rights), &parts.headers, body, began).await
        }
        Some(("grpc.health.v1.Health", method)) => check_health(shared, method, body).await,
        Some((
            "grpc.reflection.v1.ServerReflection" | "grpc.reflection.v1alpha.ServerReflection",
            "ServerReflectionInfo",
        )) => reflection::serve(&shared, &parts.headers, body),
        _ => match own {
            Some(method) => services::serve(shared, method, peer, (parts, body), began).await,
            // What a gRPC server says that has services of its own.
            None if any => status_only(12, "Method not found!"),
            None => unimplemented(path),
        },
    }
}

/// A request that has been read.
pub(super) struct Received {
    pub message: Bytes,
    pub deadline: Option<Instant>,
    /// Held until the reply is on its way.
    permit: Permit,
}

pub(super) async fn receive(
    shared: &Shared,
    headers: &HeaderMap,
    body: RequestBody,
    began: Instant,
) -> Result<Received, Error> {
    let mut permit = shared.admission.knock()?;
    let deadline = deadline(headers, began)?;
    let encoding = request_encoding(headers)?;
    let pieces = Pieces::new(body, &mut permit, shared.settings.header_timeout());
    let reading = read_message(pieces, encoding, shared.settings.max_message_bytes);
    let message = match deadline {
        None => reading.await?,
        Some(deadline) => timeout_at(deadline.into(), reading).await.unwrap_or(Err(Error::DeadlineExceeded))?,
    };
    permit.enter()?;
    Ok(Received { message, deadline, permit })
}

pub fn deadline(headers: &HeaderMap, began: Instant) -> Result<Option<Instant>, Error> {
    let Some(timeout) = headers.get("grpc-timeout") else { return Ok(None) };
    let timeout = parse_timeout(timeout.to_str().unwrap_or("?"))?;
    // A deadline beyond the clock's range is none.
    Ok(began.checked_add(timeout))
}

impl Received {
    pub fn facts<'a>(&'a mut self, protocol: Protocol, headers: &'a HeaderMap, began: Instant) -> Facts<'a> {
        let (deadline, received) = (self.deadline, self.message.len());
        Facts { protocol, began, deadline, received, headers, permit: &mut self.permit }
    }
}

async fn predict(shared: &Shared, headers: &HeaderMap, body: RequestBody, began: Instant) -> Response<ReplyBody> {
    let mut received = match receive(shared, headers, body, began).await {
        Ok(received) => received,
        Err(error) => return refuse(shared, Protocol::MindsporeGrpc, &error, mindspore::refuse),
    };
    match mindspore::Predict::parse(received.message.clone()) {
        Ok(exchange) => {
            let reply = call(shared, exchange, received.facts(Protocol::MindsporeGrpc, headers, began)).await;
            respond(shared, headers, reply).await
        }
        Err(error) => refuse(shared, Protocol::MindsporeGrpc, &error, mindspore::refuse),
    }
}

pub(super) fn refuse(shared: &Shared, protocol: Protocol, error: &Error, refuse: Refuse) -> Response<ReplyBody> {
    shared.metrics.calls.refused(protocol, error.code());
    plain(refuse(error))
}

async fn check_health(shared: Arc<Shared>, method: &str, body: RequestBody) -> Response<ReplyBody> {
    let mut permit = match shared.aside.hold(0) {
        Ok(permit) => permit,
        Err(error) => return plain(canonical(&error)),
    };
    let pieces = Pieces::new(body, &mut permit, shared.settings.header_timeout());
    let message = match read_message(pieces, None, LARGEST_HEALTH_REQUEST).await {
        Ok(message) => message,
        Err(error) => return plain(canonical(&error)),
    };
    match method {
        "Check" => plain(health::check(&shared, message).map_or_else(|error| canonical(&error), GrpcReply::ok)),
        "Watch" => match health::watch(shared, message) {
            Ok(statuses) => watch_response(statuses),
            Err(error) => plain(canonical(&error)),
        },
        _ => unimplemented(&format!("/grpc.health.v1.Health/{method}")),
    }
}

fn canonical(error: &Error) -> GrpcReply {
    GrpcReply::error(error.code() as u32, error.to_string())
}

fn watch_response(statuses: impl Source + 'static) -> Response<ReplyBody> {
    let mut trailers = HeaderMap::new();
    write_status(&mut trailers, 14, &Error::Draining.to_string());
    grpc_response(ReplyBody::stream(statuses).with_trailers(trailers))
}

pub(super) fn unimplemented(path: &str) -> Response<ReplyBody> {
    let known = "inference.GRPCInferenceService, mindspore.serving.proto.MSService, \
                 tensorflow.serving.PredictionService, tensorflow.serving.ModelService, grpc.health.v1.Health \
                 and grpc.reflection.v1.ServerReflection";
    let text = format!("unknown method {path}; this server has the services {known}");
    status_only(12, &text)
}

/// A reply, in the encoding of the request where the caller takes that.
pub(super) async fn respond(shared: &Shared, request: &HeaderMap, reply: GrpcReply) -> Response<ReplyBody> {
    let encoding = reply_encoding(request).filter(|_| reply.code == 0);
    let Some(encoding) = encoding else { return plain(reply) };
    match frame_compressed(reply.body, encoding, &shared.outgoing).await {
        Ok(framed) => {
            let mut response = message_response(framed);
            response.headers_mut().insert(ENCODING, HeaderValue::from_static(encoding.name()));
            response
        }
        Err(error) => status_only(error.code() as u32, &error.to_string()),
    }
}

/// The same reply, counted as what anybody may ask for and leave unread.
pub(super) fn paged(shared: &Shared, reply: GrpcReply) -> Result<GrpcReply, Error> {
    Ok(GrpcReply { body: page(&shared.pages, reply.body)?, ..reply })
}

/// A reply as it is.
fn plain(reply: GrpcReply) -> Response<ReplyBody> {
    match reply.code {
        0 => message_response(frame_message(reply.body)),
        code => status_only(code, &reply.message),
    }
}

fn message_response(framed: Body) -> Response<ReplyBody> {
    let mut trailers = HeaderMap::with_capacity(1);
    write_status(&mut trailers, 0, "");
    grpc_response(ReplyBody::chunks(framed).with_trailers(trailers))
}

fn reply_encoding(request: &HeaderMap) -> Option<Encoding> {
    let used = request.get(ENCODING)?.to_str().ok()?;
    let accepted = request.get(ACCEPT_ENCODING)?.to_str().ok()?;
    let encoding = Encoding::named(used).ok()??;
    accepted.split(',').any(|name| name.trim() == encoding.name()).then_some(encoding)
}

/// A reply without a message: its status travels in the headers, and they are all there is.
fn status_only(code: u32, message: &str) -> Response<ReplyBody> {
    let mut response = grpc_response(ReplyBody::empty());
    write_status(response.headers_mut(), code, message);
    response
}

pub(super) fn grpc_response(body: ReplyBody) -> Response<ReplyBody> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, GRPC);
    headers.insert(ACCEPT_ENCODING, ACCEPTED);
    response
}

fn plain_refusal(status: StatusCode, text: &'static str) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::chunks(Body::from_iter([Bytes::from_static(text.as_bytes())])));
    *response.status_mut() = status;
    response
}
