//! TensorFlow Serving over HTTP, below `/v1`.

use std::time::Instant;

use http::request::Parts;
use salver_core::Error;
use salver_wire::tensorflow::rest::{is_protobuf, Binary, Inference, Predict, Route};
use salver_wire::tensorflow::{http_reply, listing, MetadataRequest, Spec, StatusRequest, Task};
use salver_wire::HttpReply;

use super::request_body::RequestBody;
use super::routes::{header, receive, refused, Received};
use crate::call::{call, find_target};
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
            shared.with_statuses(|versions| StatusRequest::at(address.clone()).http(versions))
        }
        Ok(Route::Metadata(address)) => metadata(shared, address),
        Ok(Route::Models) => shared.with_statuses(listing),
        Err(error) => http_reply(&error),
    }
}

fn metadata(shared: &Shared, address: Spec) -> HttpReply {
    let request = MetadataRequest::at(address);
    let found = request.target().and_then(|target| find_target(shared, &target));
    match found {
        Ok((version, _)) => request.http(version.servable()),
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
    let body = received.body.clone();
    let facts = received.facts(protocol(what), &head.headers, began);
    Ok(match (what, binary) {
        (None, false) => call(shared, Predict::parse(address, body)?, facts).await,
        (Some(task), false) => call(shared, Inference::parse(task, address, body)?, facts).await,
        (None, true) => call(shared, Binary::predict(address, body)?, facts).await,
        (Some(task), true) => call(shared, Binary::infer(task, address, body)?, facts).await,
    })
}
