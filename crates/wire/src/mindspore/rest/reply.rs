use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use half::{bf16, f16};
use salver_core::{DType, Error, Port, Result, Tensor};
use smallvec::smallvec;

use super::call::{PARSER, SYNTAX};
use super::numbers::write_double;
use super::Address;
use crate::mindspore::errors::{Failure, Message};
use crate::mindspore::request::Spec;
use crate::numbers::{write_nested, write_string};
use crate::rows::Row;
use crate::HttpReply;

/// The reason phrase of every reply.
pub const REASON: &str = "Client";

/// The reply to a request that was not read; `error` is a whole text.
pub fn refuse(error: &str) -> HttpReply {
    let mut out = Vec::new();
    write_failure(&mut out, error);
    reply(out)
}

/// The reply to a request that could not be read.
pub fn refuse_unread(error: &Error) -> HttpReply {
    refused(&Address::default(), error)
}

/// The reply to a request that failed as a whole.
pub(super) fn refused(address: &Address, error: &Error) -> HttpReply {
    refuse(&message(address, error).text)
}

/// The reply to a request whose instances each came to outputs or to an error.
pub(super) fn answered(address: &Address, outputs: &[Port], outcomes: Vec<Result<Row>>) -> HttpReply {
    let outcomes: Vec<Result<Row, Message>> =
        outcomes.into_iter().map(|outcome| outcome.map_err(|error| message(address, &error))).collect();
    if let Some(Err(first)) = outcomes.first() {
        if outcomes.iter().all(|outcome| outcome.as_ref().err() == Some(first)) {
            return refuse(&first.text);
        }
    }
    let mut out = b"{\"instances\":[".to_vec();
    for (index, outcome) in outcomes.iter().enumerate() {
        comma(&mut out, index);
        match outcome {
            Ok(row) => write_row(&mut out, outputs, row),
            Err(message) => write_failure(&mut out, &message.text),
        }
    }
    out.extend_from_slice(b"]}");
    reply(out)
}

fn reply(document: Vec<u8>) -> HttpReply {
    let headers = vec![("content-type", "application/json".to_string())];
    HttpReply { status: 200, headers, body: smallvec![document.into()] }
}

fn message(address: &Address, error: &Error) -> Message {
    let Address { servable, method, version } = address.clone();
    let spec = Spec { servable, method, version, ..Spec::default() };
    let text = match error {
        Error::Malformed { what, detail } if *what == PARSER => format!("{PARSER}, {detail}"),
        Error::Malformed { what, detail } if *what == SYNTAX => format!("{SYNTAX}{detail}"),
        Error::TooLarge { limit, .. } => format!("http message is bigger than {limit}"),
        error => match Failure::of(error, &spec) {
            Failure::Message(message) => return message,
            Failure::Status(_, text) => text,
        },
    };
    Message { code: 0, text }
}

fn write_failure(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b"{\"error_msg\":");
    write_string(out, text);
    out.push(b'}');
}

fn write_row(out: &mut Vec<u8>, outputs: &[Port], row: &[Tensor]) {
    let mut named: Vec<(&Port, &Tensor)> = outputs.iter().zip(row).collect();
    named.sort_by(|one, other| one.0.name.cmp(&other.0.name));
    out.push(b'{');
    for (index, (port, tensor)) in named.into_iter().enumerate() {
        comma(out, index);
        write_string(out, &port.name);
        out.push(b':');
        write_nested(out, tensor.shape().row(), 0, &mut |out, elements| {
            for (index, element) in elements.enumerate() {
                comma(out, index);
                write_element(out, tensor, element);
            }
        });
    }
    out.push(b'}');
}

fn write_element(out: &mut Vec<u8>, tensor: &Tensor, element: usize) {
    if let Some(value) = tensor.values().get(element) {
        return match std::str::from_utf8(value) {
            Ok(text) if tensor.dtype() == DType::Str => write_string(out, text),
            _ => {
                out.extend_from_slice(b"{\"b64\":");
                write_string(out, &STANDARD.encode(value));
                out.push(b'}');
            }
        };
    }
    let size = tensor.dtype().size().unwrap_or(1);
    let bytes = tensor.bytes().get(element * size..(element + 1) * size).unwrap_or_default();
    out.extend_from_slice(number(tensor.dtype(), bytes).as_bytes());
}

/// An element as text; what JSON has no number for is `null`.
fn number(dtype: DType, bytes: &[u8]) -> String {
    let mut wide = [0; 8];
    wide[..bytes.len().min(8)].copy_from_slice(&bytes[..bytes.len().min(8)]);
    let low =
        |count: usize| <[u8; 4]>::try_from(&wide[..4]).map_or(0, u32::from_le_bytes) & (u32::MAX >> (32 - 8 * count));
    match dtype {
        DType::Bool => if bytes == [0] { "false" } else { "true" }.into(),
        DType::U8 => low(1).to_string(),
        DType::U16 => low(2).to_string(),
        DType::U32 => low(4).to_string(),
        DType::U64 => u64::from_le_bytes(wide).to_string(),
        DType::I8 => (low(1) as i8).to_string(),
        DType::I16 => (low(2) as i16).to_string(),
        DType::I32 => (low(4) as i32).to_string(),
        DType::I64 => i64::from_le_bytes(wide).to_string(),
        DType::F16 => float(f16::from_bits(low(2) as u16).into()),
        DType::BF16 => float(bf16::from_bits(low(2) as u16).into()),
        DType::F32 => float(f32::from_bits(low(4)).into()),
        DType::F64 => float(f64::from_le_bytes(wide)),
        DType::Str | DType::Bytes => "null".into(),
    }
}

fn float(value: f64) -> String {
    let mut out = String::new();
    match value.is_finite() {
        true => write_double(&mut out, value),
        false => out.push_str("null"),
    }
    out
}

fn comma(out: &mut Vec<u8>, index: usize) {
    if index > 0 {
        out.push(b',');
    }
}
