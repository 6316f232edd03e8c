use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use salver_core::{Result, Tensor};

use crate::leading::bad_request;
use crate::numbers::{write_array, write_float, write_nested, write_string};
use crate::tensorflow::errors::json;
use crate::tensorflow::results::Results;
use crate::HttpReply;

/// Outputs whose names end so are bytes, not text.
const BYTES_SUFFIX: &str = "_bytes";

/// `{"predictions": [...]}`: what each row comes to.
pub(super) fn predictions(outputs: &[(&str, Tensor)]) -> Result<HttpReply> {
    let rows = common_rows(outputs)?;
    let mut out = opening("predictions");
    match outputs {
        [(name, tensor)] => write_values(&mut out, name, tensor, tensor.shape().dims(), 0),
        _ => {
            out.push(b'[');
            for row in 0..rows {
                comma(&mut out, row);
                object(&mut out, outputs, |out, name, tensor| {
                    let dims = tensor.shape().row();
                    write_values(out, name, tensor, dims, row * dims.iter().product::<usize>());
                });
            }
            out.push(b']');
        }
    }
    Ok(closed(out))
}

/// `{"outputs": ...}`: every output as a whole.
pub(super) fn outputs(outputs: &[(&str, Tensor)]) -> HttpReply {
    let mut out = opening("outputs");
    match outputs {
        [(name, tensor)] => write_values(&mut out, name, tensor, tensor.shape().dims(), 0),
        _ => object(&mut out, outputs, |out, name, tensor| write_values(out, name, tensor, tensor.shape().dims(), 0)),
    }
    closed(out)
}

/// `{"results": [...]}`: for each example its labels with their scores, or its number.
pub(super) fn results(results: &Results) -> HttpReply {
    let mut out = opening("results");
    out.push(b'[');
    match results {
        Results::Values(values) => values.iter().enumerate().for_each(|(index, &value)| {
            comma(&mut out, index);
            write_float(&mut out, value);
        }),
        Results::Classes(classes) => classes.rows().enumerate().for_each(|(index, row)| {
            comma(&mut out, index);
            out.push(b'[');
            for (index, (label, score)) in row.enumerate() {
                comma(&mut out, index);
                out.push(b'[');
                write_string(&mut out, label);
                out.push(b',');
                write_float(&mut out, score);
                out.push(b']');
            }
            out.push(b']');
        }),
    }
    out.push(b']');
    closed(out)
}

/// How many rows all outputs have.
fn common_rows(outputs: &[(&str, Tensor)]) -> Result<usize> {
    let mut rows = None;
    for (name, tensor) in outputs {
        let Some(&found) = tensor.shape().dims().first() else {
            return Err(bad_request(format!("Tensor name: {name} has no shape information ")));
        };
        let wanted = *rows.get_or_insert(found);
        if found != wanted {
            let told = format!("Tensor name: {name} has inconsistent batch size: {found} expecting: {wanted}");
            return Err(bad_request(told));
        }
    }
    Ok(rows.unwrap_or(0))
}

fn opening(key: &str) -> Vec<u8> {
    format!("{{\n    \"{key}\": ").into_bytes()
}

fn closed(mut out: Vec<u8>) -> HttpReply {
    out.extend_from_slice(b"\n}");
    json(200, out)
}

fn object(out: &mut Vec<u8>, outputs: &[(&str, Tensor)], write: impl Fn(&mut Vec<u8>, &str, &Tensor)) {
    out.push(b'{');
    for (index, (name, tensor)) in outputs.iter().enumerate() {
        comma(out, index);
        write_string(out, name);
        out.push(b':');
        write(out, name, tensor);
    }
    out.push(b'}');
}

/// Writes elements from `first` on, nested as `dims` say. Bytes that are no text are written as base64 whatever the
/// output's name is: a document that no client can read helps nobody.
fn write_values(out: &mut Vec<u8>, name: &str, tensor: &Tensor, dims: &[usize], first: usize) {
    let (before, is_bytes) = (out.len(), tensor.dtype().is_variable() && name.ends_with(BYTES_SUFFIX));
    if !is_bytes && write_array(out, tensor, dims, first).is_ok() {
        return;
    }
    out.truncate(before);
    write_nested(out, dims, first, &mut |out, elements| {
        for (index, value) in tensor.values().get(elements).unwrap_or_default().iter().enumerate() {
            comma(out, index);
            match std::str::from_utf8(value) {
                Ok(text) if !is_bytes => write_string(out, text),
                _ => write_base64(out, value),
            }
        }
    });
}

fn write_base64(out: &mut Vec<u8>, value: &[u8]) {
    out.extend_from_slice(b"{\"b64\":");
    write_string(out, &STANDARD.encode(value));
    out.push(b'}');
}

fn comma(out: &mut Vec<u8>, index: usize) {
    if index > 0 {
        out.push(b',');
    }
}
