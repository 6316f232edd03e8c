use std::collections::BTreeSet;
use std::ops::Range;

use bytes::Bytes;
use salver_core::{Answer, Error, Method, Origin, Part, Result, Servable, Tensor};
use smallvec::SmallVec;

use super::columns::{self, Column};
use super::errors::{Api, Asked};
use super::inputs::{check_count, check_names, column, missing, untangled};
use super::spec::Spec;
use super::tensor::{self, Budget, Form};
use crate::chunks::Chunks;
use crate::leading::{bad_request, Check, Selection, MAX_TENSORS};
use crate::protobuf::write::{field_size, key, text, text_size};
use crate::protobuf::Fields;
use crate::text::Text;
use crate::{Body, Exchange, GrpcReply, Target};

/// The message's name in errors.
const MESSAGE: &str = "PredictRequest";

/// A `PredictRequest` on its way, taken apart but not copied.
pub struct Predict {
    spec: Option<Spec>,
    body: Bytes,
    inputs: Vec<Input>,
    filter: SmallVec<[Text; 2]>,
    form: Form,
    selection: Selection,
    /// Whether rows of one number go back as a list.
    flat: bool,
}

/// An entry of the request's map; of several with one name the last counts.
struct Input {
    name: Text,
    /// Where its `TensorProto` is.
    tensor: Range<usize>,
}

impl Predict {
    /// `form` is that of the reply's tensors.
    pub fn parse(body: Bytes, form: Form) -> Result<Predict> {
        let (mut spec, mut inputs, mut filter) = (None, Vec::new(), SmallVec::new());
        let mut fields = Fields::new(MESSAGE, &body);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => spec.get_or_insert_with(Spec::default).read(fields.nested(value)?)?,
                2 => inputs.push(Input::read(fields.nested(value)?)?),
                3 => filter.push(fields.text(value)?),
                _ => {}
            }
            if inputs.len().max(filter.len()) > MAX_TENSORS {
                return Err(fields.broken(format!("it has more than {MAX_TENSORS} tensors")));
            }
        }
        Ok(Predict { spec, body, inputs, filter, form, selection: Selection::new(), flat: false })
    }

    /// The same request for the model that a URL names; the signature is still the message's.
    pub(super) fn at(mut self, address: Spec) -> Predict {
        let signature = self.spec.take().unwrap_or_default().signature;
        Predict { spec: Some(Spec { signature, ..address }), ..self }
    }

    fn columns(&self, check: &Check<'_>, origin: Option<&Origin>) -> Result<(Vec<Column>, Selection)> {
        let names: BTreeSet<&str> = self.inputs.iter().map(|input| input.name.as_str()).collect();
        check_count(check, &names)?;
        let message = Fields::new(MESSAGE, &self.body);
        let mut budget = Budget::of(self.body.len());
        let mut given = Vec::with_capacity(check.contract.inputs.len());
        for port in &check.contract.inputs {
            given.push(match self.inputs.iter().rev().find(|input| input.name.as_str() == port.name) {
                Some(input) => {
                    let read = tensor::read(message.within(input.tensor.clone()), &mut budget);
                    Some(read.map_err(|trouble| untangled(trouble, check, &port.name))?)
                }
                None if port.optional => None,
                None => return Err(missing(check, origin, &port.name, &names)),
            });
        }
        check_names(check, &names)?;
        let selection = check.outputs(self.filter.iter().map(Text::as_str))?;
        let columns = given.into_iter().enumerate().map(|(index, given)| column(check, index, given));
        Ok((columns.collect::<Result<_>>()?, selection))
    }

    pub(super) fn asked<T>(&self, api: Api, tell: impl FnOnce(Asked<'_>) -> T) -> T {
        let none = Spec::default();
        tell(Asked { spec: self.spec.as_ref().unwrap_or(&none), api })
    }

    pub(super) fn rendered(&self, servable: &Servable, method: &Method, answer: Answer) -> Result<Body> {
        let outputs = columns::outputs(&method.contract, &self.selection, answer, self.flat)?;
        Ok(response(named(self.spec.as_ref())?, servable.version, &outputs, self.form))
    }
}

impl Input {
    fn read(mut fields: Fields<'_>) -> Result<Input> {
        let mut input = Input { name: Text::default(), tensor: 0..0 };
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => input.name = fields.text(value)?,
                2 => input.tensor = fields.span(value)?,
                _ => {}
            }
        }
        Ok(input)
    }
}

impl Exchange for Predict {
    type Reply = GrpcReply;

    fn target(&self) -> Result<Target<'_>> {
        named(self.spec.as_ref())?.target()
    }

    fn parts(&mut self, _servable: &Servable, method: &Method) -> Result<Vec<Part>> {
        let model = named(self.spec.as_ref())?.name.as_str();
        let check = Check { model, method: &method.name, contract: &method.contract };
        let (columns, selection) = self.columns(&check, method.origin.as_ref())?;
        let (parts, flat) = columns::parts(&check, columns)?;
        (self.selection, self.flat) = (selection, flat);
        Ok(parts)
    }

    fn answer(self, servable: &Servable, method: &Method, answer: Answer) -> GrpcReply {
        match self.rendered(servable, method, answer) {
            Ok(body) => GrpcReply::ok(body),
            Err(error) => self.refuse(&error),
        }
    }

    fn refuse(self, error: &Error) -> GrpcReply {
        self.asked(Api::Predict, |asked| asked.grpc(error))
    }
}

/// The `ModelSpec` that every request must have.
pub(super) fn named(spec: Option<&Spec>) -> Result<&Spec> {
    spec.ok_or_else(|| bad_request("Missing ModelSpec".into()))
}

/// A `PredictResponse`: the outputs by name, then who answered.
fn response(spec: &Spec, version: u64, outputs: &[(&str, Tensor)], form: Form) -> Body {
    let mut chunks = Chunks::with_capacity(256);
    for (name, tensor) in outputs {
        let size = tensor::size(tensor, form);
        let out = chunks.buffer();
        key(out, 1, text_size(1, name.len()) + field_size(2, size));
        text(out, 1, name);
        key(out, 2, size);
        tensor::write(&mut chunks, tensor, form);
    }
    spec.write(chunks.buffer(), 2, version, spec.signature());
    chunks.finish()
}
