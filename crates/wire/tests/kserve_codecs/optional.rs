//! Inputs that requests may leave out, over both transports.

use prost::Message;
use salver_core::{DType, Error, Method, Port, Tensor};
use salver_wire::kserve::grpc_status;
use salver_wire::kserve::messages::ModelInferRequest;
use salver_wire::kserve::metadata::model;
use serde_json::{json, Value};

use crate::grpc::request;
use crate::support::*;
use crate::{grpc, http};

/// `x` must be there, `y` and `z` may.
fn three() -> Method {
    let inputs = vec![
        optional("y", DType::F32, &[]),
        port("x", DType::F32, &[2]),
        Port { dtype: None, dims: None, ..optional("z", DType::Bool, &[]) },
    ];
    method(inputs, vec![], true)
}

fn by_grpc(method: &Method, names: &[(&str, Tensor)]) -> Result<Vec<Tensor>, Error> {
    let mut asked = ModelInferRequest { model_name: "m".into(), ..Default::default() };
    for (name, tensor) in names {
        let one = request(name, tensor, &[]);
        asked.inputs.extend(one.inputs);
        asked.raw_input_contents.extend(one.raw_input_contents);
    }
    grpc::parts(asked.encode_to_vec().into(), method).map(|mut parts| parts.remove(0).into_columns())
}

fn by_http(method: &Method, names: &[(&str, Tensor)]) -> Result<Vec<Tensor>, Error> {
    let input = |(name, tensor): &(&str, Tensor)| -> Value {
        let values = tensor.bytes().chunks(4).map(|raw| f32::from_le_bytes(raw.try_into().unwrap()));
        let (shape, data): (_, Vec<f32>) = (tensor.shape().dims(), values.collect());
        json!({"name": name, "datatype": "FP32", "shape": shape, "data": data})
    };
    let body = json!({"inputs": names.iter().map(input).collect::<Vec<_>>()}).to_string();
    http::parts(None, body, method).map(|mut parts| parts.remove(0).into_columns())
}

#[test]
fn what_is_left_out_is_absent_in_every_row() {
    let x = || floats(&[1., 2., 3., 4.], &[2, 2]);
    let y = || floats(&[5., 6.], &[2]);
    for ask in [by_grpc, by_http] {
        let absent = || Port::absent(2);
        assert_eq!(ask(&three(), &[("x", x())]), Ok(vec![absent(), x(), absent()]));
        assert_eq!(ask(&three(), &[("x", x()), ("y", y())]), Ok(vec![y(), x(), absent()]));
        assert_eq!(ask(&three(), &[("z", y()), ("x", x())]), Ok(vec![absent(), x(), y()]));
    }
}

#[test]
fn a_request_without_any_input_is_one_row() {
    let both = method(vec![optional("x", DType::F32, &[]), optional("y", DType::F32, &[])], vec![], true);
    for ask in [by_grpc, by_http] {
        assert_eq!(ask(&both, &[]), Ok(vec![Port::absent(1), Port::absent(1)]));
    }
}

#[test]
fn the_others_are_missed_and_mistakes_are_told() {
    let scalar = || floats(&[1.], &[1]);
    let cases = [
        (vec![("y", scalar())], "[request id: <id_unknown>] missing required input 'x' for model 'm'"),
        (
            vec![("x", floats(&[1., 2.], &[1, 2])), ("w", scalar())],
            "unexpected inference input 'w' for model 'm'; it takes ['y','x','z']",
        ),
        (
            vec![("x", floats(&[1., 2.], &[1, 2])), ("y", floats(&[1., 2.], &[2]))],
            "[request id: <id_unknown>] input 'x' batch size does not match other inputs for 'm': \
             it has 1 rows, the first input 2",
        ),
    ];
    for (inputs, wanted) in cases {
        for ask in [by_grpc, by_http] {
            assert_eq!(grpc_status(&ask(&three(), &inputs).unwrap_err(), "").message, wanted);
        }
    }
}

#[test]
fn a_raw_binary_request_is_the_only_input_that_must_be_there() {
    let x = floats(&[1., 2.], &[1, 2]);
    let parts = http::parts(Some(0), x.bytes().to_vec(), &three()).unwrap();
    assert_eq!(parts[0].columns(), [Port::absent(1), x, Port::absent(1)]);
}

#[test]
fn metadata_shows_them_like_others() {
    let shown = model("m", &[1], &servable(), &three());
    let inputs: Vec<_> = shown.inputs.iter().map(|input| (input.name.as_str(), input.datatype.as_str())).collect();
    assert_eq!(inputs, [("y", "FP32"), ("x", "FP32"), ("z", "BYTES")]);
    let document = Port { json: true, ..port("doc", DType::Str, &[]) };
    let shown = model("m", &[1], &servable(), &method(vec![document], vec![], true));
    assert_eq!((shown.inputs[0].datatype.as_str(), &shown.inputs[0].shape), ("BYTES", &vec![-1]));
}
