//! TensorFlow Serving over HTTP, below `/v1`.

use std::time::Instant;

use http::request::Parts;
use salver_core::Error;
use salver_wire::tensorflow::rest::{is_protobuf, Binary, Inference, Predict, Route};
use salver_wire::tensorflow::{http_reply, listing, MetadataRequest, Spec, StatusRequest, Task};
use salver_wire::HttpReply;

use super::request_body::RequestBody;
use super::routes::{header, paged, receive, refused, Received};
use crate::aside::aside_held;
use crate::call::{call, find_target, letters};
use crate::metrics::{Api, Protocol};
use crate::shared::Shared;

fn protocol(what: What) -> Protocol {
    Protocol::TensorflowHttp(match what {
        None => Api::Predict,
        Some(Task::Classify) => Api::Classify,
        Some(Task::Regress) => Api::Regress,
    })
}

/// What a call asks to be made of its body: `None` is to predict.
type What = Option<Task>;

pub async fn answer(shared: &Shared, head: &Parts, body: RequestBody, began: Instant) -> HttpReply {
    match Route::parse(head.method.as_str(), head.uri.path()) {
        Ok(Route::Predict(address)) => infer(shared, (None, address), head, body, began).await,
        Ok(Route::Infer(task, address)) => infer(shared, (Some(task), address), head, body, began).await,
        Ok(Route::Status(address)) => {
            paged(shared, shared.with_statuses(|versions| StatusRequest::at(address.clone()).http(versions)))
        }
        Ok(Route::Metadata(address)) => metadata(shared, address),
        Ok(Route::Models) => paged(shared, shared.with_statuses(listing)),
        Err(error) => http_reply(&error),
    }
}

fn metadata(shared: &Shared, address: Spec) -> HttpReply {
    let request = MetadataRequest::at(address);
    let found = request.target().and_then(|target| find_target(shared, &target));
    match found {
        Ok((version, _)) => paged(shared, request.http(version.servable())),
        Err(error) => request.refuse_http(&error),
    }
}

async fn infer(
    shared: &Shared,
    (what, address): (What, Spec),
    head: &Parts,
    body: RequestBody,
    began: Instant,
) -> HttpReply {
    let mut received = match receive(shared, head, body).await {
        Ok(received) => received,
        Err(error) => return refused(shared, protocol(what), &error, http_reply),
    };
    match answered(shared, (what, address), head, &mut received, began).await {
        Ok(reply) => reply,
        Err(error) => refused(shared, protocol(what), &error, http_reply),
    }
}

async fn answered(
    shared: &Shared,
    (what, address): (What, Spec),
    head: &Parts,
    received: &mut Received,
    began: Instant,
) -> Result<HttpReply, Error> {
    let binary = is_protobuf(header(&head.headers, "content-type").unwrap_or_default());
    let (body, size) = (received.body.clone(), letters(protocol(what), &head.headers, received.body.len()));
    let permit = &mut received.permit;
    Ok(match (what, binary) {
        (None, false) => {
            let exchange = aside_held(permit, size, move |_| Predict::parse(address, body)).await?;
            call(shared, exchange, received.facts(protocol(what), &head.headers, began)).await
        }
        (Some(task), false) => {
            let exchange = aside_held(permit, size, move |_| Inference::parse(task, address, body)).await?;
            call(shared, exchange, received.facts(protocol(what), &head.headers, began)).await
        }
        (None, true) => {
            let exchange = Binary::predict(address, body)?;
            call(shared, exchange, received.facts(protocol(what), &head.headers, began)).await
        }
        (Some(task), true) => {
            let exchange = Binary::infer(task, address, body)?;
            call(shared, exchange, received.facts(protocol(what), &head.headers, began)).await
        }
    })
}
