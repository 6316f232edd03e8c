use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use salver_core::{DType, Error, Port, Result, Tensor};
use serde::de::IgnoredAny;
use smallvec::smallvec;

use crate::numbers::{write_array, write_nested, write_string};
use crate::rows::Row;
use crate::HttpReply;

/// The reply to whatever failed as a whole.
pub fn refuse(error: &Error) -> HttpReply {
    let mut out = Vec::new();
    write_error(&mut out, error);
    json(error.code().http(), out)
}

pub(super) fn json(status: u16, document: Vec<u8>) -> HttpReply {
    let headers = vec![("content-type", "application/json".to_string())];
    HttpReply { status, headers, body: smallvec![document.into()] }
}

/// The answer to a single row.
pub(super) fn one(outputs: &[Port], outcomes: &[Result<Row>]) -> HttpReply {
    match outcomes {
        [Ok(row)] => {
            let mut out = Vec::new();
            write_row(&mut out, outputs, row);
            json(200, out)
        }
        [Err(error)] => refuse(error),
        _ => refuse(&Error::internal("a single row has not a single outcome")),
    }
}

/// The answer to an array of rows: each row's outputs or error in its place.
pub(super) fn many(outputs: &[Port], outcomes: &[Result<Row>]) -> HttpReply {
    let mut out = vec![b'['];
    for (index, outcome) in outcomes.iter().enumerate() {
        comma(&mut out, index);
        match outcome {
            Ok(row) => write_row(&mut out, outputs, row),
            Err(error) => write_error(&mut out, error),
        }
    }
    out.push(b']');
    let all_failed = outcomes.iter().all(Result::is_err);
    let first_error = outcomes.iter().find_map(|outcome| outcome.as_ref().err()).filter(|_| all_failed);
    json(first_error.map_or(200, |error| error.code().http()), out)
}

pub(super) fn write_error(out: &mut Vec<u8>, error: &Error) {
    out.extend_from_slice(b"{\"error\":{\"code\":");
    write_string(out, error.code().name());
    out.extend_from_slice(b",\"message\":");
    write_string(out, &error.to_string());
    out.extend_from_slice(b"}}");
}

pub(super) fn write_row(out: &mut Vec<u8>, outputs: &[Port], row: &[Tensor]) {
    out.push(b'{');
    for (index, (port, tensor)) in outputs.iter().zip(row).enumerate() {
        comma(out, index);
        write_string(out, &port.name);
        out.push(b':');
        write_value(out, port, tensor);
    }
    out.push(b'}');
}

fn write_value(out: &mut Vec<u8>, port: &Port, tensor: &Tensor) {
    let (dims, before) = (tensor.shape().row(), out.len());
    let plain = tensor.dtype() != DType::Bytes && !port.json && all_finite(tensor);
    if plain && write_array(out, tensor, dims, 0).is_ok() {
        return;
    }
    out.truncate(before);
    write_nested(out, dims, 0, &mut |out, elements| {
        for (index, element) in elements.enumerate() {
            comma(out, index);
            match tensor.values().get(element).and_then(|value| document(port, value)) {
                Some(document) => out.extend_from_slice(document.as_bytes()),
                None => write_element(out, tensor, element),
            }
        }
    });
}

/// The text of a port of documents, if it is one.
fn document<'a>(port: &Port, value: &'a [u8]) -> Option<&'a str> {
    let text = std::str::from_utf8(value).ok().filter(|_| port.json)?;
    serde_json::from_str::<IgnoredAny>(text).is_ok().then_some(text)
}

/// An element that may be one JSON has no plain form for.
fn write_element(out: &mut Vec<u8>, tensor: &Tensor, element: usize) {
    match tensor.values().get(element) {
        Some(value) => match std::str::from_utf8(value) {
            Ok(text) if tensor.dtype() == DType::Str => write_string(out, text),
            _ => write_base64(out, value),
        },
        None if is_finite(tensor, element) && write_array(out, tensor, &[], element).is_ok() => {}
        None => out.extend_from_slice(b"null"),
    }
}

fn write_base64(out: &mut Vec<u8>, value: &[u8]) {
    out.extend_from_slice(b"{\"b64\":");
    write_string(out, &STANDARD.encode(value));
    out.push(b'}');
}

fn all_finite(tensor: &Tensor) -> bool {
    match float_exponent(tensor.dtype()) {
        None => true,
        Some((size, _)) => (0..tensor.bytes().len() / size).all(|element| is_finite(tensor, element)),
    }
}

fn is_finite(tensor: &Tensor, element: usize) -> bool {
    let Some((size, exponent)) = float_exponent(tensor.dtype()) else { return true };
    let high = tensor.bytes().get(..(element + 1) * size).and_then(<[u8]>::last_chunk);
    high.is_none_or(|&high| u16::from_le_bytes(high) & exponent != exponent)
}

/// The size of a float type, and the exponent's bits in its two highest bytes: all set means not finite.
fn float_exponent(dtype: DType) -> Option<(usize, u16)> {
    match dtype {
        DType::F16 => Some((2, 0x7c00)),
        DType::BF16 => Some((2, 0x7f80)),
        DType::F32 => Some((4, 0x7f80)),
        DType::F64 => Some((8, 0x7ff0)),
        _ => None,
    }
}

fn comma(out: &mut Vec<u8>, index: usize) {
    if index > 0 {
        out.push(b',');
    }
}
