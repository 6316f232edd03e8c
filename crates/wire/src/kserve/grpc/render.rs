use bytes::Bytes;
use salver_core::{Error, Tensor};

use super::request::Request;
use crate::chunks::Chunks;
use crate::kserve::{datatype, raw};
use crate::protobuf::write::{field_size, key, text, text_size, varint, varint_size};
use crate::Body;

/// A `ModelInferResponse`: names and shapes of the outputs, then one raw entry for each.
pub(super) fn response(request: &Request, version: u64, outputs: &[(&str, Tensor)]) -> Result<Body, Error> {
    let mut chunks = Chunks::with_capacity(256);
    head(chunks.buffer(), request, version);
    content(&mut chunks, outputs)?;
    Ok(chunks.finish())
}

/// A `ModelStreamInferResponse` with outputs, which may be none.
pub(super) fn streamed(request: &Request, version: u64, outputs: &[(&str, Tensor)], last: bool) -> Result<Body, Error> {
    let mut chunks = Chunks::with_capacity(256);
    head(chunks.buffer(), request, version);
    is_final(chunks.buffer(), last);
    content(&mut chunks, outputs)?;
    let mut response = chunks.finish();
    let mut out = Vec::with_capacity(256);
    key(&mut out, 2, response.iter().map(Bytes::len).sum());
    match response.first_mut() {
        Some(first) if first.len() <= SMALL => {
            out.extend_from_slice(first);
            *first = out.into();
        }
        _ => response.insert(0, out.into()),
    }
    Ok(response)
}

/// A first chunk up to this size is copied behind what comes before it.
const SMALL: usize = 4096;

/// A `ModelStreamInferResponse` that says why there are no outputs.
pub(super) fn streamed_error(message: &str, id: &str) -> Body {
    let (mut inner, mut out) = (Vec::new(), Vec::new());
    text(&mut inner, 3, id);
    is_final(&mut inner, true);
    text(&mut out, 1, message);
    key(&mut out, 2, inner.len());
    out.extend_from_slice(&inner);
    Body::from_iter([out.into()])
}

/// The parameter that says whether the answer to its request is complete.
fn is_final(out: &mut Vec<u8>, last: bool) {
    const NAME: &str = "triton_final_response";
    let value = [0x08, u8::from(last)];
    key(out, 4, text_size(1, NAME.len()) + field_size(2, value.len()));
    text(out, 1, NAME);
    key(out, 2, value.len());
    out.extend_from_slice(&value);
}

fn head(out: &mut Vec<u8>, request: &Request, version: u64) {
    text(out, 1, request.model.as_str());
    text(out, 2, itoa::Buffer::new().format(version));
    text(out, 3, request.id.as_str());
}

fn content(chunks: &mut Chunks, outputs: &[(&str, Tensor)]) -> Result<(), Error> {
    let out = chunks.buffer();
    for (name, tensor) in outputs {
        output(out, name, tensor);
    }
    for (_, tensor) in outputs {
        key(chunks.buffer(), 6, raw::size(tensor)?);
        raw::write(chunks, tensor);
    }
    Ok(())
}

/// An `InferOutputTensor`.
fn output(out: &mut Vec<u8>, name: &str, tensor: &Tensor) {
    let datatype = datatype::name(tensor.dtype());
    let dims = tensor.shape().dims();
    let packed: usize = dims.iter().map(|&dim| varint_size(dim as u64)).sum();
    key(out, 5, text_size(1, name.len()) + text_size(2, datatype.len()) + text_size(3, packed));
    text(out, 1, name);
    text(out, 2, datatype);
    if packed > 0 {
        key(out, 3, packed);
        dims.iter().for_each(|&dim| varint(out, dim as u64));
    }
}
