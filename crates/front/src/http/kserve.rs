//! KServe V2 over HTTP, below `/v2`.

use std::time::Instant;

use http::request::Parts;
use http::Method;
use salver_core::Error;
use salver_engine::Permit;
use salver_wire::kserve::http::{Generate, Infer};
use salver_wire::kserve::index::IndexRequest;
use salver_wire::kserve::{self, metadata};
use salver_wire::HttpReply;

use super::events::reply_by_events;
use super::request_body::RequestBody;
use super::routes::{get, header, not_found, paged, receive, refused, wrong_method, Received, Reply};
use crate::aside::elsewhere_held;
use crate::call::{call, is_lengthy, letters, JSON_LENGTH};
use crate::metrics::Protocol;
use crate::sequence::Stream;
use crate::shared::Shared;

const HTTP: Protocol = Protocol::KserveHttp;

pub async fn answer(shared: &Shared, path: &[&str], head: &Parts, body: RequestBody, began: Instant) -> Reply {
    let (model, version, rest) = match path {
        [] | [""] => return get(shared, head, || metadata::http(&metadata::server(env!("CARGO_PKG_VERSION")))).into(),
        ["health", "live"] => return get(shared, head, || metadata::health(true)).into(),
        ["repository", "index"] => return index(shared, head, body).await.into(),
        ["health", "ready"] => return get(shared, head, || metadata::health(shared.is_ready())).into(),
        ["models", model, "versions", version, rest @ ..] => (*model, Some(*version), rest),
        ["models", model, rest @ ..] => (*model, None, rest),
        _ => return not_found().into(),
    };
    match rest {
        [] => get(shared, head, || describe(shared, model, version)).into(),
        ["ready"] => get(shared, head, || ready(shared, model, version)).into(),
        ["infer"] => infer(shared, (model, version), head, body, began).await.into(),
        ["generate"] => generate(shared, (model, version), head, body, began).await.into(),
        ["generate_stream"] => generate_stream(shared, (model, version), head, body, began).await,
        _ => not_found().into(),
    }
}

/// A model and perhaps a version, as the path names them.
type Named<'a> = (&'a str, Option<&'a str>);

async fn post(shared: &Shared, head: &Parts, body: RequestBody) -> Result<Received, HttpReply> {
    match head.method {
        Method::POST => receive(shared, head, body).await.map_err(|error| refused(shared, HTTP, &error, refusal)),
        _ => Err(wrong_method("POST")),
    }
}

async fn infer(shared: &Shared, named: Named<'_>, head: &Parts, body: RequestBody, began: Instant) -> HttpReply {
    let mut received = match post(shared, head, body).await {
        Ok(received) => received,
        Err(reply) => return reply,
    };
    match parse(named, head, &mut received).await {
        Ok(exchange) => call(shared, exchange, received.facts(HTTP, &head.headers, began)).await,
        Err(error) => refused(shared, HTTP, &error, refusal),
    }
}

async fn parse((model, version): Named<'_>, head: &Parts, received: &mut Received) -> Result<Infer, Error> {
    let (json_length, body) = (header(&head.headers, JSON_LENGTH), received.body.clone());
    if !is_lengthy(letters(HTTP, &head.headers, body.len()), 0) {
        return Infer::parse(model, version, json_length, body);
    }
    let (model, version, json_length) = (model.to_owned(), version.map(String::from), json_length.map(String::from));
    let parse = move |_: &mut Permit| Infer::parse(&model, version.as_deref(), json_length.as_deref(), body);
    elsewhere_held(&mut received.permit, parse).await
}

async fn generate(shared: &Shared, named: Named<'_>, head: &Parts, body: RequestBody, began: Instant) -> HttpReply {
    let mut received = match post(shared, head, body).await {
        Ok(received) => received,
        Err(reply) => return reply,
    };
    let exchange = Generate::new(named.0, named.1, received.body.clone());
    call(shared, exchange, received.facts(HTTP, &head.headers, began)).await
}

/// Answers by events, with the status that the first of them says.
async fn generate_stream(shared: &Shared, named: Named<'_>, head: &Parts, body: RequestBody, began: Instant) -> Reply {
    let mut received = match post(shared, head, body).await {
        Ok(received) => received,
        Err(reply) => return reply.into(),
    };
    let exchange = Generate::new(named.0, named.1, received.body.clone());
    let begun = Stream::begin(shared, exchange, received.facts_of_stream(HTTP, &head.headers, began));
    reply_by_events(match begun {
        Ok(stream) => stream.holding(received.permit).begun().await,
        Err(refused) => Err(refused),
    })
}

async fn index(shared: &Shared, head: &Parts, body: RequestBody) -> HttpReply {
    let received = match post(shared, head, body).await {
        Ok(received) => received,
        Err(reply) => return reply,
    };
    match IndexRequest::parse_http(&received.body) {
        Ok(request) => paged(shared, shared.with_index(|versions| request.http(versions))),
        Err(error) => refused(shared, HTTP, &error, refusal),
    }
}

fn refusal(error: &Error) -> HttpReply {
    kserve::http_reply(error, "")
}

fn describe(shared: &Shared, model: &str, version: Option<&str>) -> HttpReply {
    let target = kserve::target(model, version.unwrap_or_default());
    let described = target.and_then(|target| shared.model_metadata(model, target));
    described.map_or_else(|error| refusal(&error), |described| metadata::http(&described))
}

fn ready(shared: &Shared, model: &str, version: Option<&str>) -> HttpReply {
    let target = kserve::target(model, version.unwrap_or_default());
    let ready = target.and_then(|target| shared.model_ready(target));
    ready.map_or_else(|error| refusal(&error), metadata::health)
}
