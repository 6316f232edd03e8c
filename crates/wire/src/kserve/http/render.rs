use salver_core::{DType, Error, Tensor};

use crate::chunks::Chunks;
use crate::kserve::input::bad_request;
use crate::kserve::{datatype, raw};
use crate::numbers::{write_array, write_string};
use crate::HttpReply;

/// What a response repeats of its request, and the version that answered.
pub(super) struct Head<'a> {
    pub(super) id: &'a str,
    pub(super) model: &'a str,
    pub(super) version: u64,
}

/// An infer response: JSON, and behind it the data of the outputs for which `binary` is true.
pub(super) fn response(head: Head<'_>, outputs: &[(&str, Tensor)], binary: &[bool]) -> Result<HttpReply, Error> {
    let mut chunks = Chunks::with_capacity(512);
    let out = chunks.buffer();
    opening(out, &head);
    for (index, ((name, tensor), &binary)) in outputs.iter().zip(binary).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        output(out, name, tensor, binary)?;
    }
    out.extend_from_slice(b"]}");
    let json = out.len();
    if !binary.contains(&true) {
        let headers = vec![("content-type", "application/json".into())];
        return Ok(HttpReply { status: 200, headers, body: chunks.finish() });
    }
    let blobs = outputs.iter().zip(binary).filter(|(_, &binary)| binary);
    blobs.for_each(|((_, tensor), _)| raw::write(&mut chunks, tensor));
    let headers = vec![
        ("content-type", "application/octet-stream".into()),
        ("inference-header-content-length", json.to_string()),
    ];
    Ok(HttpReply { status: 200, headers, body: chunks.finish() })
}

fn opening(out: &mut Vec<u8>, head: &Head<'_>) {
    out.push(b'{');
    if !head.id.is_empty() {
        out.extend_from_slice(b"\"id\":");
        write_string(out, head.id);
        out.push(b',');
    }
    out.extend_from_slice(b"\"model_name\":");
    write_string(out, head.model);
    out.extend_from_slice(b",\"model_version\":\"");
    number(out, head.version);
    out.extend_from_slice(b"\",\"outputs\":[");
}

fn output(out: &mut Vec<u8>, name: &str, tensor: &Tensor, binary: bool) -> Result<(), Error> {
    out.extend_from_slice(b"{\"name\":");
    write_string(out, name);
    out.extend_from_slice(b",\"datatype\":\"");
    out.extend_from_slice(datatype::name(tensor.dtype()).as_bytes());
    out.extend_from_slice(b"\",\"shape\":[");
    for (index, &dim) in tensor.shape().dims().iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        number(out, dim as u64);
    }
    if binary {
        out.extend_from_slice(b"],\"parameters\":{\"binary_data_size\":");
        number(out, raw::size(tensor)? as u64);
        out.extend_from_slice(b"}}");
        return Ok(());
    }
    out.extend_from_slice(b"],\"data\":");
    data(out, name, tensor)?;
    out.push(b'}');
    Ok(())
}

/// An output's elements as a flat array.
fn data(out: &mut Vec<u8>, output: &str, tensor: &Tensor) -> Result<(), Error> {
    elements(out, output, tensor, &[tensor.shape().elements().unwrap_or(0)])
}

/// An output's elements as an array of this shape.
pub(super) fn elements(out: &mut Vec<u8>, output: &str, tensor: &Tensor, dims: &[usize]) -> Result<(), Error> {
    if let dtype @ (DType::F16 | DType::BF16) = tensor.dtype() {
        let datatype = datatype::name(dtype);
        return Err(bad_request(format!(
            "sending {datatype} data via JSON is not supported. Please use the binary data format for output {output}"
        )));
    }
    write_array(out, tensor, dims, 0).map_err(|_| {
        let told = format!("output '{output}' holds bytes that are not UTF-8 text, which JSON cannot carry");
        bad_request(format!("{told}. Please use the binary data format for output {output}"))
    })
}

pub(super) fn number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}
