//! `tensorflow.serving.PredictionService` and `tensorflow.serving.ModelService`.

use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Response};
use salver_core::Error;
use salver_wire::tensorflow::{
    grpc_status, Form, Inference, MetadataRequest, MultiInference, Origins, Predict, ReloadRequest, StatusRequest, Task,
};
use salver_wire::GrpcReply;

use super::service::{receive, refuse, respond, unimplemented, Received};
use crate::call::{call, find_target};
use crate::http::body::ReplyBody;
use crate::http::request_body::RequestBody;
use crate::metrics::Protocol;
use crate::shared::Shared;

const PROTOCOL: Protocol = Protocol::TensorflowGrpc;

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
        Err(error) => return refuse(shared, PROTOCOL, &error, grpc_status),
    };
    let message = received.message.clone();
    let answered = match method {
        "Predict" => match Predict::parse(message, Form::Typed) {
            Ok(exchange) => Ok(call(shared, exchange, received.facts(PROTOCOL, headers, began)).await),
            Err(error) => Err(error),
        },
        "Classify" => infer(shared, Task::Classify, &mut received, headers, began).await,
        "Regress" => infer(shared, Task::Regress, &mut received, headers, began).await,
        "MultiInference" => multi_infer(shared, &mut received, headers, began).await,
        _ => metadata(shared, message),
    };
    match answered {
        Ok(reply) => respond(headers, reply).await,
        Err(error) => refuse(shared, PROTOCOL, &error, grpc_status),
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
    Ok(call(shared, exchange, received.facts(PROTOCOL, headers, began)).await)
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
        replies.push(call(shared, task, received.facts(PROTOCOL, headers, began)).await);
    }
    Ok(MultiInference::join(replies))
}

fn metadata(shared: &Shared, message: Bytes) -> Result<GrpcReply, Error> {
    let request = MetadataRequest::parse(message)?;
    let found = request.target().and_then(|target| find_target(shared, &target));
    Ok(match found {
        Ok((version, _)) => request.grpc(version.servable(), &Origins::default()),
        Err(error) => request.refuse(&error),
    })
}

/// Serves `ModelService`.
pub async fn models(
    shared: &Shared,
    method: &str,
    headers: &HeaderMap,
    body: RequestBody,
    began: Instant,
) -> Response<ReplyBody> {
    let message = match receive(shared, headers, body, began).await {
        Ok(received) => received.message,
        Err(error) => return refuse(shared, PROTOCOL, &error, grpc_status),
    };
    let answered = match method {
        "GetModelStatus" => {
            StatusRequest::parse(message).map(|request| shared.with_statuses(|versions| request.grpc(versions)))
        }
        // What is served is changed over the admin socket alone, never by a caller's word.
        "HandleReloadConfigRequest" => ReloadRequest::parse(message).map(|_| ReloadRequest::denied()),
        _ => return unimplemented(&format!("/tensorflow.serving.ModelService/{method}")),
    };
    match answered {
        Ok(reply) => respond(headers, reply).await,
        Err(error) => refuse(shared, PROTOCOL, &error, grpc_status),
    }
}
