//! `MultiInference`: several signatures of one model, asked for the same examples.

use salver_core::{DType, Servable};
use salver_wire::tensorflow::MultiInference;
use salver_wire::{Exchange, GrpcReply};

use crate::inference::{examples, labels, lengths};
use crate::messages::*;
use crate::servables::*;

const CLASSIFY: &str = "tensorflow/serving/classify";
const REGRESS: &str = "tensorflow/serving/regress";

fn two_heads() -> Servable {
    let input = || vec![port("inputs", DType::Bytes, &[])];
    let classes = vec![port("classes", DType::Bytes, &[2]), port("scores", DType::F32, &[2])];
    servable(vec![
        method("serving_default", input(), classes, true),
        method("size", input(), vec![port("outputs", DType::F32, &[1])], true),
    ])
}

fn task(name: &str, signature: &str, method_name: &str) -> InferenceTask {
    let model_spec = Some(ModelSpec { name: name.into(), signature_name: signature.into(), ..Default::default() });
    InferenceTask { model_spec, method_name: method_name.into() }
}

fn request(tasks: Vec<InferenceTask>) -> MultiInferenceRequest {
    MultiInferenceRequest { tasks, input: examples(&[b"a", b"bb"]) }
}

/// The way of a request: find the target, run its tasks one by one, join their replies.
fn call(servable: &Servable, request: &MultiInferenceRequest) -> GrpcReply {
    let multi = MultiInference::parse(bytes(request)).unwrap();
    if let Err(error) = multi.target() {
        return multi.refuse(&error);
    }
    let tasks = match multi.tasks(servable) {
        Ok(tasks) => tasks,
        Err(error) => return multi.refuse(&error),
    };
    let replies = tasks.into_iter().map(|task| {
        let name = task.target().unwrap().method.unwrap_or("serving_default").to_string();
        assert_eq!(task.target().unwrap().version, Some(servable.version), "pinned");
        let index = servable.method(&name).unwrap();
        run(servable, index, task, if index == 0 { labels } else { lengths })
    });
    MultiInference::join(replies.collect())
}

#[test]
fn every_task_has_its_result() {
    let reply = call(&two_heads(), &request(vec![task("m", "", CLASSIFY), task("m", "size", REGRESS)]));
    let response: MultiInferenceResponse = read(&reply);
    let [classes, values] = &response.results[..] else { panic!("{response:?}") };
    assert_eq!(classes.model_spec, answered("m", 7, "serving_default"));
    assert!(matches!(&classes.outcome, Some(Outcome::Classes(result)) if result.classifications.len() == 2));
    assert_eq!(values.model_spec, answered("m", 7, "size"));
    let wanted = RegressionResult { regressions: vec![Regression { value: 1.0 }, Regression { value: 2.0 }] };
    assert_eq!(values.outcome, Some(Outcome::Values(wanted)));
}

#[test]
fn tasks_must_be_of_one_model_and_each_of_its_own_signature() {
    let cases = [
        (vec![], 3, "Missing ModelSpec"),
        (vec![task("", "", CLASSIFY)], 3, "ModelSpec has no name specified."),
        (vec![task("m", "", CLASSIFY), task("", "size", REGRESS)], 3, "Found ModelSpec with an empty model name."),
        (
            vec![task("m", "", CLASSIFY), task("n", "size", REGRESS)],
            3,
            "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
        ),
        (
            vec![task("m", "", CLASSIFY), task("m", "serving_default", CLASSIFY)],
            3,
            "Duplicate evaluation of signature: serving_default",
        ),
        (vec![task("m", "none", CLASSIFY)], 3, "Requested signature not found in model graph: none"),
        (
            vec![task("m", "", "tensorflow/serving/predict")],
            12,
            "Unsupported signature method_name: tensorflow/serving/predict",
        ),
        (vec![task("m", "", REGRESS)], 3, "Expected one output Tensor."),
    ];
    for (tasks, code, text) in cases {
        let reply = call(&two_heads(), &request(tasks));
        assert_eq!((reply.code, reply.message.as_str()), (code, text));
    }
}

#[test]
fn the_first_task_that_fails_fails_the_request() {
    let mut empty = request(vec![task("m", "", CLASSIFY), task("m", "size", REGRESS)]);
    empty.input = None;
    let reply = call(&two_heads(), &empty);
    assert_eq!((reply.code, reply.message.as_str(), reply.body.len()), (3, "Input is empty.", 0));
}

#[test]
fn there_are_only_so_many_tasks() {
    let tasks = (0..65).map(|index| task("m", &index.to_string(), CLASSIFY)).collect();
    let error = MultiInference::parse(bytes(&request(tasks))).map(drop).unwrap_err();
    assert_eq!(error.to_string(), "malformed MultiInferenceRequest: it has more than 64 tasks");
}
