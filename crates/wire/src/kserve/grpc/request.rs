use std::ops::Range;

use bytes::Bytes;
use salver_core::Error;
use serde_json::{Number, Value as Json};
use smallvec::SmallVec;

use crate::kserve::input::{
    is_for_server, no_classification, no_shared_memory, refused_key, too_many_parameters, Header, Text, MAX_PARAMETERS,
    MAX_RANK, MAX_TENSORS,
};
use crate::protobuf::{Fields, Value};
use crate::Parameters;

/// The message's name in errors.
pub(super) const MESSAGE: &str = "ModelInferRequest";

/// Whether a stream ends with a response of its own, should nothing else end it. The C++ client always says.
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
        let (mut request, mut parameters) = (Request::default(), 0);
        let mut fields = Fields::new(MESSAGE, &body);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => request.model = fields.text(value)?,
                2 => request.version = fields.text(value)?,
                3 => request.id = fields.text(value)?,
                4 => {
                    parameter(fields.nested(value)?, |key| refused_key(key, Some(STREAM_KEY)))?;
                    parameters += 1;
                }
                5 => request.inputs.push(Input::parse(fields.nested(value)?)?),
                6 => request.outputs.push(output(fields.nested(value)?)?),
                7 => request.raw.push(fields.span(value)?),
                _ => {}
            }
            if request.inputs.len().max(request.outputs.len()).max(request.raw.len()) > MAX_TENSORS {
                return Err(fields.broken(format!("it has more than {MAX_TENSORS} tensors")));
            }
            if parameters > MAX_PARAMETERS {
                return Err(too_many_parameters());
            }
        }
        request.body = body;
        Ok(request)
    }

    /// The parameters that are for the method. They are read again, because few methods want to know.
    pub(super) fn parameters(&self) -> Parameters {
        let all = self.all_parameters().filter(|(key, _)| !is_for_server(key.as_str()));
        all.filter_map(|(key, value)| Some((key.as_str().into(), json(&self.body, value)?))).collect()
    }

    /// Whether an answer that ends without a last item gets an empty response.
    pub(super) fn wants_empty_final(&self) -> bool {
        let mut asked = self.all_parameters().filter(|(key, _)| key.as_str() == STREAM_KEY);
        asked.any(|(_, value)| json(&self.body, value) == Some(Json::Bool(true)))
    }

    fn all_parameters(&self) -> impl Iterator<Item = (Text, Range<usize>)> + '_ {
        let (mut fields, message) = (Fields::new(MESSAGE, &self.body), Fields::new(MESSAGE, &self.body));
        // The message was read before without an error, so it is read to its end here too.
        std::iter::from_fn(move || fields.next().ok().flatten())
            .filter(|(number, _)| *number == 4)
            .filter_map(move |(_, value)| entry(message.nested(value).ok()?).ok())
    }
}

impl Input {
    fn parse(mut fields: Fields<'_>) -> Result<Input, Error> {
        let mut input = Input::default();
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => input.header.name = fields.text(value)?,
                2 => input.header.datatype = fields.text(value)?,
                3 => shape(&fields, value, &mut input.header)?,
                4 => parameter(fields.nested(value)?, shared_memory)?,
                5 => input.contents.push(fields.span(value)?),
                _ => {}
            }
            if input.contents.len() > MAX_TENSORS {
                return Err(fields.broken(format!("an input has more than {MAX_TENSORS} contents")));
            }
        }
        Ok(input)
    }
}

fn shape(fields: &Fields<'_>, value: Value, header: &mut Header) -> Result<(), Error> {
    let mut push = |dim: u64| {
        if header.shape.len() == MAX_RANK {
            return Err(fields.broken(format!("a shape has more than {MAX_RANK} dimensions")));
        }
        header.shape.push(dim as i64);
        Ok(())
    };
    match value {
        Value::Varint(dim) => push(dim)?,
        Value::Span(range) => {
            let mut packed = fields.within(range);
            while !packed.is_empty() {
                push(packed.varint()?)?;
            }
        }
        Value::Fixed(_) | Value::Group(_) => return Err(fields.broken("a shape is not sent as varints")),
    }
    Ok(())
}

fn output(mut fields: Fields<'_>) -> Result<Text, Error> {
    let mut name = Text::default();
    let mut parameters: SmallVec<[Range<usize>; 2]> = SmallVec::new();
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => name = fields.text(value)?,
            2 => parameters.push(fields.span(value)?),
            _ => {}
        }
    }
    for entry in parameters {
        parameter(fields.within(entry), |key| match key {
            "classification" => Some(no_classification(name.as_str())),
            key => shared_memory(key),
        })?;
    }
    Ok(name)
}

fn shared_memory(key: &str) -> Option<Error> {
    key.starts_with("shared_memory_").then(no_shared_memory)
}

/// Reads an entry of a map of parameters, whose key may be refused.
fn parameter(fields: Fields<'_>, refused: impl Fn(&str) -> Option<Error>) -> Result<(), Error> {
    let (key, _) = entry(fields)?;
    refused(key.as_str()).map_or(Ok(()), Err)
}

/// Key and value of an entry of a map of parameters.
fn entry(mut fields: Fields<'_>) -> Result<(Text, Range<usize>), Error> {
    let (mut key, mut content) = (Text::default(), 0..0);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => key = fields.text(value)?,
            2 => content = fields.span(value)?,
            _ => {}
        }
    }
    Ok((key, content))
}

/// An `InferParameter`; `None` if it holds nothing, or a number that JSON has no form for.
fn json(body: &Bytes, within: Range<usize>) -> Option<Json> {
    let mut found = None;
    let mut fields = Fields::new(MESSAGE, body).within(within);
    while let Some((number, value)) = fields.next().ok()? {
        found = match (number, value) {
            (1, Value::Varint(truth)) => Some(Json::Bool(truth != 0)),
            (2, Value::Varint(number)) => Some((number as i64).into()),
            (3, value) => Some(fields.text(value).ok()?.as_str().into()),
            (4, Value::Fixed(range)) => {
                let number = f64::from_le_bytes(body.get(range)?.try_into().ok()?);
                Number::from_f64(number).map(Json::Number)
            }
            (5, Value::Varint(number)) => Some(number.into()),
            _ => found,
        };
    }
    found
}
