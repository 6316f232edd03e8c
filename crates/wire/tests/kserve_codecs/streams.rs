//! The messages of `ModelStreamInfer`.

use bytes::Bytes;
use prost::Message;
use salver_core::{DType, Error, Method};
use salver_wire::kserve::grpc::{refused_message, Infer};
use salver_wire::kserve::messages::{InferParameter, ModelStreamInferResponse, ParameterChoice};
use salver_wire::{Body, Exchange, Streamed};

use crate::grpc::request;
use crate::support::*;

fn echo() -> Method {
    method(vec![port("x", DType::F32, &[-1])], vec![port("y", DType::F32, &[-1]), port("z", DType::Str, &[])], true)
}

fn asked(wants_end: Option<bool>) -> Infer {
    let mut asked = request("x", &floats(&[0.], &[1, 1]), &["y"]);
    asked.id = "7".into();
    let parameter = |yes| InferParameter { parameter_choice: Some(ParameterChoice::BoolParam(yes)) };
    asked.parameters.extend(wants_end.map(|yes| ("triton_enable_empty_final_response".into(), parameter(yes))));
    let mut infer = Infer::parse(asked.encode_to_vec().into()).unwrap();
    infer.parts(&servable(), &echo()).unwrap();
    infer
}

fn decoded(body: &Body) -> ModelStreamInferResponse {
    ModelStreamInferResponse::decode(Bytes::from(joined(body))).unwrap()
}

fn is_final(message: &ModelStreamInferResponse) -> Option<ParameterChoice> {
    let response = message.infer_response.as_ref()?;
    response.parameters.get("triton_final_response")?.parameter_choice.clone()
}

#[test]
fn an_item_is_a_response_that_says_whether_it_is_the_last() {
    let infer = asked(None);
    for (size, chunks) in [(2, 1), (5000, 2)] {
        for last in [false, true] {
            let (data, text) = (floats(&vec![1.5; size], &[1, size]), words(DType::Str, &[b"a"], &[1]));
            let body = infer.item(&servable(), &echo(), vec![data.clone(), text], last).unwrap();
            assert_eq!(body.len(), chunks, "large tensors are passed on, small ones are not scattered");
            let message = decoded(&body);
            assert_eq!(
                (message.error_message.as_str(), is_final(&message)),
                ("", Some(ParameterChoice::BoolParam(last)))
            );
            let response = message.infer_response.unwrap();
            assert_eq!((response.model_name.as_str(), response.model_version.as_str()), ("m", "3"));
            assert_eq!((response.id.as_str(), response.outputs.len()), ("7", 1));
            assert_eq!(response.raw_output_contents, [data.bytes()]);
        }
    }
}

#[test]
fn large_tensors_are_not_copied() {
    let data = floats(&vec![1.5; 5000], &[1, 5000]);
    let text = words(DType::Str, &[b"a"], &[1]);
    let body = asked(None).item(&servable(), &echo(), vec![data.clone(), text], false).unwrap();
    assert_eq!(body[1].as_ptr(), data.bytes().as_ptr());
}

#[test]
fn an_end_is_told_to_who_asked_for_it() {
    for wants in [None, Some(false)] {
        assert!(asked(wants).ended(&servable()).is_empty());
    }
    let message = decoded(&asked(Some(true)).ended(&servable()));
    assert_eq!(is_final(&message), Some(ParameterChoice::BoolParam(true)));
    let response = message.infer_response.unwrap();
    assert_eq!((response.id.as_str(), response.model_name.as_str(), response.outputs.len()), ("7", "m", 0));
}

#[test]
fn an_error_is_a_message_with_the_id_of_its_request() {
    let error = Error::Failed { stage: "s".into(), message: "no".into() };
    let message = decoded(&asked(None).failed(&error));
    assert_eq!(message.error_message, "stage 's' failed: no");
    assert_eq!(is_final(&message), Some(ParameterChoice::BoolParam(true)));
    assert_eq!(message.infer_response.unwrap().id, "7");

    let message = decoded(&refused_message(&Error::malformed("ModelInferRequest", "cut")));
    assert_eq!(message.error_message, "malformed ModelInferRequest: cut");
    assert_eq!(message.infer_response.unwrap().id, "");
}

#[test]
fn outputs_that_are_not_the_contracts_are_internal_errors() {
    let other = asked(None).item(&servable(), &echo(), vec![], false);
    assert!(matches!(other, Err(Error::Internal { .. })));
}
