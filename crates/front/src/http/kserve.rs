//! KServe V2 over HTTP, below `/v2`.

use std::time::Instant;

use http::request::Parts;
use http::Method;
use hyper::body::Incoming;
use salver_core::Error;
use salver_wire::kserve::{self, http::Infer, metadata};
use salver_wire::HttpReply;

use super::routes::{get, header, not_found, receive, refused, wrong_method};
use crate::call::call;
use crate::metrics::Protocol;
use crate::shared::Shared;

pub async fn answer(shared: &Shared, path: &[&str], head: &Parts, body: Incoming, began: Instant) -> HttpReply {
    match path {
        [] | [""] => get(head, || metadata::http(&metadata::server(env!("CARGO_PKG_VERSION")))),
        ["health", "live"] => get(head, || metadata::health(true)),
        ["health", "ready"] => get(head, || metadata::health(shared.is_ready())),
        ["models", model] => get(head, || describe(shared, model, None)),
        ["models", model, "versions", version] => get(head, || describe(shared, model, Some(version))),
        ["models", model, "ready"] => get(head, || ready(shared, model, None)),
        ["models", model, "versions", version, "ready"] => get(head, || ready(shared, model, Some(version))),
        ["models", model, "infer"] => infer(shared, (model, None), head, body, began).await,
        ["models", model, "versions", version, "infer"] => {
            infer(shared, (model, Some(version)), head, body, began).await
        }
        _ => not_found(),
    }
}

async fn infer(
    shared: &Shared,
    (model, version): (&str, Option<&str>),
    head: &Parts,
    body: Incoming,
    began: Instant,
) -> HttpReply {
    if head.method != Method::POST {
        return wrong_method("POST");
    }
    let mut received = match receive(shared, head, body).await {
        Ok(received) => received,
        Err(error) => return refused(shared, Protocol::KserveHttp, &error, refusal),
    };
    let json_length = header(&head.headers, "inference-header-content-length");
    match Infer::parse(model, version, json_length, received.body.clone()) {
        Ok(exchange) => call(shared, exchange, received.facts(Protocol::KserveHttp, began)).await,
        Err(error) => refused(shared, Protocol::KserveHttp, &error, refusal),
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
