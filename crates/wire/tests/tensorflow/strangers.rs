//! Bytes from anybody are answered or refused, never more.

use proptest::collection::vec;
use proptest::prelude::*;
use salver_core::{DType, Servable};
use salver_wire::tensorflow::rest::{Binary, Inference as RestInference, Predict as RestPredict, Route};
use salver_wire::tensorflow::{Form, Inference, MetadataRequest, MultiInference, Predict, ReloadRequest};
use salver_wire::tensorflow::{StatusRequest, Task};

use crate::inference::examples;
use crate::messages::*;
use crate::servables::*;

/// Servables that give back what they are sent.
fn echoes() -> Vec<Servable> {
    let mut servables: Vec<Servable> = DType::ALL.map(|dtype| echo(dtype, &[-1])).into();
    servables.push(one(vec![untyped("x")], vec![untyped("y")]));
    servables.push(one(vec![untyped("x"), optional(untyped("k"))], vec![untyped("y"), untyped("z")]));
    servables
}

fn examples_in() -> Servable {
    one(vec![port("inputs", DType::Bytes, &[])], vec![port("classes", DType::Bytes, &[])])
}

fn call_all(body: &[u8]) {
    let body = bytes::Bytes::copy_from_slice(body);
    for servable in echoes() {
        for form in [Form::Typed, Form::Content] {
            if let Ok(exchange) = Predict::parse(body.clone(), form) {
                run(&servable, 0, exchange, same);
            }
        }
        if let Ok(exchange) = RestPredict::parse(address("m"), body.clone()) {
            run(&servable, 0, exchange, same);
        }
        if let Ok(exchange) = Binary::predict(address("m"), body.clone()) {
            run(&servable, 0, exchange, same);
        }
    }
    infer_all(body.clone());
    drop(ReloadRequest::parse(body.clone()));
    drop(StatusRequest::parse(body.clone()).map(|request| (request.grpc(&[]), request.http(&[]))));
    drop(MetadataRequest::parse(body).map(|request| request.grpc(&examples_in())));
}

fn infer_all(body: bytes::Bytes) {
    for task in [Task::Classify, Task::Regress] {
        if let Ok(exchange) = Inference::parse(task, body.clone()) {
            run(&examples_in(), 0, exchange, same);
        }
        if let Ok(exchange) = RestInference::parse(task, address("m"), body.clone()) {
            run(&examples_in(), 0, exchange, same);
        }
    }
    let multi = MultiInference::parse(body);
    let tasks = multi.and_then(|multi| multi.tasks(&examples_in()));
    let replies = tasks.into_iter().flatten().map(|task| run(&examples_in(), 0, task, same)).collect();
    MultiInference::join(replies);
}

/// Requests of every kind, to be damaged.
fn recorded() -> Vec<bytes::Bytes> {
    let tensors = [
        floats(&[2, 2], &[1.0, 2.0]),
        content(9, &[2, 1], &[1; 16]),
        TensorProto { int_val: vec![1, -1, 300], ..empty(5, &[2, 2]) },
        TensorProto { string_val: vec![b"ab".to_vec()], ..empty(7, &[2, 2]) },
        content(7, &[1, 2], b"\x01\x02abc"),
    ];
    let mut all: Vec<_> = tensors.into_iter().map(|tensor| bytes(&request("m", [("x", tensor)]))).collect();
    all.push(bytes(&InferenceRequest { model_spec: spec("m"), input: examples(&[b"abc", b""]) }));
    let task = InferenceTask { model_spec: spec("m"), method_name: "tensorflow/serving/classify".into() };
    all.push(bytes(&MultiInferenceRequest { tasks: vec![task], input: examples(&[b"abc"]) }));
    let model = ModelConfig { name: "m".into(), base_path: "/m".into(), ..Default::default() };
    let list = ModelServerConfig {
        model_config_list: Some(ModelConfigList { config: vec![model] }),
        custom_model_config: None,
    };
    all.push(bytes(&ReloadConfigRequest { config: Some(list) }));
    all.push(r#"{"signature_name": "", "instances": [[1, 2.5], [NaN, -3e2]]}"#.into());
    all.push(r#"{"inputs": {"x": [{"b64": "AAE="}, "a\u00e9"]}}"#.into());
    all.push(r#"{"context": {"c": 1}, "examples": [{"x": [1.5]}]}"#.into());
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn arbitrary_bytes_do_no_harm(body in vec(any::<u8>(), 0..200)) {
        call_all(&body);
    }

    #[test]
    fn damaged_requests_do_no_harm(flips in vec((any::<usize>(), any::<u8>()), 1..4)) {
        for recorded in recorded() {
            let mut bytes = recorded.to_vec();
            for (at, value) in &flips {
                let at = at % bytes.len();
                bytes[at] = *value;
            }
            call_all(&bytes);
            bytes.truncate(flips[0].0 % bytes.len());
            call_all(&bytes);
        }
    }

    #[test]
    fn pieces_of_json_do_no_harm(pieces in vec(
        prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"x\"", "\"b64\"", "\"AA==\"", "1", "-0.5e3", "true", "null", "NaN",
            "-Infinity", "\"\\ud800\"", "\"\\u00e9\"", "ä", "\"k\"", " ",
        ]),
        0..30,
    )) {
        let pieces = pieces.concat();
        call_all(pieces.as_bytes());
        for key in ["instances", "inputs", "examples", "context", "signature_name"] {
            call_all(format!(r#"{{"{key}":{pieces}}}"#).as_bytes());
            call_all(format!(r#"{{"{key}":[{pieces}]}}"#).as_bytes());
        }
    }

    #[test]
    fn arbitrary_tensors_do_no_harm(
        dtype in 0..40i32,
        dims in vec(prop_oneof![any::<i64>(), 0..5i64, Just(1i64 << 40)], 0..5),
        content in vec(any::<u8>(), 0..20),
        ints in vec(any::<i32>(), 0..5),
    ) {
        let tensor = TensorProto {
            tensor_content: content,
            int_val: ints.clone(),
            half_val: ints.clone(),
            float_val: ints.iter().map(|&bits| f32::from_bits(bits as u32)).collect(),
            ..empty(dtype, &dims)
        };
        call_all(&bytes(&request("m", [("x", tensor)])));
    }

    #[test]
    fn arbitrary_paths_do_no_harm(path in ".{0,40}") {
        for method in ["GET", "POST", "PUT"] {
            drop(Route::parse(method, &path));
            drop(Route::parse(method, &format!("/v1/models/{path}")));
            drop(Route::parse(method, &format!("/v1/models/{path}:predict")));
        }
    }
}

#[test]
fn deep_nesting_is_refused_not_followed() {
    for open in ["[", r#"{"x":"#, r#"[{"x":"#, r#"[{"b64":"#] {
        for key in ["instances", "inputs", "examples", "other"] {
            call_all(format!(r#"{{"{key}":{}"#, open.repeat(100_000)).as_bytes());
        }
    }
}
