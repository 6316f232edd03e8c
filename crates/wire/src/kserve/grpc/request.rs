use std::ops::Range;

use bytes::Bytes;
use salver_core::Error;
use smallvec::SmallVec;

use super::fields::{broken, Fields, Value};
use crate::kserve::input::{no_classification, no_shared_memory, refused_key, Header, Text, MAX_RANK, MAX_TENSORS};

/// The C++ client sends this with every request; it speaks of streams.
const STREAM_KEY: &str = "triton_enable_empty_final_response";

/// A `ModelInferRequest`, taken apart but not copied: data is given as places in `body`.
#[derive(Default)]
pub(super) struct Request {
    pub(super) body: Bytes,
    pub(super) model: Text,
    pub(super) version: Text,
    pub(super) id: Text,
    pub(super) inputs: Vec<Input>,
    pub(super) outputs: SmallVec<[Text; 2]>,
    pub(super) raw: SmallVec<[Range<usize>; 2]>,
}

#[derive(Default)]
pub(super) struct Input {
    pub(super) header: Header,
    /// The `InferTensorContents` messages, which protobuf merges if there are several.
    pub(super) contents: SmallVec<[Range<usize>; 1]>,
}

impl Request {
    pub(super) fn parse(body: Bytes) -> Result<Request, Error> {
        let mut request = Request::default();
        let mut fields = Fields::new(&body, 0..body.len());
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => request.model = value.text(&body)?,
                2 => request.version = value.text(&body)?,
                3 => request.id = value.text(&body)?,
                4 => parameter(&body, value.span()?, |key| refused_key(key, Some(STREAM_KEY)))?,
                5 => request.inputs.push(Input::parse(&body, value.span()?)?),
                6 => request.outputs.push(output(&body, value.span()?)?),
                7 => request.raw.push(value.span()?),
                _ => {}
            }
            if request.inputs.len().max(request.outputs.len()).max(request.raw.len()) > MAX_TENSORS {
                return Err(broken(format!("it has more than {MAX_TENSORS} tensors")));
            }
        }
        request.body = body;
        Ok(request)
    }
}

impl Input {
    fn parse(body: &Bytes, within: Range<usize>) -> Result<Input, Error> {
        let mut input = Input::default();
        let mut fields = Fields::new(body, within);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => input.header.name = value.text(body)?,
                2 => input.header.datatype = value.text(body)?,
                3 => shape(body, value, &mut input.header)?,
                4 => parameter(body, value.span()?, shared_memory)?,
                5 => input.contents.push(value.span()?),
                _ => {}
            }
            if input.contents.len() > MAX_TENSORS {
                return Err(broken(format!("an input has more than {MAX_TENSORS} contents")));
            }
        }
        Ok(input)
    }
}

fn shape(body: &Bytes, value: Value, header: &mut Header) -> Result<(), Error> {
    let mut push = |dim: u64| {
        if header.shape.len() == MAX_RANK {
            return Err(broken(format!("a shape has more than {MAX_RANK} dimensions")));
        }
        header.shape.push(dim as i64);
        Ok(())
    };
    match value {
        Value::Varint(dim) => push(dim)?,
        Value::Span(range) => {
            let mut packed = Fields::new(body, range);
            while !packed.is_empty() {
                push(packed.varint()?)?;
            }
        }
        Value::Fixed(_) => return Err(broken("a shape is sent as fixed-size numbers".into())),
    }
    Ok(())
}

fn output(body: &Bytes, within: Range<usize>) -> Result<Text, Error> {
    let mut name = Text::default();
    let mut parameters: SmallVec<[Range<usize>; 2]> = SmallVec::new();
    let mut fields = Fields::new(body, within);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => name = value.text(body)?,
            2 => parameters.push(value.span()?),
            _ => {}
        }
    }
    for entry in parameters {
        parameter(body, entry, |key| match key {
            "classification" => Some(no_classification(name.as_str())),
            key => shared_memory(key),
        })?;
    }
    Ok(name)
}

fn shared_memory(key: &str) -> Option<Error> {
    key.starts_with("shared_memory_").then(no_shared_memory)
}

/// One entry of a map of parameters, whose key may be refused. Values are not used.
fn parameter(body: &Bytes, within: Range<usize>, refused: impl Fn(&str) -> Option<Error>) -> Result<(), Error> {
    let mut key = Text::default();
    let mut fields = Fields::new(body, within);
    while let Some((number, value)) = fields.next()? {
        if number == 1 {
            key = value.text(body)?;
        }
    }
    refused(key.as_str()).map_or(Ok(()), Err)
}
