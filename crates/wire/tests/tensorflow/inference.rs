//! `Classify` and `Regress`: examples in, labels or numbers out.

use salver_core::{DType, Error, Part, Servable, Tensor};
use salver_wire::tensorflow::Task;

use crate::messages::*;
use crate::servables::*;

pub fn classifier() -> Servable {
    let outputs = vec![port("classes", DType::Bytes, &[2]), port("scores", DType::F32, &[2])];
    one(vec![port("inputs", DType::Bytes, &[])], outputs)
}

pub fn regressor() -> Servable {
    one(vec![port("inputs", DType::Bytes, &[])], vec![port("outputs", DType::F32, &[1])])
}

/// Says of each example that it is twice the first label, with growing scores.
pub fn labels(part: Part) -> Result<Vec<Tensor>, Error> {
    let rows = part.rows();
    let texts: Vec<&'static [u8]> = (0..rows).flat_map(|_| [&b"cat"[..], b"dog"]).collect();
    let scores: Vec<f32> = (0..2 * rows).map(|index| index as f32 / 4.0).collect();
    Ok(vec![words(DType::Bytes, &[rows, 2], &texts), f32s(&[rows, 2], &scores)])
}

/// Gives the length of each example.
pub fn lengths(part: Part) -> Result<Vec<Tensor>, Error> {
    let lengths: Vec<f32> = part.columns()[0].values().iter().map(|value| value.len() as f32).collect();
    Ok(vec![f32s(&[lengths.len(), 1], &lengths)])
}

pub fn examples(examples: &[&[u8]]) -> Option<Input> {
    let examples = examples.iter().map(|example| example.to_vec()).collect();
    Some(Input { example_list: Some(ExampleList { examples, context: None }), example_list_with_context: None })
}

fn with_context(examples: &[&[u8]], context: &[u8]) -> Option<Input> {
    let examples = examples.iter().map(|example| example.to_vec()).collect();
    let list = ExampleList { examples, context: Some(context.to_vec()) };
    Some(Input { example_list: None, example_list_with_context: Some(list) })
}

fn asked(input: Option<Input>) -> bytes::Bytes {
    bytes(&InferenceRequest { model_spec: spec("m"), input })
}

fn class(label: &str, score: f32) -> Class {
    Class { label: label.into(), score }
}

#[test]
fn classes_come_with_labels_and_scores() {
    let reply = infer(Task::Classify, &classifier(), asked(examples(&[b"a", b"b"])), labels);
    let response: ClassificationResponse = read(&reply);
    let row = |classes: [Class; 2]| Classifications { classes: classes.into() };
    let wanted = vec![row([class("cat", 0.0), class("dog", 0.25)]), row([class("cat", 0.5), class("dog", 0.75)])];
    assert_eq!(response.result.unwrap().classifications, wanted);
    assert_eq!(response.model_spec, answered("m", 7, "serving_default"));
}

#[test]
fn labels_or_scores_alone_will_do() {
    let names = one(vec![port("inputs", DType::Bytes, &[])], vec![port("classes", DType::Bytes, &[1])]);
    let give = |_| Ok(vec![words(DType::Bytes, &[1, 1], &[b"cat"])]);
    let response: ClassificationResponse = read(&infer(Task::Classify, &names, asked(examples(&[b"a"])), give));
    assert_eq!(response.result.unwrap().classifications[0].classes, [class("cat", 0.0)]);
    let scores = one(vec![port("inputs", DType::Bytes, &[])], vec![port("scores", DType::F32, &[1])]);
    let give = |_| Ok(vec![f32s(&[1, 1], &[0.5])]);
    let response: ClassificationResponse = read(&infer(Task::Classify, &scores, asked(examples(&[b"a"])), give));
    assert_eq!(response.result.unwrap().classifications[0].classes, [class("", 0.5)]);
}

#[test]
fn regressions_are_numbers() {
    let reply = infer(Task::Regress, &regressor(), asked(examples(&[b"a", b"", b"ccc"])), lengths);
    let response: RegressionResponse = read(&reply);
    let values: Vec<f32> = response.result.unwrap().regressions.iter().map(|regression| regression.value).collect();
    assert_eq!(values, [1.0, 0.0, 3.0]);
    assert_eq!(response.model_spec, answered("m", 7, "serving_default"));
}

#[test]
fn the_context_comes_in_front_of_every_example() {
    let reply = infer(Task::Regress, &regressor(), asked(with_context(&[b"a", b"bb"], b"ctx")), |part| {
        assert_eq!(part.columns()[0].values(), [&b"ctxa"[..], b"ctxbb"]);
        lengths(part)
    });
    assert_eq!(reply.code, 0);
}

#[test]
fn examples_share_the_requests_bytes() {
    let body = asked(examples(&[&[7; 100]]));
    let mut inference = salver_wire::tensorflow::Inference::parse(Task::Regress, body.clone()).unwrap();
    let servable = regressor();
    let parts = salver_wire::Exchange::parts(&mut inference, &servable, &servable.methods[0]).unwrap();
    assert!(body.as_ptr_range().contains(&parts[0].columns()[0].values()[0].as_ptr()));
}

#[test]
fn a_request_needs_examples() {
    for input in [None, Some(Input::default()), examples(&[]), with_context(&[], b"ctx")] {
        let reply = infer(Task::Classify, &classifier(), asked(input), labels);
        assert_eq!((reply.code, reply.message.as_str()), (3, "Input is empty."));
    }
    let reply = infer(Task::Classify, &classifier(), bytes(&InferenceRequest::default()), labels);
    assert_eq!((reply.code, reply.message.as_str()), (3, "Missing ModelSpec"));
}

#[test]
fn signatures_must_be_those_of_the_task() {
    let (input, text) = (|| port("inputs", DType::Bytes, &[]), |name| port(name, DType::Bytes, &[1]));
    let number = |name| port(name, DType::F32, &[1]);
    let cases = [
        (Task::Classify, vec![], vec![text("classes")], "Expected one input Tensor."),
        (Task::Classify, vec![input(), text("x")], vec![text("classes")], "Expected one input Tensor."),
        (Task::Classify, vec![input()], vec![], "Expected one or two output Tensors, found 0"),
        (
            Task::Classify,
            vec![input()],
            vec![text("classes"), number("scores"), number("z")],
            "Expected one or two output Tensors, found 3",
        ),
        (
            Task::Classify,
            vec![text("x")],
            vec![text("classes")],
            "No classification inputs found in SignatureDef: serving_default; its input must be \"inputs\"",
        ),
        (
            Task::Classify,
            vec![input()],
            vec![number("y")],
            "Expected classification signature outputs to contain at least one of \"classes\" or \"scores\". \
             Signature was: serving_default",
        ),
        (Task::Regress, vec![], vec![number("outputs")], "Expected one input Tensor."),
        (Task::Regress, vec![input()], vec![number("outputs"), number("y")], "Expected one output Tensor."),
        (
            Task::Regress,
            vec![input()],
            vec![number("y")],
            "No regression outputs found in SignatureDef: serving_default; its output must be \"outputs\"",
        ),
        (
            Task::Regress,
            vec![number("inputs")],
            vec![number("outputs")],
            "Expects arg[0] to be float but string is provided (input 'inputs' of model 'm')",
        ),
    ];
    for (task, inputs, outputs, wanted) in cases {
        let reply = infer(task, &one(inputs, outputs), asked(examples(&[b"a"])), same);
        assert_eq!((reply.code, reply.message.as_str()), (3, wanted));
    }
}

#[test]
fn outputs_must_be_what_the_task_promises() {
    let cases: [(Task, Run, &str); 9] = [
        (
            Task::Classify,
            |_| Ok(vec![words(DType::Bytes, &[1], &[b"a"]), f32s(&[1, 2], &[0.0; 2])]),
            "Expected Tensor shape: [batch_size num_classes] but got [1]",
        ),
        (
            Task::Classify,
            |_| Ok(vec![f32s(&[1, 2], &[0.0; 2]), f32s(&[1, 2], &[0.0; 2])]),
            "Expected classes Tensor of DT_STRING. Got: DT_FLOAT",
        ),
        (
            Task::Classify,
            |_| Ok(vec![words(DType::Str, &[1, 1], &[b"a"]), i64s(&[1, 1], &[0])]),
            "Expected scores Tensor of DT_FLOAT. Got: DT_INT64",
        ),
        (
            Task::Classify,
            |_| Ok(vec![words(DType::Str, &[2, 1], &[b"a", b"b"]), f32s(&[2, 1], &[0.0; 2])]),
            "Expected classes output batch size of 1. Got: 2",
        ),
        (
            Task::Classify,
            |_| Ok(vec![words(DType::Str, &[1, 1], &[b"a"]), f32s(&[1, 2], &[0.0; 2])]),
            "Tensors class and score should match in dim_size(1). Got 1 vs. 2",
        ),
        (
            Task::Classify,
            |_| Ok(vec![words(DType::Bytes, &[1, 1], &[b"\xff"]), f32s(&[1, 1], &[0.0])]),
            "Expected classes Tensor of UTF-8 text, but a label is not",
        ),
        (
            Task::Regress,
            |_| Ok(vec![f32s(&[1, 2], &[0.0; 2])]),
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [1,2]",
        ),
        (
            Task::Regress,
            |_| Ok(vec![f32s(&[2], &[0.0; 2])]),
            "Input batch size did not match output batch size: 1 vs. 2",
        ),
        (Task::Regress, |_| Ok(vec![i64s(&[1], &[0])]), "Expected output Tensor of DT_FLOAT.  Got: DT_INT64"),
    ];
    for (task, give, wanted) in cases {
        let servable = if task == Task::Classify { classifier() } else { regressor() };
        let reply = infer(task, &servable, asked(examples(&[b"a"])), give);
        assert_eq!((reply.code, reply.message.as_str()), (3, wanted));
    }
}

#[test]
fn a_large_context_is_not_multiplied_without_end() {
    let many: Vec<&[u8]> = vec![b""; 10_000];
    let reply = infer(Task::Regress, &regressor(), asked(with_context(&many, &[0; 100_000])), lengths);
    let wanted = "malformed Input: it holds a context of 100000 bytes for 10000 examples; send fewer at a time";
    assert_eq!((reply.code, reply.message.as_str()), (3, wanted));
}

#[test]
fn very_many_empty_examples_are_refused() {
    let mut list = vec![0x0a];
    let empty = [0x0a, 0].repeat(5_000_000);
    prost::encoding::encode_varint(empty.len() as u64, &mut list);
    let list = [list, empty].concat();
    let mut body = vec![0x0a, 3, 0x0a, 1, b'm', 0x12];
    prost::encoding::encode_varint(list.len() as u64, &mut body);
    let reply = infer(Task::Regress, &regressor(), [body, list].concat().into(), lengths);
    let wanted = "malformed Input: it holds very many empty examples; send fewer at a time";
    assert_eq!((reply.code, reply.message.as_str()), (3, wanted));
}
