//! Protobuf bodies at the addresses of REST.

use salver_core::{DType, Error};
use salver_wire::tensorflow::rest::{is_protobuf, Binary, PROTOBUF};
use salver_wire::tensorflow::{Spec, Task, Which};
use salver_wire::Exchange;

use crate::inference::{classifier, examples, labels};
use crate::messages::*;
use crate::servables::*;

#[test]
fn content_types_say_so() {
    for yes in ["application/x-protobuf", "Application/Protobuf; charset=x", PROTOBUF] {
        assert!(is_protobuf(yes), "{yes}");
    }
    for no in ["application/json", "", "application/x-www-form-urlencoded", "application/x-protobuffer"] {
        assert!(!is_protobuf(no), "{no}");
    }
}

#[test]
fn tensors_travel_as_they_are() {
    let mut asked = request("other", [("x", floats(&[1, 2], &[1.0, 2.0]))]);
    asked.model_spec.as_mut().unwrap().version = Some(Int64Value { value: 1 });
    let binary = Binary::predict(address("m"), bytes(&asked)).unwrap();
    assert_eq!((binary.target().unwrap().servable, binary.target().unwrap().version), ("m", None), "the path's");
    let reply = run(&echo(DType::F32, &[2]), 0, binary, same);
    assert_eq!((reply.status, reply.headers), (200, vec![("content-type", PROTOBUF.to_string())]));
    let response = <PredictResponse as prost::Message>::decode(&reply.body.concat()[..]).unwrap();
    assert_eq!(response.outputs["y"], content(1, &[1, 2], &[0, 0, 128, 63, 0, 0, 0, 64]));
    assert_eq!(response.model_spec, answered("m", 7, "serving_default"));
}

#[test]
fn a_body_needs_no_spec_and_may_name_a_signature() {
    let without = PredictRequest { model_spec: None, ..request("", [("x", floats(&[1, 2], &[1.0]))]) };
    let labelled = Spec { version: Which::Label("stable".into()), ..address("m") };
    let binary = Binary::predict(labelled, bytes(&without)).unwrap();
    assert_eq!((binary.target().unwrap().label, binary.target().unwrap().method), (Some("stable"), None));
    let signature = ModelSpec { signature_name: "shout".into(), ..Default::default() };
    let named = PredictRequest { model_spec: Some(signature), ..Default::default() };
    assert_eq!(Binary::predict(address("m"), bytes(&named)).unwrap().target().unwrap().method, Some("shout"));
}

#[test]
fn errors_are_json() {
    let wrong = request("m", [("x", empty(0, &[]))]);
    let reply = run(&echo(DType::F32, &[]), 0, Binary::predict(address("m"), bytes(&wrong)).unwrap(), same);
    assert_eq!(told(text(&reply)), (400, "tensor parsing error: x".into()));
    let unknown = Error::UnknownServable { servable: "m".into() };
    let reply = Binary::predict(address("m"), bytes(&wrong)).unwrap().refuse(&unknown);
    assert_eq!(told(text(&reply)), (404, "Servable not found for request: Latest(m)".into()));
}

#[test]
fn examples_travel_so_too() {
    let asked = InferenceRequest { model_spec: None, input: examples(&[b"a"]) };
    let reply = run(&classifier(), 0, Binary::infer(Task::Classify, address("m"), bytes(&asked)).unwrap(), labels);
    let response = <ClassificationResponse as prost::Message>::decode(&reply.body.concat()[..]).unwrap();
    assert_eq!(response.result.unwrap().classifications.len(), 1);
    let unknown = Error::UnknownMethod { servable: "m".into(), version: None, method: String::new() };
    let reply = Binary::infer(Task::Classify, address("m"), bytes(&asked)).unwrap().refuse(&unknown);
    assert_eq!(told(text(&reply)), (400, "No signature was found with the name: serving_default".into()));
}
