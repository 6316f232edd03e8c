//! The raw form of text and bytes: each value behind its length in four little-endian bytes.

use bytes::Bytes;
use salver_core::{Data, Error, Tensor};

use super::check::{Check, Layout};
use super::input::bad_request;
use crate::chunks::Chunks;

/// A tensor's data out of its raw form; `input` names it in errors.
pub(super) fn read(check: &Check<'_>, input: &str, layout: &Layout, raw: Bytes) -> Result<Data, Error> {
    if !layout.dtype.is_variable() {
        return Ok(Data::Fixed(raw));
    }
    let model = check.model;
    let broken =
        |what: &str| bad_request(format!("incomplete string {what} for inference input '{input}' for model '{model}'"));
    let count = count(&raw).map_err(broken)?;
    if count != layout.elements {
        return Err(check.string_count(input, layout.elements, count));
    }
    Ok(Data::Variable(values(&raw, count)))
}

/// How many values there are, or which half of one is cut off.
fn count(raw: &[u8]) -> Result<usize, &'static str> {
    let (mut rest, mut count) = (raw, 0);
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk().ok_or("length indicator")?;
        rest = after.get(u32::from_le_bytes(*length) as usize..).ok_or("data")?;
        count += 1;
    }
    Ok(count)
}

/// The values of bytes that `count` has found whole.
fn values(raw: &Bytes, count: usize) -> Vec<Bytes> {
    let mut values = Vec::with_capacity(count);
    let mut at = 0;
    while let Some(length) = raw.get(at..).and_then(<[u8]>::first_chunk) {
        let start = at + 4;
        at = start + u32::from_le_bytes(*length) as usize;
        values.push(raw.slice(start..at));
    }
    values
}

/// How many bytes the raw form takes; an error if a value is longer than its length can say.
pub(super) fn size(tensor: &Tensor) -> Result<usize, Error> {
    if tensor.values().iter().any(|value| u32::try_from(value.len()).is_err()) {
        return Err(Error::internal("an output value of 4 GiB or more, which the raw form cannot carry"));
    }
    Ok(tensor.bytes().len() + tensor.values().iter().map(|value| 4 + value.len()).sum::<usize>())
}

pub(super) fn write(chunks: &mut Chunks, tensor: &Tensor) {
    if let Data::Fixed(bytes) = tensor.data() {
        return chunks.share(bytes);
    }
    for value in tensor.values() {
        chunks.buffer().extend_from_slice(&(value.len() as u32).to_le_bytes());
        chunks.share(value);
    }
}
