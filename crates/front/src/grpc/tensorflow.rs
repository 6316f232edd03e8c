//! `tensorflow.serving.PredictionService` and `tensorflow.serving.ModelService`.

use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Response};
use salver_core::Error;
use salver_wire::tensorflow::{
    grpc_status, Form, Inference, MetadataRequest, MultiInference, Predict, ReloadRequest, StatusRequest, Task,
};
use salver_wire::GrpcReply;
use tokio::time::timeout_at;

use super::service::{paged, receive, refuse, respond, unimplemented, Received};
use crate::call::{call, find_target};
use crate::http::body::ReplyBody;
use crate::http::request_body::RequestBody;
use crate::metrics::{Api, Protocol};
use crate::net::peer::Rights;
use crate::shared::Shared;

/// Requests that the original does not count.
const OTHER: Protocol = Protocol::TensorflowGrpc(Api::Other);

/// What a method of `PredictionService` is counted as.
fn protocol(method: &str) -> Protocol {
    Protocol::TensorflowGrpc(match method {
        "Predict" => Api::Predict,
        "Classify" => Api::Classify,
        "Regress" => Api::Regress,
        _ => Api::Other,
    })
}

/// Serves `PredictionService`.
pub async fn predictions(
    shared: &Shared,
    method: &str,
    headers: &HeaderMap,
    body: RequestBody,
    began: Instant,
) -> Response<ReplyBody> {
    if !["Predict", "Classify", "Regress", "MultiInference", "GetModelMetadata"].contains(&method) {
        return unimplemented(&format!("/tensorflow.serving.PredictionService/{method}"));
    }
    let mut received = match receive(shared, headers, body, began).await {
        Ok(received) => received,
        Err(error) => return refuse(shared, protocol(method), &error, grpc_status),
    };
    let message = received.message.clone();
    let answered = match method {
        "Predict" => match Predict::parse(message, form(shared)) {
            Ok(exchange) => Ok(call(shared, exchange, received.facts(protocol(method), headers, began)).await),
            Err(error) => Err(error),
        },
        "Classify" => infer(shared, Task::Classify, &mut received, headers, began).await,
        "Regress" => infer(shared, Task::Regress, &mut received, headers, began).await,
        "MultiInference" => multi_infer(shared, &mut received, headers, began).await,
        _ => metadata(shared, message),
    };
    match answered {
        Ok(reply) => respond(shared, headers, reply).await,
        Err(error) => refuse(shared, protocol(method), &error, grpc_status),
    }
}

fn form(shared: &Shared) -> Form {
    match shared.settings.tensor_content {
        true => Form::Content,
        false => Form::Typed,
    }
}

async fn infer(
    shared: &Shared,
    task: Task,
    received: &mut Received,
    headers: &HeaderMap,
    began: Instant,
) -> Result<GrpcReply, Error> {
    let exchange = Inference::parse(task, received.message.clone())?;
    let api = match task {
        Task::Classify => Api::Classify,
        Task::Regress => Api::Regress,
    };
    Ok(call(shared, exchange, received.facts(Protocol::TensorflowGrpc(api), headers, began)).await)
}

async fn multi_infer(
    shared: &Shared,
    received: &mut Received,
    headers: &HeaderMap,
    began: Instant,
) -> Result<GrpcReply, Error> {
    let request = MultiInference::parse(received.message.clone())?;
    let found = request.target().and_then(|target| find_target(shared, &target));
    let tasks = found.and_then(|(version, _)| request.tasks(version.servable()));
    let tasks = match tasks {
        Ok(tasks) => tasks,
        Err(error) => return Ok(request.refuse(&error)),
    };
    let mut replies = Vec::with_capacity(tasks.len());
    for task in tasks {
        replies.push(call(shared, task, received.facts(OTHER, headers, began)).await);
    }
    Ok(MultiInference::join(replies))
}

fn metadata(shared: &Shared, message: Bytes) -> Result<GrpcReply, Error> {
    let request = MetadataRequest::parse(message)?;
    let found = request.target().and_then(|target| find_target(shared, &target));
    Ok(match found {
        Ok((version, _)) => paged(shared, request.grpc(version.servable()))?,
        Err(error) => request.refuse(&error),
    })
}

/// Serves `ModelService`.
pub async fn models(
    shared: &Shared,
    (method, rights): (&str, Rights),
    headers: &HeaderMap,
    body: RequestBody,
    began: Instant,
) -> Response<ReplyBody> {
    let received = match receive(shared, headers, body, began).await {
        Ok(received) => received,
        Err(error) => return refuse(shared, OTHER, &error, grpc_status),
    };
    let message = received.message.clone();
    let answered = match method {
        "GetModelStatus" => StatusRequest::parse(message).and_then(|request| {
            let reply = shared.with_statuses(|versions| request.grpc(versions));
            paged(shared, reply)
        }),
        "HandleReloadConfigRequest" if rights == Rights::Administer || shared.settings.allow_reload => {
            match ReloadRequest::parse(message) {
                Ok(request) => Ok(reload(shared, request, received.deadline).await),
                Err(error) => Err(error),
            }
        }
        "HandleReloadConfigRequest" => Ok(ReloadRequest::denied()),
        _ => return unimplemented(&format!("/tensorflow.serving.ModelService/{method}")),
    };
    match answered {
        Ok(reply) => respond(shared, headers, reply).await,
        Err(error) => refuse(shared, OTHER, &error, grpc_status),
    }
}

/// Has a list followed, and waits for the verdict. A caller who leaves, or comes to its deadline, changes nothing in that.
async fn reload(shared: &Shared, request: ReloadRequest, deadline: Option<Instant>) -> GrpcReply {
    let Some(verdict) = shared.reloads.ask(request.config) else { return grpc_status(&Error::Draining) };
    let verdict = match deadline {
        None => verdict.await,
        Some(deadline) => match timeout_at(deadline.into(), verdict).await {
            Ok(verdict) => verdict,
            Err(_) => return grpc_status(&Error::DeadlineExceeded),
        },
    };
    match verdict {
        Ok(Ok(())) => ReloadRequest::accepted(),
        Ok(Err((code, text))) => ReloadRequest::failed(code, text),
        Err(_) => grpc_status(&Error::Draining),
    }
}
