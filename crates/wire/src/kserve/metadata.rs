//! What clients ask before they infer: health, readiness, metadata. The gRPC messages, and the same over HTTP.

use prost::Message;
use salver_core::{Dim, Error, Method, Port, Servable};
use serde::Serialize;

use super::datatype;
use super::errors::http_reply;
use super::messages::{ModelMetadataResponse, ServerMetadataResponse, TensorMetadata};
use crate::leading::wire_shape;
use crate::{Body, GrpcReply, HttpReply};

/// The extensions of the protocol that work here.
const EXTENSIONS: [&str; 1] = ["binary_tensor_data"];

/// `version` is that of the server.
pub fn server(version: &str) -> ServerMetadataResponse {
    let extensions = EXTENSIONS.map(String::from).to_vec();
    ServerMetadataResponse { name: "salver".into(), version: version.into(), extensions }
}

/// A method's contract as a model's metadata; `name` is what the caller asked for, `versions` are the ready ones.
///
/// Shapes start with -1 for a batched method, and have -1 for every free dimension. The protocol has no word
/// for what a port does not declare: an undeclared type is shown as `BYTES`, undeclared dimensions as one of -1.
pub fn model(name: &str, versions: &[u64], servable: &Servable, method: &Method) -> ModelMetadataResponse {
    let contract = &method.contract;
    let tensors = |ports: &[Port]| ports.iter().map(|port| tensor(port, contract.batched)).collect();
    ModelMetadataResponse {
        name: name.into(),
        versions: versions.iter().map(u64::to_string).collect(),
        platform: servable.runtime.clone(),
        inputs: tensors(&contract.inputs),
        outputs: tensors(&contract.outputs),
    }
}

fn tensor(port: &Port, batched: bool) -> TensorMetadata {
    let undeclared = [Dim::Free(String::new())];
    let dims = port.dims.as_deref().unwrap_or(&undeclared);
    TensorMetadata {
        name: port.name.clone(),
        datatype: port.dtype.map_or("BYTES", datatype::name).into(),
        shape: wire_shape(dims, batched),
    }
}

/// A message as a gRPC reply.
pub fn grpc(message: &impl Message) -> GrpcReply {
    GrpcReply::ok(Body::from_iter([message.encode_to_vec().into()]))
}

/// Metadata as an HTTP reply.
pub fn http(metadata: &impl Serialize) -> HttpReply {
    match serde_json::to_vec(metadata) {
        Ok(body) => {
            let headers = vec![("content-type", "application/json".into())];
            HttpReply { status: 200, headers, body: Body::from_iter([body.into()]) }
        }
        Err(error) => http_reply(&Error::internal(error.to_string()), ""),
    }
}

/// The answer of `/v2/health/live`, `/v2/health/ready` and `/v2/models/<m>/ready`: the status code, and no body.
///
/// A model that is not known is refused with its error instead.
pub fn health(healthy: bool) -> HttpReply {
    HttpReply { status: if healthy { 200 } else { 400 }, headers: Vec::new(), body: Body::new() }
}
