use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use prost_reflect::prost_types::method_options::IdempotencyLevel;
use salver_core::Error;
use salver_wire::web::connect::{Failure, Query};
use salver_wire::web::Frames;
use salver_wire::Body;
use tokio::time::timeout_at;

use super::super::wrong_method;
use super::head::{ending, failure, into_grpc, invalid, metadata};
use super::transcode::{Codec, Method, Single};
use super::{unsupported, Call, Format, Refused};
use crate::grpc;
use crate::http::body::ReplyBody;
use crate::http::compression::{worthwhile, Encoding};
use crate::http::receive::read_body;
use crate::http::request_body::RequestBody;
use crate::http::routes::header;
use crate::outgoing::counted;
use crate::shared::Shared;

/// Serves a call whose message is the body.
pub async fn post(call: Call, request: Request<RequestBody>, format: Format) -> Response<ReplyBody> {
    let (head, body) = request.into_parts();
    let (accepted, shared) = (accepted(&head.headers), Arc::clone(&call.shared));
    let answered = match head.method {
        http::Method::POST => answer(call, head, body, format).await,
        _ => Err(wrong_method("POST").into()),
    };
    respond(&shared, answered, format, accepted).await
}

/// Serves a call whose message is in the query.
pub async fn get(call: Call, request: Request<RequestBody>) -> Response<ReplyBody> {
    let (head, _) = request.into_parts();
    let (accepted, shared) = (accepted(&head.headers), Arc::clone(&call.shared));
    let query = Query::parse(head.uri.query().unwrap_or_default()).map_err(invalid);
    let (format, answered) = match query.and_then(|query| Ok((format(&query)?, query))) {
        Ok((format, query)) => (format, answer_query(call, head, query, format).await),
        Err(failure) => (Format::Json, Err(failure.into())),
    };
    respond(&shared, answered, format, accepted).await
}

fn format(query: &Query) -> Result<Format, Failure> {
    if let Some(version) = query.version.as_ref().filter(|version| *version != "v1") {
        return Err(invalid(format!("connect: '{version}' is not v1, which is what this server speaks")));
    }
    match query.encoding.as_str() {
        "proto" => Ok(Format::Proto),
        "json" => Ok(Format::Json),
        other => Err(invalid(format!("encoding: '{other}' is neither proto nor json"))),
    }
}

fn accepted(headers: &HeaderMap) -> Option<Encoding> {
    header(headers, "accept-encoding").and_then(Encoding::accepted)
}

async fn answer(call: Call, mut head: Parts, mut body: RequestBody, format: Format) -> Result<Reply, Refused> {
    let encoding = header(&head.headers, "content-encoding").map(Encoding::named).transpose();
    let encoding = encoding.map_err(|error| Refused::from(&error))?.flatten();
    into_grpc(&mut head)?;
    let method = Method::find(&call.shared, head.uri.path()).await;
    if method.streams() && !method.free {
        return Err(unsupported("application/connect+proto, application/connect+json").into());
    }
    let codec = method.codec(format, head.uri.path())?;
    let deadline = grpc::deadline(&head.headers, call.began).map_err(|error| Refused::from(&error))?;
    let reading = receive(&call.shared, &mut body, encoding, &codec);
    let read = match deadline {
        None => reading.await,
        Some(deadline) => timeout_at(deadline.into(), reading).await.unwrap_or(Err(Error::DeadlineExceeded)),
    };
    let message = read.map_err(|error| Refused::from(&error))?;
    ask(call, head, message, codec).await
}

async fn answer_query(call: Call, mut head: Parts, query: Query, format: Format) -> Result<Reply, Refused> {
    into_grpc(&mut head)?;
    let method = Method::find(&call.shared, head.uri.path()).await;
    let options = method.descriptor.as_ref().map(|descriptor| descriptor.method_descriptor_proto().options.clone());
    let level = options.flatten().map(|options| options.idempotency_level());
    if method.streams() || level != Some(IdempotencyLevel::NoSideEffects) {
        return Err(wrong_method("POST").into());
    }
    let codec = method.codec(format, head.uri.path())?;
    let encoding = query.compression.as_deref().map(Encoding::named).transpose();
    let encoding = encoding.map_err(|error| Refused::from(&error))?.flatten();
    let message = unpack(&call.shared, query.message, encoding, &codec).await.map_err(|error| Refused::from(&error))?;
    ask(call, head, message, codec).await
}

/// Reads a message under a permit that is given back once it is read: the call then takes one of its own.
async fn receive(
    shared: &Shared,
    body: &mut RequestBody,
    encoding: Option<Encoding>,
    codec: &Codec,
) -> Result<Bytes, Error> {
    let mut permit = shared.admission.knock()?;
    let read = read_body(body, encoding, &shared.settings, &mut permit).await?;
    codec.request(read, &mut permit).await
}

/// The same of a message that is there.
async fn unpack(shared: &Shared, message: Bytes, encoding: Option<Encoding>, codec: &Codec) -> Result<Bytes, Error> {
    let mut permit = shared.admission.knock()?;
    permit.grow(message.len() as u64)?;
    let message = match encoding {
        None => message,
        Some(encoding) => encoding.decompress(message, shared.settings.max_message_bytes, &mut permit).await?,
    };
    codec.request(message, &mut permit).await
}

/// What a call was answered with.
struct Reply {
    headers: HeaderMap,
    trailers: HeaderMap,
    outcome: Result<Body, Failure>,
}

async fn ask(call: Call, head: Parts, message: Bytes, codec: Codec) -> Result<Reply, Refused> {
    let shared = Arc::clone(&call.shared);
    let request = Request::from_parts(head, RequestBody::made(Single::new(message)));
    let response = grpc::service::serve(call.shared, call.peer, request, call.began).await;
    let (head, mut body) = response.into_parts();
    let mut frames = Frames::default();
    let (mut message, mut trailers) = (None, None);
    while let Some(Ok(frame)) = body.frame().await {
        match frame.into_data() {
            Ok(data) => frames.push(data),
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
        message = message.or_else(|| frames.next_chunks().map(|(_, message)| message));
        if message.is_some() && !frames.is_empty() {
            // A handler of a stream may never end it.
            let failure = failure(&Error::internal("the reply has several messages, but the call was a unary one"));
            return Ok(Reply { headers: head.headers, trailers: HeaderMap::new(), outcome: Err(failure) });
        }
    }
    // Without messages, gRPC may say all in the headers.
    let (headers, trailers) = match trailers {
        Some(trailers) => (head.headers, trailers),
        None => (HeaderMap::new(), head.headers),
    };
    let outcome = match ending(&trailers) {
        Some(failure) => Err(failure),
        None => render(&shared, message, &codec).await.map_err(|error| failure(&error)),
    };
    Ok(Reply { headers, trailers, outcome })
}

/// The one message of a reply, as its caller reads it.
async fn render(shared: &Shared, message: Option<Body>, codec: &Codec) -> Result<Body, Error> {
    let Some(message) = message else { return Err(Error::internal("the reply has no message")) };
    if let Codec::Proto = codec {
        return Ok(message);
    }
    let text = codec.reply(message.concat().into()).await?;
    Ok(Body::from_iter([counted(&shared.outgoing, text)?]))
}

async fn respond(
    shared: &Shared,
    answered: Result<Reply, Refused>,
    format: Format,
    accepted: Option<Encoding>,
) -> Response<ReplyBody> {
    let reply = match answered {
        Ok(reply) => reply,
        Err(Refused::Http(response)) => return *response,
        Err(Refused::Failure(failure)) => {
            Reply { headers: HeaderMap::new(), trailers: HeaderMap::new(), outcome: Err(failure) }
        }
    };
    let (status, kind, body) = match reply.outcome {
        Ok(body) => (200, format.unary_type(), body),
        Err(failure) => (failure.http_status(), "application/json", Body::from_iter([failure.body()])),
    };
    let (encoding, body) = match accepted.filter(|_| worthwhile(&body)) {
        None => (None, body),
        Some(encoding) => encoding.compress(body, &shared.outgoing).await.unwrap_or_default(),
    };
    let mut response = Response::new(ReplyBody::chunks(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.extend(metadata(&reply.headers).map(|(name, value)| (Some(name.clone()), value.clone())));
    for (name, value) in metadata(&reply.trailers) {
        if let Ok(name) = HeaderName::try_from(format!("trailer-{name}")) {
            headers.append(name, value.clone());
        }
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
    }
    response
}
