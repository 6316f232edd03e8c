use bytes::Bytes;
use salver_core::{Answer, DType, Data, Error, Method, Part, Result, Servable};

use super::columns;
use super::errors::{Api, Asked};
use super::examples::Examples;
use super::inputs::laid_out;
use super::predict::named;
use super::results::{Classes, Results, Task};
use super::spec::Spec;
use crate::leading::{selected, Check};
use crate::protobuf::write::{field_size, key, text, text_size};
use crate::protobuf::Fields;
use crate::{Body, Exchange, GrpcReply, Target};

/// A `ClassificationRequest` or `RegressionRequest` on its way. Its examples are one column of bytes.
pub struct Inference {
    spec: Option<Spec>,
    pub(super) task: Task,
    examples: Option<Examples>,
    /// How many examples there were.
    count: usize,
}

impl Inference {
    pub fn parse(task: Task, body: Bytes) -> Result<Inference> {
        let message = match task {
            Task::Classify => "ClassificationRequest",
            Task::Regress => "RegressionRequest",
        };
        let (mut spec, mut examples) = (None, Examples::none(body.len()));
        let mut fields = Fields::new(message, &body);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => spec.get_or_insert_with(Spec::default).read(fields.nested(value)?)?,
                2 => examples.read(fields.nested(value)?)?,
                _ => {}
            }
        }
        Ok(Inference { spec, task, examples: Some(examples), count: 0 })
    }

    pub(super) fn new(task: Task, spec: Spec, examples: Examples) -> Inference {
        Inference { spec: Some(spec), task, examples: Some(examples), count: 0 }
    }

    /// The same request for the model that a URL names; the signature is still the message's.
    pub(super) fn at(mut self, address: Spec) -> Inference {
        let signature = self.spec.take().unwrap_or_default().signature;
        Inference { spec: Some(Spec { signature, ..address }), ..self }
    }

    pub(super) fn target(&self) -> Result<Target<'_>> {
        named(self.spec.as_ref())?.target()
    }

    pub(super) fn parts(&mut self, method: &Method) -> Result<Vec<Part>> {
        let spec = named(self.spec.as_ref())?;
        self.task.check(spec.signature(), &method.contract)?;
        let check = Check { model: &spec.name, method: &method.name, contract: &method.contract };
        let port = check.port(0)?;
        if let Some(declared) = port.dtype.filter(|dtype| !dtype.is_variable()) {
            let (servable, input) = (spec.name.clone(), port.name.clone());
            return Err(Error::InputType { servable, input, index: 0, given: "string".into(), declared });
        }
        let examples = self.examples.take().map_or(Ok(Vec::new()), Examples::merged)?;
        self.count = examples.len();
        let dtype = port.dtype.unwrap_or(DType::Bytes);
        let column = laid_out(&check, port, dtype, &[self.count as i64], Data::Variable(examples))?;
        Ok(columns::parts(&check, vec![column])?.0)
    }

    pub(super) fn results(&self, method: &Method, answer: Answer) -> Result<Results> {
        let all: Vec<usize> = (0..method.contract.outputs.len()).collect();
        let outputs = selected(&method.contract, &all, &answer.into_columns()?)?;
        self.task.results(&outputs, self.count)
    }

    /// A `ClassificationResponse` or `RegressionResponse`.
    pub(super) fn rendered(&self, servable: &Servable, method: &Method, answer: Answer) -> Result<Body> {
        let results = self.results(method, answer)?;
        let mut out = Vec::new();
        write_results(&mut out, 1, &results);
        let spec = named(self.spec.as_ref())?;
        spec.write(&mut out, 2, servable.version, spec.signature());
        Ok(Body::from_iter([out.into()]))
    }

    pub(super) fn asked<T>(&self, api: Api, tell: impl FnOnce(Asked<'_>) -> T) -> T {
        let none = Spec::default();
        tell(Asked { spec: self.spec.as_ref().unwrap_or(&none), api })
    }
}

impl Exchange for Inference {
    type Reply = GrpcReply;

    fn target(&self) -> Result<Target<'_>> {
        Inference::target(self)
    }

    fn parts(&mut self, _servable: &Servable, method: &Method) -> Result<Vec<Part>> {
        Inference::parts(self, method)
    }

    fn answer(self, servable: &Servable, method: &Method, answer: Answer) -> GrpcReply {
        match self.rendered(servable, method, answer) {
            Ok(body) => GrpcReply::ok(body),
            Err(error) => self.refuse(&error),
        }
    }

    fn refuse(self, error: &Error) -> GrpcReply {
        self.asked(Api::Inference, |asked| asked.grpc(error))
    }
}

/// Writes a `ClassificationResult` or `RegressionResult` as field `field` of a reply.
pub(super) fn write_results(out: &mut Vec<u8>, field: usize, results: &Results) {
    let mut inner = Vec::new();
    match results {
        Results::Classes(classes) => write_classes(&mut inner, classes),
        Results::Values(values) => {
            for &value in values {
                key(&mut inner, 1, float_size(value));
                float(&mut inner, 1, value);
            }
        }
    }
    key(out, field, inner.len());
    out.extend_from_slice(&inner);
}

fn write_classes(out: &mut Vec<u8>, classes: &Classes) {
    let class_size = |(label, score): (&str, f32)| text_size(1, label.len()) + float_size(score);
    for (row, again) in classes.rows().zip(classes.rows()) {
        key(out, 1, row.map(|class| field_size(1, class_size(class))).sum());
        for (label, score) in again {
            key(out, 1, class_size((label, score)));
            text(out, 1, label);
            float(out, 2, score);
        }
    }
}

/// Writes a float field; 0 is left out, as protobuf has it.
fn float(out: &mut Vec<u8>, field: u8, value: f32) {
    const FIXED: u8 = 5;
    if float_size(value) > 0 {
        out.push(field << 3 | FIXED);
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// The size of what [`float`] writes.
fn float_size(value: f32) -> usize {
    if value.to_bits() == 0 {
        0
    } else {
        5
    }
}
