//! `ModelInfer` and `ModelStreamInfer` over gRPC. A stream's messages are `ModelInferRequest`s as well; each is an
//! exchange of its own.

mod contents;
mod render;
mod request;

use bytes::Bytes;
use salver_core::{Answer, Data, Error, Method, Part, Port, Servable, Tensor};

use self::request::Request;
use super::check::{selected, Check, Layout, Selection};
use super::errors::grpc_status;
use super::input::bad_request;
use super::{raw, target};
use crate::{Body, Exchange, GrpcReply, Parameters, Streamed, Target};

/// One `ModelInferRequest`. Raw tensors and the values of text and bytes share the message's buffer.
pub struct Infer {
    request: Request,
    selection: Selection,
}

impl Infer {
    pub fn parse(body: Bytes) -> Result<Infer, Error> {
        Ok(Infer { request: Request::parse(body)?, selection: Selection::new() })
    }

    /// The data of input `port` of the contract, which is number `given` of the request.
    fn data(&self, check: &Check<'_>, port: usize, given: usize, layout: &Layout) -> Result<Data, Error> {
        let request = &self.request;
        let input = request.inputs.get(given).ok_or_else(lost)?;
        let (name, model) = (input.header.name.as_str(), check.model);
        if request.raw.is_empty() {
            let contents = contents::read(&request.body, &input.contents, layout);
            return contents.map_err(|trouble| trouble.told(check, port, layout))?.or_empty(layout, name, model);
        }
        if !input.contents.is_empty() {
            let told = "contents field must not be specified when using raw_input_contents";
            return Err(bad_request(format!("{told} for '{name}' for model '{model}'")));
        }
        let entry = request.raw.get(given).ok_or_else(|| no_data(name, model))?;
        raw::read(check, name, layout, request.body.slice(entry.clone()))
    }
}

fn lost() -> Error {
    Error::internal("an input lost in its request")
}

/// The error of an input that has neither raw data nor contents.
fn no_data(input: &str, model: &str) -> Error {
    bad_request(format!("unable to find data for input tensor '{input}' for model '{model}' in request."))
}

impl Exchange for Infer {
    type Reply = GrpcReply;

    fn target(&self) -> Result<Target<'_>, Error> {
        target(self.request.model.as_str(), self.request.version.as_str())
    }

    fn parts(&mut self, _servable: &Servable, method: &Method) -> Result<Vec<Part>, Error> {
        let request = &self.request;
        let check = Check { model: request.model.as_str(), method: &method.name, contract: &method.contract };
        let order = check.order(request.inputs.iter().map(|input| &input.header))?;
        let selection = check.outputs(request.outputs.iter().map(|name| name.as_str()))?;
        let (raw, inputs) = (request.raw.len(), request.inputs.len());
        if raw > inputs {
            let model = check.model;
            return Err(bad_request(format!("got {raw} raw_input_contents for {inputs} inputs of model '{model}'")));
        }
        let mut columns = Vec::with_capacity(order.len());
        for (port, given) in order.into_iter().enumerate() {
            let Some(given) = given else {
                columns.push(Port::absent(0));
                continue;
            };
            let layout = check.layout(port, &request.inputs.get(given).ok_or_else(lost)?.header)?;
            let data = self.data(&check, port, given, &layout)?;
            columns.push(check.column(port, layout, data)?);
        }
        let parts = check.part(columns)?;
        self.selection = selection;
        Ok(parts)
    }

    fn answer(self, servable: &Servable, method: &Method, answer: Answer) -> GrpcReply {
        let columns = answer.into_columns();
        let outputs = columns.and_then(|columns| selected(&method.contract, &self.selection, &columns));
        match outputs.and_then(|outputs| render::response(&self.request, servable.version, &outputs)) {
            Ok(body) => GrpcReply::ok(body),
            Err(error) => self.refuse(&error),
        }
    }

    fn refuse(self, error: &Error) -> GrpcReply {
        grpc_status(error, self.request.id.as_str())
    }

    fn parameters(&self) -> Parameters {
        self.request.parameters()
    }
}

impl Streamed for Infer {
    fn item(&self, servable: &Servable, method: &Method, item: Vec<Tensor>, last: bool) -> Result<Body, Error> {
        let outputs = selected(&method.contract, &self.selection, &item)?;
        render::streamed(&self.request, servable.version, &outputs, last)
    }

    fn ended(&self, servable: &Servable) -> Body {
        match self.request.wants_empty_final() {
            true => render::streamed(&self.request, servable.version, &[], true).unwrap_or_default(),
            false => Body::new(),
        }
    }

    fn failed(&self, error: &Error) -> Body {
        let id = self.request.id.as_str();
        render::streamed_error(&grpc_status(error, id).message, id)
    }
}

/// The refusal of a stream's message that was not read.
pub fn refused_message(error: &Error) -> Body {
    render::streamed_error(&grpc_status(error, "").message, "")
}
