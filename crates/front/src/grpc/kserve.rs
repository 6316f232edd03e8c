//! `inference.GRPCInferenceService`.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Response};
use prost::Message;
use salver_core::Error;
use salver_wire::kserve::index::IndexRequest;
use salver_wire::kserve::messages::{
    ModelMetadataRequest, ModelReadyRequest, ModelReadyResponse, ServerLiveResponse, ServerReadyResponse,
};
use salver_wire::kserve::{self, grpc::Infer, metadata};
use salver_wire::GrpcReply;

use super::message::{request_encoding, Messages};
use super::service::{deadline, grpc_response, paged, receive, refuse, respond, unimplemented};
use super::stream::Conversation;
use crate::call::call;
use crate::http::body::ReplyBody;
use crate::http::request_body::RequestBody;
use crate::metrics::Protocol;
use crate::shared::Shared;

pub async fn serve(
    shared: &Arc<Shared>,
    method: &str,
    headers: &HeaderMap,
    body: RequestBody,
    began: Instant,
) -> Response<ReplyBody> {
    match method {
        "ModelInfer" => return infer(shared, headers, body, began).await,
        "ModelStreamInfer" => return converse(shared, headers, body, began),
        _ => {}
    }
    let answer: fn(&Shared, Bytes) -> Result<GrpcReply, Error> = match method {
        "ServerLive" => |_, _| Ok(metadata::grpc(&ServerLiveResponse { live: true })),
        "ServerReady" => |shared, _| Ok(metadata::grpc(&ServerReadyResponse { ready: shared.is_ready() })),
        "ModelReady" => model_ready,
        "ServerMetadata" => |_, _| Ok(metadata::grpc(&metadata::server(env!("CARGO_PKG_VERSION")))),
        "ModelMetadata" => model_metadata,
        "RepositoryIndex" => |shared, message| {
            let request = IndexRequest::parse(message)?;
            Ok(shared.with_index(|versions| request.grpc(versions)))
        },
        _ => return unimplemented(&format!("/inference.GRPCInferenceService/{method}")),
    };
    let answered = match receive(shared, headers, body, began).await {
        Ok(received) => answer(shared, received.message.clone()).and_then(|reply| paged(shared, reply)),
        Err(error) => Err(error),
    };
    respond(shared, headers, answered.unwrap_or_else(|error| refusal(&error))).await
}

async fn infer(shared: &Shared, headers: &HeaderMap, body: RequestBody, began: Instant) -> Response<ReplyBody> {
    let mut received = match receive(shared, headers, body, began).await {
        Ok(received) => received,
        Err(error) => return refuse(shared, Protocol::KserveGrpc, &error, refusal),
    };
    match Infer::parse(received.message.clone()) {
        Ok(exchange) => {
            let reply = call(shared, exchange, received.facts(Protocol::KserveGrpc, headers, began)).await;
            respond(shared, headers, reply).await
        }
        Err(error) => refuse(shared, Protocol::KserveGrpc, &error, refusal),
    }
}

/// Replies come as their requests do.
fn converse(shared: &Arc<Shared>, headers: &HeaderMap, body: RequestBody, began: Instant) -> Response<ReplyBody> {
    let conversation = deadline(headers, began).and_then(|deadline| {
        let messages = Messages::new(body, request_encoding(headers)?);
        Ok(Conversation::new(Arc::clone(shared), headers.clone(), deadline, messages))
    });
    match conversation {
        Ok(conversation) => grpc_response(ReplyBody::stream(conversation)),
        Err(error) => refuse(shared, Protocol::KserveGrpc, &error, refusal),
    }
}

fn refusal(error: &Error) -> GrpcReply {
    kserve::grpc_status(error, "")
}

fn decode<M: Message + Default>(message: Bytes, what: &'static str) -> Result<M, Error> {
    M::decode(message).map_err(|error| Error::malformed(what, error))
}

fn model_ready(shared: &Shared, message: Bytes) -> Result<GrpcReply, Error> {
    let asked: ModelReadyRequest = decode(message, "ModelReadyRequest")?;
    let ready = shared.model_ready(kserve::target(&asked.name, &asked.version)?)?;
    Ok(metadata::grpc(&ModelReadyResponse { ready }))
}

fn model_metadata(shared: &Shared, message: Bytes) -> Result<GrpcReply, Error> {
    let asked: ModelMetadataRequest = decode(message, "ModelMetadataRequest")?;
    let described = shared.model_metadata(&asked.name, kserve::target(&asked.name, &asked.version)?)?;
    Ok(metadata::grpc(&described))
}
