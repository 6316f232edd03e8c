use bytes::Bytes;
use salver_core::Error;

use super::document::{Document, InputDocument, OutputDocument};
use crate::kserve::input::{bad_request, no_classification, no_shared_memory, refused_key, Header, Text};
use crate::Parameters;

/// An infer request, taken apart but not checked against a contract.
#[derive(Default)]
pub(super) struct Request {
    pub(super) id: String,
    pub(super) inputs: Vec<Input>,
    pub(super) outputs: Vec<Output>,
    pub(super) parameters: Parameters,
    /// Outputs are sent as binary unless one says otherwise.
    pub(super) binary_output: bool,
    /// The body of a raw binary request, which has no JSON.
    pub(super) whole: Option<Bytes>,
}

pub(super) struct Input {
    pub(super) header: Header,
    pub(super) payload: Payload,
}

pub(super) enum Payload {
    /// The text of a JSON value.
    Json(Text),
    Binary(Bytes),
}

pub(super) struct Output {
    pub(super) name: String,
    pub(super) binary: Option<bool>,
}

impl Request {
    pub(super) fn parse(model: &str, json_length: Option<&str>, body: Bytes) -> Result<Request, Error> {
        let length = json_length.map_or(Ok(body.len()), |text| header_length(text, body.len()))?;
        if length == 0 && json_length.is_some() {
            return Ok(Request { whole: Some(body), binary_output: true, ..Request::default() });
        }
        let (json, mut blobs) = (body.slice(..length), body.slice(length..));
        if json.trim_ascii_start().first() != Some(&b'{') {
            return Err(Error::malformed("JSON", "a request is an object with the member 'inputs'"));
        }
        let document: Document = serde_json::from_slice(&json).map_err(|error| Error::malformed("JSON", error))?;
        let parameters = document.parameters.unwrap_or_default().0;
        if let Some(refused) = parameters.keys().find_map(|key| refused_key(key, None)) {
            return Err(refused);
        }
        let inputs = member(document.inputs, "inputs")?.0.into_iter();
        let inputs = inputs.map(|input| Input::take(model, input, &json, &mut blobs)).collect::<Result<_, _>>()?;
        if !blobs.is_empty() {
            return Err(bad_request(format!("unexpected additional input data for model '{model}'")));
        }
        let outputs = document.outputs.map(|outputs| outputs.0).unwrap_or_default();
        let outputs = outputs.into_iter().map(Output::take).collect::<Result<_, _>>()?;
        let binary_output = parameters.get("binary_data_output").and_then(|value| value.as_bool()).unwrap_or(false);
        let id = document.id.unwrap_or_default();
        Ok(Request { id, inputs, outputs, parameters, binary_output, whole: None })
    }
}

fn header_length(text: &str, body: usize) -> Result<usize, Error> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let length = text.parse().ok().filter(|_| digits);
    let length = length.ok_or_else(|| {
        let told = "it must be the number of bytes of JSON in the body";
        bad_request(format!("Unable to parse Inference-Header-Content-Length, got: '{text}'; {told}"))
    })?;
    match length <= body {
        true => Ok(length),
        false => {
            Err(bad_request(format!("Inference-Header-Content-Length is {length}, but the body has {body} bytes")))
        }
    }
}

fn member<T>(value: Option<T>, name: &str) -> Result<T, Error> {
    value.ok_or_else(|| {
        bad_request(format!("Unable to parse '{name}': attempt to access non-existing object member '{name}'"))
    })
}

impl Input {
    /// Reads one input's description and takes its data off the front of `blobs`.
    fn take(model: &str, input: InputDocument<'_>, json: &Bytes, blobs: &mut Bytes) -> Result<Input, Error> {
        let name = member(input.name, "name")?;
        let parameters = input.parameters.unwrap_or_default();
        let (size, shared) = (parameters.binary_data_size, parameters.shared_memory_region.is_some());
        let payload = match (input.data, size, shared) {
            (Some(data), None, false) => Payload::Json(Text::within(json, data.get())),
            (None, Some(size), false) => Payload::Binary(blob(model, &name, size, blobs)?),
            (None, None, true) => return Err(no_shared_memory()),
            (data, size, shared) => return Err(not_one_source(&name, data.is_some(), size.is_some(), shared)),
        };
        let shape = member(input.shape, "shape")?.0.into_iter().collect();
        let datatype = member(input.datatype, "datatype")?.into();
        Ok(Input { header: Header { name: name.into(), datatype, shape }, payload })
    }
}

fn blob(model: &str, input: &str, size: u64, blobs: &mut Bytes) -> Result<Bytes, Error> {
    let left = blobs.len();
    match usize::try_from(size).ok().filter(|&size| size <= left) {
        Some(size) => Ok(blobs.split_to(size)),
        None => {
            let lacking = size - left as u64;
            let told = format!("unexpected size for input '{input}', expecting {lacking} additional bytes");
            Err(bad_request(format!("{told} for model '{model}'")))
        }
    }
}

fn not_one_source(input: &str, data: bool, size: bool, shared: bool) -> Error {
    const DATA: &str = "'data'";
    const SIZE: &str = "'binary_data_size' in 'parameters'";
    const SHARED: &str = "'shared_memory_region' in 'parameters'";
    let told = format!("Input must set only one of the following fields: {DATA}, {SIZE}, {SHARED}.");
    let fields = [(DATA, data), (SIZE, size), (SHARED, shared)];
    let set: Vec<&str> = fields.into_iter().filter(|(_, set)| *set).map(|(name, _)| name).collect();
    match set.is_empty() {
        true => bad_request(format!("{told} But no field is set for input '{input}'")),
        false => bad_request(format!("{told} But set {} for input '{input}'", set.join(", "))),
    }
}

impl Output {
    fn take(output: OutputDocument) -> Result<Output, Error> {
        let name = member(output.name, "name")?;
        let parameters = output.parameters.unwrap_or_default();
        if parameters.classification.is_some() {
            return Err(no_classification(&name));
        }
        match parameters.shared_memory_region {
            Some(_) => Err(no_shared_memory()),
            None => Ok(Output { name, binary: parameters.binary_data }),
        }
    }
}
