//! `GetModelMetadata`: the signatures of a model.

use std::collections::BTreeMap;

use bytes::Bytes;
use salver_core::{Error, Port, Result, Servable};
use serde::Serialize;

use super::errors::{json, Api, Asked};
use super::predict::named;
use super::signatures::{dtype, signatures, Info, Signature};
use super::spec::Spec;
use crate::leading::bad_request;
use crate::protobuf::write::{field_size, key, number, number_size, text, text_size};
use crate::protobuf::Fields;
use crate::tensorflow::dtypes;
use crate::{Body, GrpcReply, HttpReply, Target};

const FIELD: &str = "signature_def";
const TYPE_URL: &str = "type.googleapis.com/tensorflow.serving.SignatureDefMap";

/// A request for the metadata of a model: its target is found by whoever has it, and its answer made from that.
pub struct MetadataRequest(Spec);

impl MetadataRequest {
    /// Reads a `GetModelMetadataRequest`.
    pub fn parse(body: Bytes) -> Result<MetadataRequest> {
        let (mut spec, mut asked, mut odd) = (None, false, None);
        let mut fields = Fields::new("GetModelMetadataRequest", &body);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => spec.get_or_insert_with(Spec::default).read(fields.nested(value)?)?,
                2 => {
                    asked = true;
                    odd = odd.or(Some(fields.text(value)?).filter(|field| field.as_str() != FIELD));
                }
                _ => {}
            }
        }
        let spec = named(spec.as_ref())?.clone();
        if !asked {
            return Err(bad_request("GetModelMetadataRequest must specify at least one metadata_field".into()));
        }
        match odd {
            Some(field) => Err(bad_request(format!("Metadata field {} is not supported", field.as_str()))),
            None => Ok(MetadataRequest(spec)),
        }
    }

    /// What `GET .../metadata` asks for.
    pub fn at(address: Spec) -> MetadataRequest {
        MetadataRequest(address)
    }

    /// The model and version; its method is of no account.
    pub fn target(&self) -> Result<Target<'_>> {
        Ok(Target { method: None, ..self.0.target()? })
    }

    /// A `GetModelMetadataResponse`.
    pub fn grpc(&self, servable: &Servable) -> GrpcReply {
        let mut map = Vec::new();
        for signature in signatures(servable) {
            entry(&mut map, 1, signature.name, &signature_def(&signature));
        }
        let mut any = Vec::new();
        text(&mut any, 1, TYPE_URL);
        text(&mut any, 2, map);
        let mut out = Vec::new();
        self.0.write(&mut out, 1, servable.version, "");
        entry(&mut out, 2, FIELD, &any);
        GrpcReply::ok(Body::from_iter([out.into()]))
    }

    /// The same as JSON.
    pub fn http(&self, servable: &Servable) -> HttpReply {
        let signatures = signatures(servable);
        let by_name = signatures.iter().map(|signature| (signature.name, SignatureDocument::of(signature))).collect();
        let document = Document {
            model_spec: SpecDocument { name: &self.0.name, signature_name: "", version: servable.version.to_string() },
            metadata: Metadata { signature_def: SignatureDefMap { signature_def: by_name } },
        };
        match serde_json::to_vec_pretty(&document) {
            Ok(text) => json(200, text),
            Err(error) => self.refuse_http(&Error::internal(error.to_string())),
        }
    }

    pub fn refuse(&self, error: &Error) -> GrpcReply {
        Asked { spec: &self.0, api: Api::Predict }.grpc(error)
    }

    pub fn refuse_http(&self, error: &Error) -> HttpReply {
        Asked { spec: &self.0, api: Api::RestPredict }.http(error)
    }
}

/// Writes an entry of a map of messages.
fn entry(out: &mut Vec<u8>, field: usize, name: &str, message: &[u8]) {
    key(out, field, text_size(1, name.len()) + field_size(2, message.len()));
    text(out, 1, name);
    key(out, 2, message.len());
    out.extend_from_slice(message);
}

fn signature_def(signature: &Signature<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    for info in &signature.inputs {
        entry(&mut out, 1, info.alias, &tensor_info(info));
    }
    for info in &signature.outputs {
        entry(&mut out, 2, info.alias, &tensor_info(info));
    }
    text(&mut out, 3, signature.method_name);
    for input in &signature.defaults {
        entry(&mut out, 4, &input.name, &no_tensor(input));
    }
    out
}

/// A `TensorInfo`.
fn tensor_info(info: &Info<'_>) -> Vec<u8> {
    let (mut shape, mut out) = (Vec::new(), Vec::new());
    for &dim in info.dims.iter().flatten() {
        key(&mut shape, 2, number_size(1, dim as u64));
        number(&mut shape, 1, dim as u64);
    }
    number(&mut shape, 3, u64::from(info.dims.is_none()));
    text(&mut out, 1, &info.tensor);
    number(&mut out, 2, info.dtype);
    key(&mut out, 3, shape.len());
    out.extend_from_slice(&shape);
    out
}

/// What is shown as the default of an input that may be left out: a tensor of its type without elements.
fn no_tensor(input: &Port) -> Vec<u8> {
    let mut out = Vec::new();
    number(&mut out, 1, dtype(input));
    out.extend_from_slice(&[0x12, 2, 0x12, 0]);
    out
}

#[derive(Serialize)]
struct Document<'a> {
    model_spec: SpecDocument<'a>,
    metadata: Metadata<'a>,
}

#[derive(Serialize)]
struct SpecDocument<'a> {
    name: &'a str,
    signature_name: &'a str,
    version: String,
}

#[derive(Serialize)]
struct Metadata<'a> {
    signature_def: SignatureDefMap<'a>,
}

#[derive(Serialize)]
struct SignatureDefMap<'a> {
    signature_def: BTreeMap<&'a str, SignatureDocument<'a>>,
}

#[derive(Serialize)]
struct SignatureDocument<'a> {
    inputs: BTreeMap<&'a str, InfoDocument<'a>>,
    outputs: BTreeMap<&'a str, InfoDocument<'a>>,
    method_name: &'a str,
    defaults: BTreeMap<&'a str, DefaultDocument>,
}

#[derive(Serialize)]
struct InfoDocument<'a> {
    dtype: String,
    tensor_shape: ShapeDocument,
    name: &'a str,
}

#[derive(Serialize)]
struct DefaultDocument {
    dtype: String,
    tensor_shape: ShapeDocument,
}

#[derive(Serialize)]
struct ShapeDocument {
    dim: Vec<DimDocument>,
    unknown_rank: bool,
}

#[derive(Serialize)]
struct DimDocument {
    size: String,
    name: &'static str,
}

impl<'a> SignatureDocument<'a> {
    fn of(signature: &'a Signature<'a>) -> Self {
        let infos = |infos: &'a [Info<'a>]| infos.iter().map(|info| (info.alias, InfoDocument::of(info))).collect();
        let default = |input: &Port| DefaultDocument {
            dtype: constant(dtype(input)),
            tensor_shape: ShapeDocument::of(Some(&[0])),
        };
        SignatureDocument {
            inputs: infos(&signature.inputs),
            outputs: infos(&signature.outputs),
            method_name: signature.method_name,
            defaults: signature.defaults.iter().map(|input| (input.name.as_str(), default(input))).collect(),
        }
    }
}

impl<'a> InfoDocument<'a> {
    fn of(info: &'a Info<'a>) -> Self {
        let tensor_shape = ShapeDocument::of(info.dims.as_deref());
        InfoDocument { dtype: constant(info.dtype), tensor_shape, name: &info.tensor }
    }
}

impl ShapeDocument {
    fn of(dims: Option<&[i64]>) -> Self {
        let dim = |size: &i64| DimDocument { size: size.to_string(), name: "" };
        ShapeDocument { dim: dims.unwrap_or_default().iter().map(dim).collect(), unknown_rank: dims.is_none() }
    }
}

/// The constant's name of a type's number.
fn constant(number: u64) -> String {
    let name = dtypes::from_number(number).map_or("invalid", |(name, _)| name);
    format!("DT_{}", name.to_ascii_uppercase())
}
