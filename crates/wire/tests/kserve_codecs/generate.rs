//! The generate extension: objects of named values there and back.

use proptest::prelude::*;
use salver_core::{DType, Error, Method, Port, Tensor};
use salver_wire::kserve::http::Generate;
use salver_wire::{Exchange, HttpReply, Streamed};
use serde_json::{json, Value};

use crate::support::*;

fn generate(body: impl ToString) -> Generate {
    Generate::new("m", Some("3"), body.to_string().into())
}

/// Takes a text and perhaps numbers, gives a text and numbers.
fn method_() -> Method {
    let inputs = vec![port("text", DType::Str, &[1]), optional("numbers", DType::F32, &[-1, 2])];
    method(inputs, vec![port("word", DType::Str, &[1]), port("scores", DType::F32, &[-1])], true)
}

fn columns(body: Value) -> Result<Vec<Tensor>, Error> {
    generate(body).parts(&servable(), &method_()).map(|mut parts| parts.remove(0).into_columns())
}

fn outputs(scores: &[f32]) -> Vec<Tensor> {
    vec![words(DType::Str, &[b"hej"], &[1, 1]), floats(scores, &[1, scores.len()])]
}

fn read(reply: &HttpReply) -> (u16, Value) {
    assert_eq!(reply.headers, [("content-type", "application/json".to_string())]);
    (reply.status, serde_json::from_slice(&joined(&reply.body)).unwrap())
}

#[test]
fn values_take_the_shape_of_their_input() {
    let text = || words(DType::Str, &[b"once"], &[1, 1]);
    let numbers = floats(&[1., 2., 3., 4.], &[1, 2, 2]);
    assert_eq!(columns(json!({"text": "once"})), Ok(vec![text(), Port::absent(1)]));
    assert_eq!(columns(json!({"text": ["once"], "numbers": null})), Ok(vec![text(), Port::absent(1)]));
    for given in [json!([1, 2, 3, 4]), json!([[1, 2], [3, 4]])] {
        assert_eq!(columns(json!({"numbers": given, "text": "once"})), Ok(vec![text(), numbers.clone()]));
    }
}

#[test]
fn what_is_no_input_is_a_parameter() {
    let body =
        json!({"id": "7", "text": "once", "seed": 3, "parameters": {"stop": true, "list": [1]}, "style": "plain"});
    let mut asked = generate(body);
    asked.parts(&servable(), &method_()).unwrap();
    assert_eq!(Value::Object(asked.parameters()), json!({"seed": 3, "stop": true, "style": "plain"}));
    let reply = asked.answer(&servable(), &method_(), answer(outputs(&[0.5])));
    let wanted = json!({"id": "7", "model_name": "m", "model_version": "3", "word": "hej", "scores": 0.5});
    assert_eq!(read(&reply), (200, wanted));
}

#[test]
fn answers_are_named_and_arrays_of_one_are_unwrapped() {
    let mut asked = generate(json!({"text": "once"}));
    asked.parts(&servable(), &method_()).unwrap();
    let reply = asked.answer(&servable(), &method_(), answer(outputs(&[0.5, 1.])));
    let wanted = json!({"model_name": "m", "model_version": "3", "word": "hej", "scores": [0.5, 1.0]});
    assert_eq!(read(&reply), (200, wanted));
}

#[test]
fn a_sequence_is_told_by_events() {
    let mut asked = generate(json!({"text": "once"}));
    asked.parts(&servable(), &method_()).unwrap();
    let item = asked.item(&servable(), &method_(), outputs(&[]), false).unwrap();
    let wanted = "data: {\"model_name\":\"m\",\"model_version\":\"3\",\"word\":\"hej\",\"scores\":[]}\n\n";
    assert_eq!(String::from_utf8(joined(&item)).unwrap(), wanted);
    assert!(asked.ended(&servable()).is_empty());
    let failed = asked.failed(&Error::Failed { stage: "s".into(), message: "no".into() });
    assert_eq!(joined(&failed), b"data: {\"error\":\"stage 's' failed: no\"}\n\n");
}

#[test]
fn every_mistake_has_its_text() {
    let about = "[request id: <id_unknown>]";
    let cases = [
        (json!({}), 400, format!("{about} missing required input 'text' for model 'm'")),
        (json!({"text": 1}), 400, format!("{about} input 'text' for model 'm': expected a string, but found '1'")),
        (
            json!({"text": ["a", "b"]}),
            500,
            "Unable to parse 'data': Shape does not match true shape of 'data' field: input 'text' has 2 elements, \
             but its shape needs 1"
                .into(),
        ),
        (
            json!({"text": "a", "numbers": [1, 2, 3]}),
            500,
            "Unable to parse 'data': Shape does not match true shape of 'data' field: input 'numbers' has 3 \
             elements, but its shape needs 2"
                .into(),
        ),
        (
            json!({"text": "a", "more": {}}),
            400,
            "unexpected inference input 'more' for model 'm'; it takes ['text','numbers']".into(),
        ),
        (
            json!({"text": "a", "triton_x": 1}),
            400,
            "parameter 'triton_x' is not known; keys that start with 'triton_' are reserved, choose another".into(),
        ),
        (
            json!([]),
            400,
            "failed to parse the request JSON buffer: invalid type: sequence, expected a row: an object with a value for \
             every input at line 1 column 0"
                .into(),
        ),
    ];
    for (body, status, text) in cases {
        let mut asked = generate(&body);
        let error = asked.parts(&servable(), &method_()).unwrap_err();
        assert_eq!(read(&asked.refuse(&error)), (status, json!({ "error": text })), "{body}");
    }
    let mut twice = generate(r#"{"text": "a", "text": "b"}"#);
    let error = twice.parts(&servable(), &method_()).unwrap_err();
    assert_eq!(read(&twice.refuse(&error)), (400, json!({"error": "input 'text' already exists in request"})));
}

#[test]
fn half_floats_cannot_be_told() {
    let half = method(vec![port("text", DType::Str, &[])], vec![port("y", DType::F16, &[])], true);
    let mut asked = generate(json!({"text": "a"}));
    asked.parts(&servable(), &half).unwrap();
    let output = Tensor::fixed(DType::F16, salver_core::Shape::new([1]), vec![0, 0].into()).unwrap();
    let (status, body) = read(&asked.answer(&servable(), &half, answer(vec![output])));
    assert!(status == 400 && body["error"].as_str().unwrap().starts_with("sending FP16 data via JSON"), "{body}");
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_no_harm(body in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = Generate::new("m", None, body.into()).parts(&servable(), &method_());
    }

    #[test]
    fn pieces_of_json_do_no_harm(pieces in prop::collection::vec(
        prop::sample::select(vec!["{", "}", "[", "]", ",", ":", "\"text\"", "\"numbers\"", "\"id\"", "1", "-0.5e3", "null"]),
        0..30,
    )) {
        let _ = generate(pieces.concat()).parts(&servable(), &method_());
        let _ = generate(format!("{{{}}}", pieces.concat())).parts(&servable(), &method_());
    }
}
