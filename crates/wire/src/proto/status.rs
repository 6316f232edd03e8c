//! How calls end, as JSON: `{"code": 5, "message": "...", "details": [{"@type": "...", ...}]}`, which is `google.rpc.Status`
//! in proto3's mapping.

use std::sync::OnceLock;

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use bytes::Bytes;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, ReflectMessage};
use protox::file::{ChainFileResolver, GoogleFileResolver};
use protox::Compiler;

use super::json::{self, JsonError, Names};
use super::known::Known;
use crate::numbers::write_string;

/// A `google.rpc.Status`, as `grpc-status-details-bin` holds it.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RichStatus {
    #[prost(int32, tag = "1")]
    pub(crate) code: i32,
    #[prost(string, tag = "2")]
    pub(crate) message: String,
    #[prost(message, repeated, tag = "3")]
    pub(crate) details: Vec<Detail>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Detail {
    #[prost(string, tag = "1")]
    pub(crate) type_url: String,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) value: Bytes,
}

/// Writes how a call ended. `details` is what `grpc-status-details-bin` holds; messages in it that neither `pool` nor
/// google/rpc knows are shown as base64.
pub fn write_status(out: &mut Vec<u8>, code: u32, message: &str, details: &[u8], pool: Option<&DescriptorPool>) {
    out.extend_from_slice(b"{\"code\":");
    out.extend_from_slice(itoa::Buffer::new().format(code).as_bytes());
    out.extend_from_slice(b",\"message\":");
    write_string(out, message);
    out.extend_from_slice(b",\"details\":[");
    // Details that are none are no reason to hide the error that they belong to.
    let details = RichStatus::decode(details).unwrap_or_default().details;
    for (index, detail) in details.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_detail(out, detail, pool);
    }
    out.extend_from_slice(b"]}");
}

fn write_detail(out: &mut Vec<u8>, detail: &Detail, pool: Option<&DescriptorPool>) {
    out.extend_from_slice(b"{\"@type\":");
    write_string(out, &detail.type_url);
    match pool.into_iter().chain(rpc_types()).find_map(|pool| document(pool, detail)) {
        Some((document, true)) => {
            out.extend_from_slice(b",\"value\":");
            out.extend_from_slice(&document);
        }
        Some((document, false)) => match document.get(1..document.len() - 1) {
            None | Some([]) => {}
            Some(members) => {
                out.push(b',');
                out.extend_from_slice(members);
            }
        },
        None => {
            out.extend_from_slice(b",\"value\":");
            write_string(out, &STANDARD.encode(&detail.value));
        }
    }
    out.push(b'}');
}

/// A detail as a document, and whether its type is one with a form of its own.
fn document(pool: &DescriptorPool, detail: &Detail) -> Option<(Vec<u8>, bool)> {
    let name = detail.type_url.rsplit('/').next()?;
    let message = DynamicMessage::decode(pool.get_message_by_name(name)?, detail.value.clone()).ok()?;
    let mut out = Vec::new();
    json::write(&mut out, &message, Names::Json).ok()?;
    Some((out, json::has_own_form(&message.descriptor())))
}

/// The types of google/rpc, which every service may use in its errors.
fn rpc_types() -> Option<&'static DescriptorPool> {
    static POOL: OnceLock<Option<DescriptorPool>> = OnceLock::new();
    let compile = || {
        let mut resolver = ChainFileResolver::new();
        resolver.add(GoogleFileResolver::new());
        resolver.add(Known);
        let mut compiler = Compiler::with_file_resolver(resolver);
        let compiled = compiler.open_files(["google/rpc/status.proto", "google/rpc/error_details.proto"]);
        compiled.map(|compiler| compiler.descriptor_pool()).ok()
    };
    POOL.get_or_init(compile).as_ref()
}

/// The `google.rpc.Status` of a request that is refused because of a field, for `grpc-status-details-bin`.
pub fn bad_request(error: &JsonError) -> Vec<u8> {
    #[derive(Clone, PartialEq, Message)]
    struct BadRequest {
        #[prost(message, repeated, tag = "1")]
        field_violations: Vec<FieldViolation>,
    }
    #[derive(Clone, PartialEq, Message)]
    struct FieldViolation {
        #[prost(string, tag = "1")]
        field: String,
        #[prost(string, tag = "2")]
        description: String,
    }
    let violation = FieldViolation { field: error.field.clone(), description: error.text.clone() };
    let value = BadRequest { field_violations: vec![violation] }.encode_to_vec().into();
    let details = match error.field.is_empty() {
        true => Vec::new(),
        false => vec![Detail { type_url: "type.googleapis.com/google.rpc.BadRequest".into(), value }],
    };
    RichStatus { code: 3, message: error.to_string(), details }.encode_to_vec()
}
