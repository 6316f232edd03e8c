//! `infer` over HTTP: JSON, with tensors inside it or, by the binary tensor extension, behind it. And `generate`, with
//! inputs and outputs by name.

mod document;
mod generate;
mod render;
mod request;
mod scalars;
mod whole;

pub use self::generate::Generate;

use bytes::Bytes;
use salver_core::{Answer, DType, Data, Error, Method, Part, Port, Servable, Tensor};
use serde_json::Value;
use smallvec::SmallVec;

use self::request::{Input, Payload, Request};
use super::check::{selected, Check, Layout, Selection};
use super::errors::http_reply;
use super::input::{bad_request, is_for_server};
use super::{datatype, raw, target};
use crate::numbers::Elements;
use crate::{Exchange, HttpReply, Parameters, Target};

/// One request to `/v2/models/<model>[/versions/<version>]/infer`. Binary tensors share the body's buffer.
pub struct Infer {
    model: String,
    version: String,
    request: Request,
    selection: Selection,
}

impl Infer {
    /// `version` is the path's; `json_length` is the header `Inference-Header-Content-Length`, which says how much
    /// of the body is JSON. Without it all is; 0 means that the body is the data of the only input.
    pub fn parse(model: &str, version: Option<&str>, json_length: Option<&str>, body: Bytes) -> Result<Infer, Error> {
        let request = Request::parse(model, json_length, body)?;
        let version = version.unwrap_or_default().into();
        Ok(Infer { model: model.into(), version, request, selection: Selection::new() })
    }

    fn column(&self, check: &Check<'_>, port: usize, input: &Input) -> Result<Tensor, Error> {
        let layout = check.layout(port, &input.header)?;
        let name = input.header.name.as_str();
        let data = match &input.payload {
            Payload::Json(text) => json_data(check, name, &layout, text.as_str())?,
            Payload::Binary(bytes) => raw::read(check, name, &layout, bytes.clone())?,
        };
        check.column(port, layout, data)
    }

    /// For every output of the reply, whether it is sent as binary.
    fn binary(&self) -> SmallVec<[bool; 2]> {
        let request = &self.request;
        match request.outputs.is_empty() {
            true => self.selection.iter().map(|_| request.binary_output).collect(),
            false => request.outputs.iter().map(|output| output.binary.unwrap_or(request.binary_output)).collect(),
        }
    }
}

fn json_data(check: &Check<'_>, input: &str, layout: &Layout, text: &str) -> Result<Data, Error> {
    if matches!(layout.dtype, DType::F16 | DType::BF16) {
        let datatype = datatype::name(layout.dtype);
        return Err(bad_request(format!(
            "receiving {datatype} data via JSON is not supported. Please use the binary data format for input {input}"
        )));
    }
    let (servable, input) = (check.model.to_string(), input.to_string());
    let mut elements = Elements::new(layout.dtype, layout.elements.min(text.len() / 2 + 1));
    match elements.read(text) {
        Err(detail) => Err(Error::InputValue { servable, input, detail }),
        Ok(read) if read.elements != layout.elements => {
            let (given, wanted) = (read.elements, layout.elements);
            Err(Error::InputElements { servable, input, given, wanted })
        }
        Ok(_) => Ok(elements.into_data()),
    }
}

impl Exchange for Infer {
    type Reply = HttpReply;

    fn target(&self) -> Result<Target<'_>, Error> {
        target(&self.model, &self.version)
    }

    fn parts(&mut self, _servable: &Servable, method: &Method) -> Result<Vec<Part>, Error> {
        let request = &self.request;
        let check = Check { model: &self.model, method: &method.name, contract: &method.contract };
        let selection = check.outputs(request.outputs.iter().map(|output| output.name.as_str()))?;
        let columns = match &request.whole {
            Some(data) => whole::columns(&check, data)?,
            None => {
                let order = check.order(request.inputs.iter().map(|input| &input.header))?;
                let inputs = order.iter().map(|given| request.inputs.get((*given)?)).enumerate();
                let column = |(port, input): (usize, Option<&Input>)| match input {
                    Some(input) => self.column(&check, port, input),
                    None => Ok(Port::absent(0)),
                };
                inputs.map(column).collect::<Result<_, _>>()?
            }
        };
        let parts = check.part(columns)?;
        self.selection = selection;
        Ok(parts)
    }

    fn answer(self, servable: &Servable, method: &Method, answer: Answer) -> HttpReply {
        let columns = answer.into_columns();
        let outputs = columns.and_then(|columns| selected(&method.contract, &self.selection, &columns));
        let head = render::Head { id: &self.request.id, model: &self.model, version: servable.version };
        match outputs.and_then(|outputs| render::response(head, &outputs, &self.binary())) {
            Ok(reply) => reply,
            Err(error) => self.refuse(&error),
        }
    }

    fn refuse(self, error: &Error) -> HttpReply {
        http_reply(error, &self.request.id)
    }

    fn parameters(&self) -> Parameters {
        let kept = self.request.parameters.iter().filter(|(key, value)| !is_for_server(key) && is_scalar(value));
        kept.map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

fn is_scalar(value: &Value) -> bool {
    value.is_string() || value.is_number() || value.is_boolean()
}
