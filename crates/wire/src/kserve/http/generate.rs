//! The generate extension: a request is one row, an object with a value for each input; so are the answers.

use bytes::Bytes;
use salver_core::{Answer, Error, Method, Part, Port, Servable, Shape, Tensor};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::Value;

use super::scalars::{Scalar, Scalars};
use super::{is_scalar, render, whole};
use crate::json::guessed;
use crate::kserve::check::{selected, Check, Layout, Selection};
use crate::kserve::errors::http_reply;
use crate::kserve::input::{bad_request, refused_key, too_many_parameters, MAX_PARAMETERS, MAX_TENSORS};
use crate::kserve::target;
use crate::numbers::{write_string, Elements};
use crate::object::Object;
use crate::{Body, Exchange, HttpReply, Parameters, Streamed, Target};

/// One request to `/v2/models/<model>[/versions/<version>]/generate` or `generate_stream`.
pub struct Generate {
    model: String,
    version: String,
    body: Bytes,
    id: String,
    parameters: Parameters,
}

impl Generate {
    /// `version` is the path's.
    pub fn new(model: &str, version: Option<&str>, body: Bytes) -> Generate {
        let (model, version) = (model.into(), version.unwrap_or_default().into());
        Generate { model, version, body, id: String::new(), parameters: Parameters::new() }
    }

    /// Takes what is no input: the id, the parameters, and scalars of any other name, which are parameters too.
    fn take(&mut self, name: &str, value: &RawValue, declared: &[Port]) -> Result<(), Error> {
        if name == "parameters" && value.get().starts_with('{') {
            let mut kept = read::<Scalars>(value)?.0.into_iter().filter(|(_, value)| is_scalar(value));
            return kept.try_for_each(|(name, value)| self.parameter(name, value));
        }
        match (name, read::<Scalar>(value)?.0) {
            ("id", Value::String(id)) => self.id = id,
            ("id", Value::Number(id)) => self.id = id.to_string(),
            (name, value) if is_scalar(&value) => self.parameter(name.into(), value)?,
            (name, _) => {
                let declared = declared.iter().map(|port| port.name.clone()).collect();
                return Err(Error::UnknownInput { servable: self.model.clone(), input: name.into(), declared });
            }
        }
        Ok(())
    }

    fn parameter(&mut self, name: String, value: Value) -> Result<(), Error> {
        if let Some(refused) = refused_key(&name, None) {
            return Err(refused);
        }
        self.parameters.insert(name, value);
        match self.parameters.len() {
            ..=MAX_PARAMETERS => Ok(()),
            _ => Err(too_many_parameters()),
        }
    }

    /// The columns that are there, by input.
    fn columns(&mut self, check: &Check<'_>, object: Object<'_>) -> Result<Vec<Option<Tensor>>, Error> {
        let inputs = &check.contract.inputs;
        if object.0.len() > inputs.len() + MAX_TENSORS {
            return Err(bad_request(format!("a request has more than {MAX_TENSORS} members besides its inputs")));
        }
        let mut columns: Vec<Option<Tensor>> = vec![None; inputs.len()];
        for (name, value) in object.0 {
            let place = check.contract.input(&name).and_then(|index| Some((index, columns.get_mut(index)?)));
            match place {
                None => self.take(&name, value, inputs)?,
                Some((_, Some(_))) => {
                    return Err(Error::RepeatedInput { servable: check.model.into(), input: name.into() });
                }
                Some((index, place)) => *place = Some(column(check, index, value.get())?),
            }
        }
        Ok(columns)
    }

    /// The answer's object: who answered, and each output under its name.
    fn write(&self, servable: &Servable, method: &Method, columns: &[Tensor]) -> Result<Vec<u8>, Error> {
        let all: Selection = (0..method.contract.outputs.len()).collect();
        let mut out = b"{".to_vec();
        if !self.id.is_empty() {
            out.extend_from_slice(b"\"id\":");
            write_string(&mut out, &self.id);
            out.push(b',');
        }
        out.extend_from_slice(b"\"model_name\":");
        write_string(&mut out, &self.model);
        out.extend_from_slice(b",\"model_version\":\"");
        render::number(&mut out, servable.version);
        out.push(b'"');
        for (name, tensor) in selected(&method.contract, &all, columns)? {
            out.push(b',');
            write_string(&mut out, name);
            out.push(b':');
            match tensor.shape().elements().unwrap_or(0) {
                1 => render::elements(&mut out, name, &tensor, &[])?,
                count => render::elements(&mut out, name, &tensor, &[count])?,
            }
        }
        out.push(b'}');
        Ok(out)
    }
}

fn read<'a, T: Deserialize<'a>>(value: &'a RawValue) -> Result<T, Error> {
    serde_json::from_str(value.get()).map_err(|error| Error::malformed("JSON", error))
}

/// A value as one row of an input: a scalar or an array, which need not be nested as the input's shape says.
fn column(check: &Check<'_>, index: usize, json: &str) -> Result<Tensor, Error> {
    let port = check.contract.inputs.get(index).ok_or_else(|| Error::internal("an input of no port"))?;
    if port.optional && json == "null" {
        return Ok(Port::absent(0));
    }
    let (servable, input) = (|| check.model.to_string(), || port.name.clone());
    let wrong = |detail: String| Error::InputValue { servable: servable(), input: input(), detail };
    let dtype = port.dtype.map_or_else(|| guessed(json), Ok).map_err(&wrong)?;
    let declared = port.fixed_shape().and_then(|shape| shape.elements()).unwrap_or(usize::MAX);
    let mut elements = Elements::new(dtype, declared.min(json.len() / 2 + 1));
    let read = elements.read(json).map_err(&wrong)?;
    let nested = read.shape.filter(|shape| port.admits(shape.dims()));
    let row = match nested {
        Some(shape) => shape.dims().to_vec(),
        None => whole::row(port, read.elements)
            .ok_or_else(|| wrong("it has several free dimensions; nest its arrays as its shape is to be".into()))?,
    };
    let wanted = row.iter().fold(1, |all: usize, &dim| all.saturating_mul(dim));
    if wanted != read.elements {
        let (servable, input) = (servable(), input());
        return Err(Error::InputElements { servable, input, given: read.elements, wanted });
    }
    let shape = Shape::batched(1, &row);
    check.column(index, Layout { dtype, shape, elements: wanted }, elements.into_data())
}

impl Exchange for Generate {
    type Reply = HttpReply;

    fn target(&self) -> Result<Target<'_>, Error> {
        target(&self.model, &self.version)
    }

    fn parts(&mut self, _servable: &Servable, method: &Method) -> Result<Vec<Part>, Error> {
        let (body, model) = (std::mem::take(&mut self.body), self.model.clone());
        let object = serde_json::from_slice(&body).map_err(|error| Error::malformed("JSON", error))?;
        let check = Check { model: &model, method: &method.name, contract: &method.contract };
        let columns = self.columns(&check, object)?;
        let missing = |input: &Port| Error::MissingInput {
            servable: model.clone(),
            method: method.name.clone(),
            input: input.name.clone(),
        };
        let given = |(column, input): (Option<Tensor>, &Port)| match column {
            None if input.optional => Ok(Port::absent(0)),
            column => column.ok_or_else(|| missing(input)),
        };
        let columns: Result<_, _> = columns.into_iter().zip(&method.contract.inputs).map(given).collect();
        check.part(columns?)
    }

    fn answer(self, servable: &Servable, method: &Method, answer: Answer) -> HttpReply {
        match answer.into_columns().and_then(|columns| self.write(servable, method, &columns)) {
            Ok(document) => {
                let headers = vec![("content-type", "application/json".into())];
                HttpReply { status: 200, headers, body: Body::from_iter([document.into()]) }
            }
            Err(error) => self.refuse(&error),
        }
    }

    fn refuse(self, error: &Error) -> HttpReply {
        http_reply(error, &self.id)
    }

    fn parameters(&self) -> Parameters {
        self.parameters.clone()
    }
}

impl Streamed for Generate {
    fn item(&self, servable: &Servable, method: &Method, item: Vec<Tensor>, _last: bool) -> Result<Body, Error> {
        Ok(event(&self.write(servable, method, &item)?))
    }

    /// The end of the body is the end of the answer.
    fn ended(&self, _: &Servable) -> Body {
        Body::new()
    }

    fn failed(&self, error: &Error) -> Body {
        event(&http_reply(error, &self.id).body.concat())
    }
}

fn event(document: &[u8]) -> Body {
    Body::from_iter([[b"data: ", document, b"\n\n"].concat().into()])
}
