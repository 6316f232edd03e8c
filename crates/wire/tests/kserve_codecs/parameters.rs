//! What requests say beside their inputs.

use prost::Message;
use salver_core::DType;
use salver_wire::kserve::grpc::Infer;
use salver_wire::kserve::http::Generate;
use salver_wire::kserve::messages::{InferParameter, ParameterChoice};
use salver_wire::Exchange;
use serde_json::{json, Value};

use crate::grpc::request;
use crate::http;
use crate::support::*;

#[test]
fn parameters_of_every_type_are_read_over_grpc() {
    use ParameterChoice::*;
    let choices = [
        ("text", Some(StringParam("ä \"b\"".into()))),
        ("whole", Some(Int64Param(-7))),
        ("large", Some(Uint64Param(u64::MAX))),
        ("truth", Some(BoolParam(false))),
        ("half", Some(DoubleParam(0.5))),
        ("endless", Some(DoubleParam(f64::INFINITY))),
        ("nothing", None),
        ("triton_enable_empty_final_response", Some(BoolParam(true))),
    ];
    let mut asked = request("x", &floats(&[0.], &[1]), &[]);
    let parameter = |(name, choice): (&str, _)| (name.to_string(), InferParameter { parameter_choice: choice });
    asked.parameters = choices.into_iter().map(parameter).collect();
    let mut infer = Infer::parse(asked.encode_to_vec().into()).unwrap();
    let wanted = json!({"text": "ä \"b\"", "whole": -7, "large": u64::MAX, "truth": false, "half": 0.5});
    assert_eq!(Value::Object(infer.parameters()), wanted);
    let scalar = method(vec![port("x", DType::F32, &[])], vec![], true);
    infer.parts(&servable(), &scalar).unwrap();
    assert_eq!(Value::Object(infer.parameters()), wanted, "they are told after the inputs were taken too");
}

#[test]
fn parameters_are_read_over_http() {
    let body = json!({
        "inputs": [],
        "parameters": {"text": "b", "whole": -7, "truth": true, "half": 0.5, "list": [1], "nothing": null,
            "binary_data_output": true},
    });
    let infer = http::parsed(None, body.to_string()).unwrap();
    let wanted = json!({"text": "b", "whole": -7, "truth": true, "half": 0.5});
    assert_eq!(Value::Object(infer.parameters()), wanted);
    assert!(http::parsed(None, r#"{"inputs":[]}"#).unwrap().parameters().is_empty());
}

#[test]
fn very_many_parameters_are_refused() {
    let many: Vec<(String, i64)> = (0..1025).map(|index| (index.to_string(), index)).collect();
    let named: Value = many.iter().map(|(name, value)| (name.clone(), Value::from(*value))).collect();
    let mut over_grpc = request("x", &floats(&[0.], &[1]), &[]);
    let whole = |value| InferParameter { parameter_choice: Some(ParameterChoice::Int64Param(value)) };
    over_grpc.parameters = many.into_iter().map(|(name, value)| (name, whole(value))).collect();
    let text = method(vec![optional("text", DType::Str, &[])], vec![], true);
    let generate = |body: Value| Generate::new("m", None, body.to_string().into()).parts(&servable(), &text).err();
    let (few, more) = (json!({"x": 1, "parameters": {"y": 2}}), json!({"0": 1, "parameters": named}));
    let refusals = [
        (http::parsed(None, json!({"inputs": [], "parameters": named}).to_string()).err(), "at most 1024 parameters"),
        (generate(more), "at most 1024 parameters"),
        (Infer::parse(over_grpc.encode_to_vec().into()).err(), "more than 1024 parameters"),
    ];
    for (refusal, wanted) in refusals {
        let told = refusal.unwrap().to_string();
        assert!(told.contains(wanted), "{told}");
    }
    assert_eq!(generate(few), None);
}
