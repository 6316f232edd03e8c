//! Whole calls of `Predict`.

use bytes::Bytes;
use prost::Message;
use salver_core::{Answer, DType, Error, Part, Tensor};
use salver_wire::tensorflow::{Form, Predict};
use salver_wire::Exchange;

use crate::messages::*;
use crate::servables::*;

/// Put together by hand: model `m` version 7, `x` = [1.0, 2.0] of shape [1, 2] in `tensor_content`.
const REQUEST: &str = "0a07 0a016d 12020807  121b 0a0178 1216 0801 1208 12020801 12020802 2208 0000803f00000040";

/// Likewise: `y` as sent in `float_val`, and who answered.
const RESPONSE: &str = "0a1b 0a0179 1216 0801 1208 12020801 12020802 2a08 0000803f00000040 \
    1218 0a016d 12020807 1a0f 73657276696e675f64656661756c74";

fn scores(part: Part) -> Result<Vec<Tensor>, Error> {
    let rows = part.rows();
    Ok(vec![f32s(&[rows, 10], &vec![0.5; rows * 10])])
}

fn hex(text: &str) -> Vec<u8> {
    let text: String = text.split_whitespace().collect();
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

#[test]
fn bytes_put_together_by_hand_are_understood_and_answered_byte_for_byte() {
    let reply = predict(&echo(DType::F32, &[2]), hex(REQUEST).into(), same);
    assert_eq!((reply.code, reply.body.concat()), (0, hex(RESPONSE)));
}

#[test]
fn the_tutorials_picture_without_its_batch_is_one_row() {
    let picture = content(1, &[28, 28, 1], &[0; 28 * 28 * 4]);
    let reply = predict(&mnist(), bytes(&request("m", [("images", picture)])), scores);
    let response: PredictResponse = read(&reply);
    assert_eq!(response.outputs["scores"], floats(&[1, 10], &[0.5; 10]));
    assert_eq!(response.model_spec, answered("m", 7, "serving_default"));
    let batch = content(1, &[3, 28, 28, 1], &[0; 3 * 28 * 28 * 4]);
    let response: PredictResponse = read(&predict(&mnist(), bytes(&request("m", [("images", batch)])), scores));
    assert_eq!(response.outputs["scores"].tensor_shape, shape(&[3, 10]));
}

#[test]
fn a_method_without_batch_takes_exactly_its_shape() {
    let whole = servable(vec![method(
        "serving_default",
        vec![port("x", DType::F32, &[-1, 2])],
        vec![port("y", DType::F32, &[-1, 2])],
        false,
    )]);
    let body = bytes(&request("m", [("x", floats(&[3, 2], &[1.0]))]));
    assert_eq!(columns(&whole, body.clone()).unwrap()[0].shape().dims(), [1, 3, 2]);
    let response: PredictResponse = read(&predict(&whole, body, same));
    assert_eq!(response.outputs["y"], floats(&[3, 2], &[1.0; 6]));
    let error = columns(&whole, bytes(&request("m", [("x", floats(&[2], &[1.0]))]))).unwrap_err();
    assert!(matches!(error, Error::InputShape { .. }), "{error:?}");
}

#[test]
fn undeclared_inputs_take_what_comes_by_rows() {
    let any = one(vec![untyped("x")], vec![untyped("y")]);
    for (sent, wanted) in [(&[3, 2][..], &[3, 2][..]), (&[6], &[6]), (&[], &[1])] {
        let tensor = floats(sent, &[1.0]);
        assert_eq!(columns(&any, bytes(&request("m", [("x", tensor)]))).unwrap()[0].shape().dims(), wanted);
    }
}

#[test]
fn rows_of_one_number_may_come_as_a_list_and_go_back_as_one() {
    let half_plus_two: fn(Part) -> Result<Vec<Tensor>, Error> = |part| {
        let floats = part.columns()[0].bytes().chunks_exact(4);
        let halves = floats.map(|raw| f32::from_le_bytes(raw.try_into().unwrap()) / 2.0 + 2.0);
        Ok(vec![f32s(&[part.rows(), 1], &halves.collect::<Vec<_>>())])
    };
    let echo = echo(DType::F32, &[1]);
    for (sent, wanted) in [(&[3][..], &[3][..]), (&[3, 1], &[3, 1]), (&[1], &[1]), (&[1, 1], &[1, 1])] {
        let values = &[1.0, 2.0, 5.0][..sent[0] as usize];
        let response: PredictResponse =
            read(&predict(&echo, bytes(&request("m", [("x", floats(sent, values))])), half_plus_two));
        assert_eq!(response.outputs["y"], floats(wanted, &[2.5, 3.0, 4.5][..sent[0] as usize]), "{sent:?}");
    }
}

#[test]
fn a_list_goes_back_where_all_that_was_sent_are_lists_and_each_row_is_a_number() {
    let inputs = vec![port("a", DType::F32, &[1]), port("b", DType::F32, &[1]), optional(port("c", DType::F32, &[2]))];
    let outputs = vec![port("y", DType::F32, &[1]), port("z", DType::F32, &[1, 1]), port("s", DType::F32, &[])];
    let servable = one(inputs, outputs);
    let give: fn(Part) -> Result<Vec<Tensor>, Error> =
        |_| Ok([&[2, 1][..], &[2, 1, 1], &[2]].map(|shape| f32s(shape, &[1.0, 2.0])).to_vec());
    for (b, wanted) in [(&[2][..], &[2][..]), (&[2, 1], &[2, 1])] {
        let asked = request("m", [("a", floats(&[2], &[1.0])), ("b", floats(b, &[1.0]))]);
        let response: PredictResponse = read(&predict(&servable, bytes(&asked), give));
        assert_eq!(response.outputs["y"].tensor_shape, shape(wanted));
        assert_eq!(response.outputs["z"].tensor_shape, shape(&[2, 1, 1]));
        assert_eq!(response.outputs["s"].tensor_shape, shape(&[2]));
    }
}

#[test]
fn no_rows_are_answered_without_running_anything() {
    let outputs = vec![port("y", DType::F32, &[3]), port("label", DType::Bytes, &[])];
    let servable = one(vec![port("x", DType::F32, &[2])], outputs);
    let never: fn(Part) -> Result<Vec<Tensor>, Error> = |_| panic!("there is nothing to run");
    let asked = bytes(&request("m", [("x", empty(1, &[0, 2]))]));
    let response: PredictResponse = read(&predict(&servable, asked, never));
    assert_eq!(response.outputs["y"], empty(1, &[0, 3]));
    assert_eq!(response.outputs["label"], empty(7, &[0]));
    assert_eq!(response.model_spec, answered("m", 7, "serving_default"));
}

#[test]
fn only_the_outputs_asked_for_come_back_in_their_order() {
    let many = one(vec![port("x", DType::F32, &[])], ["a", "b", "c"].map(|name| port(name, DType::F32, &[])).to_vec());
    let give = |_| Ok(vec![f32s(&[1], &[1.0]), f32s(&[1], &[2.0]), f32s(&[1], &[3.0])]);
    let mut asked = request("m", [("x", floats(&[1], &[0.0]))]);
    asked.output_filter = vec!["c".into(), "a".into()];
    let response: PredictResponse = read(&predict(&many, bytes(&asked), give));
    let outputs: Vec<_> = response.outputs.iter().map(|(name, tensor)| (name.as_str(), tensor.float_val[0])).collect();
    assert_eq!(outputs, [("a", 1.0), ("c", 3.0)]);
}

#[test]
fn inputs_with_defaults_may_be_left_out() {
    let inputs = vec![port("x", DType::F32, &[]), optional(port("k", DType::I32, &[]))];
    let servable = one(inputs, vec![port("y", DType::F32, &[])]);
    let given = columns(&servable, bytes(&request("m", [("x", floats(&[2], &[1.0, 2.0]))]))).unwrap();
    assert_eq!(given, [f32s(&[2], &[1.0, 2.0]), salver_core::Port::absent(2)]);
}

#[test]
fn signatures_are_methods_and_the_default_one_may_be_named() {
    let target = |signature: &str| {
        let mut asked = request("m", []);
        asked.model_spec.as_mut().unwrap().signature_name = signature.into();
        let predict = Predict::parse(bytes(&asked), Form::Typed).unwrap();
        predict.target().unwrap().method.map(String::from)
    };
    assert_eq!(target(""), None);
    assert_eq!(target("serving_default"), None);
    assert_eq!(target("shout"), Some("shout".into()));
    let mut asked = request("m", [("x", floats(&[1, 2], &[1.0]))]);
    asked.model_spec.as_mut().unwrap().signature_name = "shout".into();
    let response: PredictResponse = read(&predict(&echo(DType::F32, &[2]), bytes(&asked), same));
    assert_eq!(response.model_spec, answered("m", 7, "shout"));
}

#[test]
fn numbers_come_as_content_where_the_server_is_set_so() {
    let body = bytes(&request("m", [("x", floats(&[1, 2], &[1.0, 2.0]))]));
    let reply = run(&echo(DType::F32, &[2]), 0, Predict::parse(body, Form::Content).unwrap(), same);
    let response: PredictResponse = read(&reply);
    assert_eq!(response.outputs["y"], content(1, &[1, 2], &[0, 0, 128, 63, 0, 0, 0, 64]));
    let text = TensorProto { string_val: vec![b"a".to_vec()], ..empty(7, &[1]) };
    let body = bytes(&request("m", [("x", text.clone())]));
    let reply = run(&echo(DType::Bytes, &[]), 0, Predict::parse(body, Form::Content).unwrap(), same);
    assert_eq!(read::<PredictResponse>(&reply).outputs["y"], text);
}

#[test]
fn large_tensors_are_shared_both_ways() {
    let values: Vec<f32> = (0..5000u16).map(f32::from).collect();
    for tensor in [floats(&[1, 5000], &values), content(1, &[1, 5000], f32s(&[5000], &values).bytes())] {
        let body = bytes(&request("m", [("x", tensor)]));
        let given = columns(&echo(DType::F32, &[5000]), body.clone()).unwrap();
        assert!(body.as_ptr_range().contains(&given[0].bytes().as_ptr()), "the request's own bytes");
        let reply = predict(&echo(DType::F32, &[5000]), body.clone(), same);
        assert!(reply.body.iter().any(|chunk| body.as_ptr_range().contains(&chunk.as_ptr())), "and the reply's");
        assert_eq!(read::<PredictResponse>(&reply).outputs["y"].float_val, values);
    }
}

#[test]
fn of_an_input_that_comes_twice_the_last_counts() {
    let first = bytes(&request("m", [("x", floats(&[1, 2], &[1.0]))]));
    let mut second = request("m", [("x", floats(&[1, 2], &[2.0]))]);
    second.model_spec = None;
    let both: Bytes = [first, bytes(&second)].concat().into();
    assert_eq!(columns(&echo(DType::F32, &[2]), both).unwrap(), [f32s(&[1, 2], &[2.0, 2.0])]);
}

#[test]
fn what_is_not_known_is_passed_over() {
    let mut body = request("m", [("x", floats(&[1, 2], &[1.0]))]).encode_to_vec();
    // Streaming options, a client id and options of later versions.
    body.extend([0x2a, 2, 0x08, 1, 0x32, 2, b'i', b'd', 0x3a, 0, 0xd2, 0x0f, 0, 0xd5, 0x0f, 0, 0, 0, 0]);
    assert!(columns(&echo(DType::F32, &[2]), body.into()).is_ok());
}

#[test]
fn the_first_failed_row_fails_the_call() {
    let body = bytes(&request("m", [("x", floats(&[2, 2], &[1.0]))]));
    let mut predict = Predict::parse(body, Form::Typed).unwrap();
    let servable = echo(DType::F32, &[2]);
    predict.parts(&servable, &servable.methods[0]).unwrap();
    let failure = Error::Failed { stage: "s".into(), message: "overflow".into() };
    let reply = predict.answer(&servable, &servable.methods[0], Answer::failed([2], &failure));
    assert_eq!((reply.code, reply.message.as_str()), (13, "stage 's' failed: overflow"));
}
