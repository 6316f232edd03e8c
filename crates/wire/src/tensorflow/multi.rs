use std::collections::BTreeSet;

use bytes::Bytes;
use salver_core::{Answer, Code, Error, Method, Part, Result, Servable};

use super::errors::{grpc_status, Api};
use super::examples::Examples;
use super::inference::{write_results, Inference};
use super::predict::named;
use super::results::{Results, Task};
use super::spec::{Spec, Which};
use crate::leading::bad_request;
use crate::protobuf::write::key;
use crate::protobuf::Fields;
use crate::{Body, Exchange, GrpcReply, Target};

/// The most tasks of a request; each runs all of its examples.
const MOST_TASKS: usize = 64;

/// A `MultiInferenceRequest`: several signatures of one model, each asked for the same examples.
///
/// Whoever has it finds its target, takes its tasks for the version found, runs them one by one as exchanges of their
/// own, and joins their replies.
pub struct MultiInference {
    tasks: Vec<(Spec, String)>,
    examples: Examples,
}

impl MultiInference {
    pub fn parse(body: Bytes) -> Result<MultiInference> {
        let mut multi = MultiInference { tasks: Vec::new(), examples: Examples::none(body.len()) };
        let mut fields = Fields::new("MultiInferenceRequest", &body);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 if multi.tasks.len() == MOST_TASKS => {
                    return Err(fields.broken(format!("it has more than {MOST_TASKS} tasks")));
                }
                1 => multi.tasks.push(task(fields.nested(value)?)?),
                2 => multi.examples.read(fields.nested(value)?)?,
                _ => {}
            }
        }
        Ok(multi)
    }

    /// The model that all tasks are for, in the version that the first one names; its method is of no account.
    pub fn target(&self) -> Result<Target<'_>> {
        let spec = named(self.tasks.first().map(|(spec, _)| spec))?;
        Ok(Target { method: None, ..spec.target()? })
    }

    /// An exchange for each task, pinned to this version. All signatures are checked before any of them runs.
    pub fn tasks(&self, servable: &Servable) -> Result<Vec<MultiTask>> {
        let mut seen = BTreeSet::new();
        let first = self.tasks.first().map(|(spec, _)| spec.name.as_str());
        let mut tasks = Vec::with_capacity(self.tasks.len());
        for (spec, method_name) in &self.tasks {
            if spec.name.is_empty() {
                return Err(bad_request("Found ModelSpec with an empty model name.".into()));
            }
            if Some(spec.name.as_str()) != first {
                let told = "All ModelSpecs in a MultiInferenceRequest must access the same model name.";
                return Err(bad_request(told.into()));
            }
            if !seen.insert(spec.signature()) {
                return Err(bad_request(format!("Duplicate evaluation of signature: {}", spec.signature())));
            }
            let task = checked(servable, spec, method_name)?;
            let version = i64::try_from(servable.version).map_or(Which::Newest, Which::Number);
            let spec = Spec { version, ..spec.clone() };
            tasks.push(MultiTask(Inference::new(task, spec, self.examples.clone())));
        }
        Ok(tasks)
    }

    /// The reply to the request, from the tasks' in their order: the first error, or all results.
    pub fn join(replies: Vec<GrpcReply>) -> GrpcReply {
        let mut body = Body::new();
        for reply in replies {
            if reply.code != Code::Ok as u32 {
                return reply;
            }
            let mut head = Vec::new();
            key(&mut head, 1, reply.body.iter().map(Bytes::len).sum());
            body.push(head.into());
            body.extend(reply.body);
        }
        GrpcReply::ok(body)
    }

    pub fn refuse(&self, error: &Error) -> GrpcReply {
        match self.tasks.first() {
            Some((spec, _)) => super::errors::Asked { spec, api: Api::MultiInference }.grpc(error),
            None => grpc_status(error),
        }
    }
}

/// An `InferenceTask`: whom it is for, and what is to be made of the examples.
fn task(mut fields: Fields<'_>) -> Result<(Spec, String)> {
    let (mut spec, mut method_name) = (Spec::default(), String::new());
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => spec.read(fields.nested(value)?)?,
            2 => method_name = fields.text(value)?.as_str().into(),
            _ => {}
        }
    }
    Ok((spec, method_name))
}

/// What a task asks of its signature, which must be there and fit.
fn checked(servable: &Servable, spec: &Spec, method_name: &str) -> Result<Task> {
    let signature = spec.signature();
    let index = match spec.target()?.method {
        Some(name) => servable.method(name),
        None => servable.default_method(),
    };
    let method = index.and_then(|index| servable.methods.get(index));
    let missing = || bad_request(format!("Requested signature not found in model graph: {signature}"));
    let method = method.ok_or_else(missing)?;
    let unsupported = || Error::Unsupported { what: format!("Unsupported signature method_name: {method_name}") };
    let task = Task::named(method_name).ok_or_else(unsupported)?;
    task.check(signature, &method.contract)?;
    Ok(task)
}

/// One task of a [`MultiInference`]; its reply is an `InferenceResult`, which only `join` can use.
pub struct MultiTask(Inference);

impl MultiTask {
    fn rendered(&self, servable: &Servable, method: &Method, answer: Answer) -> Result<Body> {
        let results = self.0.results(method, answer)?;
        let mut out = Vec::new();
        self.0.asked(Api::MultiInference, |asked| {
            asked.spec.write(&mut out, 1, servable.version, asked.spec.signature());
        });
        let field = if matches!(results, Results::Classes(_)) { 2 } else { 3 };
        write_results(&mut out, field, &results);
        Ok(Body::from_iter([out.into()]))
    }
}

impl Exchange for MultiTask {
    type Reply = GrpcReply;

    fn target(&self) -> Result<Target<'_>> {
        self.0.target()
    }

    fn parts(&mut self, _servable: &Servable, method: &Method) -> Result<Vec<Part>> {
        self.0.parts(method)
    }

    fn answer(self, servable: &Servable, method: &Method, answer: Answer) -> GrpcReply {
        match self.rendered(servable, method, answer) {
            Ok(body) => GrpcReply::ok(body),
            Err(error) => self.refuse(&error),
        }
    }

    fn refuse(self, error: &Error) -> GrpcReply {
        self.0.asked(Api::MultiInference, |asked| asked.grpc(error))
    }
}
