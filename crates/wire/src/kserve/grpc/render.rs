use salver_core::{Error, Tensor};

use super::request::Request;
use crate::kserve::chunks::Chunks;
use crate::kserve::{datatype, raw};
use crate::Body;

/// A `ModelInferResponse`: names and shapes of the outputs, then one raw entry for each.
pub(super) fn response(request: &Request, version: u64, outputs: &[(&str, Tensor)]) -> Result<Body, Error> {
    let mut chunks = Chunks::with_capacity(256);
    let out = chunks.buffer();
    text(out, 1, request.model.as_str());
    text(out, 2, itoa::Buffer::new().format(version));
    text(out, 3, request.id.as_str());
    for (name, tensor) in outputs {
        output(out, name, tensor);
    }
    for (_, tensor) in outputs {
        key(chunks.buffer(), 6, raw::size(tensor)?);
        raw::write(&mut chunks, tensor);
    }
    Ok(chunks.finish())
}

/// An `InferOutputTensor`.
fn output(out: &mut Vec<u8>, name: &str, tensor: &Tensor) {
    let datatype = datatype::name(tensor.dtype());
    let dims = tensor.shape().dims();
    let packed: usize = dims.iter().map(|&dim| varint_size(dim)).sum();
    key(out, 5, text_size(name) + text_size(datatype) + field_size(packed));
    text(out, 1, name);
    text(out, 2, datatype);
    if packed > 0 {
        key(out, 3, packed);
        dims.iter().for_each(|&dim| varint(out, dim));
    }
}

/// Writes a string field; an empty one is left out, as protobuf has it.
fn text(out: &mut Vec<u8>, number: usize, text: &str) {
    if !text.is_empty() {
        key(out, number, text.len());
        out.extend_from_slice(text.as_bytes());
    }
}

/// Writes what comes before `length` bytes of field `number`, which must be below 16.
fn key(out: &mut Vec<u8>, number: usize, length: usize) {
    varint(out, number << 3 | 2);
    varint(out, length);
}

fn varint(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn varint_size(value: usize) -> usize {
    (usize::BITS - (value | 1).leading_zeros()).div_ceil(7) as usize
}

fn text_size(text: &str) -> usize {
    field_size(text.len())
}

fn field_size(length: usize) -> usize {
    match length {
        0 => 0,
        length => 1 + varint_size(length) + length,
    }
}
