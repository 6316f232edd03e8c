//! `HandleReloadConfigRequest`: which models are to be served from now on.

use bytes::Bytes;
use salver_core::{Code, Result};

use super::errors::grpc_told;
use crate::protobuf::Fields;
use crate::{Body, GrpcReply};

/// All models that are to be served; whatever it leaves out is to be unloaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReloadRequest {
    /// A serialized `ModelServerConfig`, which whoever carries it out reads.
    pub config: Bytes,
}

impl ReloadRequest {
    /// Reads a `ReloadConfigRequest`.
    pub fn parse(body: Bytes) -> Result<ReloadRequest> {
        let mut config = Vec::new();
        let mut fields = Fields::new("ReloadConfigRequest", &body);
        while let Some((number, value)) = fields.next()? {
            if number == 1 {
                // If there are several, protobuf merges them, which is to read one after the other.
                config.extend_from_slice(&fields.bytes(value)?);
            }
        }
        Ok(ReloadRequest { config: config.into() })
    }

    /// The reply once what was asked for is so: a `ReloadConfigResponse` with status OK.
    pub fn accepted() -> GrpcReply {
        GrpcReply::ok(Body::from_iter([Bytes::from_static(&[0x0a, 0])]))
    }

    /// The reply where what was asked for cannot be so, in a text of whoever found out.
    pub fn failed(code: Code, text: impl Into<String>) -> GrpcReply {
        grpc_told(code, text.into())
    }

    /// The reply on listeners where nobody may change what is served.
    pub fn denied() -> GrpcReply {
        let told = "this address does not take HandleReloadConfigRequest, because it changes what is served";
        let remedy = "send it to the socket of --admin, or start the server with --allow-reload (SALVER_ALLOW_RELOAD)";
        grpc_told(Code::PermissionDenied, format!("{told}; {remedy}"))
    }
}
