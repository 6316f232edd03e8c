//! The REST interface, version 1: [`Route`] says what a request to a path below `/v1/` asks for.
//!
//! | route | here |
//! |---|---|
//! | `Predict` | [`Predict`], an exchange |
//! | `Infer` | [`Inference`], an exchange |
//! | either, with a content type that [`is_protobuf`] | [`Binary`], an exchange |
//! | `Status`, `Metadata` | `http` of [`StatusRequest`](super::StatusRequest) and [`MetadataRequest`](super::MetadataRequest) |
//! | `Models` | [`listing`](super::listing), which the original does not have |
//!
//! What has no route, and what cannot be parsed, is refused by [`http_reply`](super::http_reply).
//!
//! **Predict** takes `{"instances": [...]}`, a value or an object of named values for each row, or `{"inputs": ...}`, a
//! value or an object of whole inputs; `"signature_name"` may be said. Bytes are `{"b64": "..."}`. A row's answers
//! are `{"predictions": [...]}`, those of whole inputs `{"outputs": ...}`; with a single output values stand by
//! themselves, else in objects. Strings of outputs whose names end in `_bytes`, and those that are no text, are
//! `{"b64": "..."}`. `NaN` and `Infinity` are read and written as bare words, which strict JSON does not have.
//! Where an input declares no type, whole numbers are int64, others float64.
//!
//! **Binary bodies.** With `Content-Type: application/x-protobuf` the body is the message that gRPC would have, and so
//! is the reply, its numbers in `tensor_content`: large tensors cost neither text nor base64. The path says which model
//! and version, the message which signature. Errors are JSON as everywhere here.

mod address;
mod binary;
mod document;
mod examples;
mod inference;
mod nest;
mod predict;
mod render;
mod rows;
mod skim;
mod values;
mod walk;

pub use address::Route;
pub use binary::{is_protobuf, Binary, PROTOBUF};
pub use inference::Inference;
pub use predict::Predict;
