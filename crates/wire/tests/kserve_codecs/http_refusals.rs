use salver_core::DType;
use salver_wire::kserve::http::Infer;
use salver_wire::kserve::http_reply;
use salver_wire::Exchange;
use serde_json::{json, Value};

use crate::http::{parsed, parts};
use crate::support::*;

fn told(reply: salver_wire::HttpReply) -> (u16, String) {
    let body: Value = serde_json::from_slice(&joined(&reply.body)).unwrap();
    (reply.status, body["error"].as_str().unwrap().to_string())
}

/// A request for a method with one input `x` of two numbers, with some members replaced, or removed by null.
fn changed(changes: Value) -> Value {
    let mut input = json!({"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]});
    for (key, value) in changes.as_object().unwrap() {
        input[key] = value.clone();
    }
    input.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    json!({ "inputs": [input] })
}

#[test]
fn every_fault_of_an_input_has_its_text() {
    let sources = "Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', \
        'shared_memory_region' in 'parameters'.";
    let missing =
        |name: &str| format!("Unable to parse '{name}': attempt to access non-existing object member '{name}'");
    let about_x = "[request id: <id_unknown>] input 'x' for model 'm':";
    let cases = [
        (json!({"name": null}), 400, missing("name")),
        (json!({"datatype": null}), 400, missing("datatype")),
        (json!({"shape": null}), 400, missing("shape")),
        (json!({"data": null}), 400, format!("{sources} But no field is set for input 'x'")),
        (
            json!({"parameters": {"binary_data_size": 8}}),
            400,
            format!("{sources} But set 'data', 'binary_data_size' in 'parameters' for input 'x'"),
        ),
        (
            json!({"data": null, "parameters": {"shared_memory_region": "r"}}),
            501,
            "Client shared memory is disabled. This server does not implement it; send tensors in the request.".into(),
        ),
        (
            json!({"data": null, "parameters": {"binary_data_size": 8}}),
            400,
            "unexpected size for input 'x', expecting 8 additional bytes for model 'm'".into(),
        ),
        (
            json!({"data": [1, 2, 3]}),
            500,
            "Unable to parse 'data': Shape does not match true shape of 'data' field: input 'x' has 3 elements, \
             but its shape needs 2"
                .into(),
        ),
        (json!({"data": [1, "2"]}), 400, format!("{about_x} expected a number, but found '\"2\"'")),
        (json!({"data": [1, 1e300]}), 400, format!("{about_x} the number 1e+300 does not fit float32")),
        (json!({"data": {"b64": ""}}), 400, format!("{about_x} expected a number, but found '{{\"b64\":\"\"}}'")),
        (
            json!({"datatype": "INT32"}),
            400,
            "[request id: <id_unknown>] inference input 'x' data-type is 'INT32', but model 'm' expects 'FP32'".into(),
        ),
        (
            json!({"shape": [i64::MAX, 2]}),
            400,
            "the shape [9223372036854775807, 2] of input 'x' for model 'm' has too many elements".into(),
        ),
    ];
    let method = method(vec![port("x", DType::F32, &[2])], vec![port("y", DType::F32, &[2])], true);
    for (change, status, text) in cases {
        let error = parts(None, changed(change.clone()).to_string(), &method).unwrap_err();
        assert_eq!(told(http_reply(&error, "")), (status, text), "{change}");
    }
    assert!(parts(None, changed(json!({})).to_string(), &method).is_ok());
}

#[test]
fn every_fault_of_a_body_has_its_text() {
    let deep = format!(r#"{{"inputs":[{{"name":"x","datatype":"FP32","shape":[1,2],"data":{}}}]}}"#, nested(100_000));
    let more = changed(json!({})).to_string();
    let many = format!(r#"{{"inputs":[{}{{}}]}}"#, "{},".repeat(1024));
    let cases = [
        (None, "{", "failed to parse the request JSON buffer: EOF while parsing an object at line 1 column 1"),
        (None, "{}", "Unable to parse 'inputs': attempt to access non-existing object member 'inputs'"),
        (
            None,
            r#"{"inputs":7}"#,
            "failed to parse the request JSON buffer: invalid type: integer `7`, expected an array of at most 1024 \
             values at line 1 column 11",
        ),
        (
            None,
            many.as_str(),
            "failed to parse the request JSON buffer: invalid length 1025, expected an array of at most 1024 values \
             at line 1 column 3086",
        ),
        (
            None,
            deep.as_str(),
            "[request id: <id_unknown>] input 'x' for model 'm': arrays are nested more than 100 deep",
        ),
        (
            None,
            r#"{"inputs":[],"parameters":{"triton_enable_empty_final_response":true}}"#,
            "parameter 'triton_enable_empty_final_response' is not known; keys that start with 'triton_' are \
             reserved, choose another",
        ),
        (
            Some(more.len() - 1),
            more.as_str(),
            "failed to parse the request JSON buffer: EOF while parsing an object at line 1 column 69",
        ),
        (Some(999), "{}", "Inference-Header-Content-Length is 999, but the body has 2 bytes"),
        (
            Some(0),
            "abc",
            "[request id: <id_unknown>] input byte size mismatch for input 'x' for model 'm'. Expected 8, got 3",
        ),
    ];
    let method = method(vec![port("x", DType::F32, &[2])], vec![port("y", DType::F32, &[2])], true);
    for (length, body, text) in cases {
        let error = parts(length, body.to_string(), &method).unwrap_err();
        assert_eq!(told(http_reply(&error, "")), (400, text.to_string()));
    }
    let error = parts(Some(more.len()), format!("{more}!"), &method).unwrap_err();
    assert_eq!(told(http_reply(&error, "")).1, "unexpected additional input data for model 'm'");
    let error = Infer::parse("m", None, Some("+1"), "{}".into()).err().unwrap();
    let text = "Unable to parse Inference-Header-Content-Length, got: '+1'; it must be the number of bytes of JSON in the body";
    assert_eq!(told(http_reply(&error, "")).1, text);
    let error = Infer::parse("m", None, None, "[1]".into()).err().unwrap();
    assert!(told(http_reply(&error, "")).1.ends_with("a request is an object with the member 'inputs'"));
    let infer = Infer::parse("m", Some("0"), None, more.into()).unwrap();
    assert_eq!(told(http_reply(&infer.target().unwrap_err(), "")).0, 400);
}

fn nested(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}

#[test]
fn raw_binary_requests_need_one_input_and_one_free_dimension() {
    let wide = method(vec![port("x", DType::F32, &[-1, -1])], vec![], true);
    let cases = [
        (
            add(),
            "a raw binary request needs a model with one input, but 'm' has 2; send JSON that describes the inputs in \
             front of their data",
        ),
        (
            wide,
            "input 'x' of model 'm' has several free dimensions, which a raw binary request cannot say; send its shape \
             as JSON",
        ),
    ];
    for (method, text) in cases {
        let error = parts(Some(0), "abcd", &method).unwrap_err();
        assert_eq!(told(http_reply(&error, "")), (400, text.to_string()));
    }
}

#[test]
fn half_floats_and_bytes_that_are_not_text_are_binary_only() {
    let half = method(vec![port("x", DType::F16, &[])], vec![], true);
    let request = r#"{"inputs":[{"name":"x","datatype":"FP16","shape":[1],"data":[1]}]}"#;
    let error = parts(None, request, &half).unwrap_err();
    let text = "receiving FP16 data via JSON is not supported. Please use the binary data format for input x";
    assert_eq!(told(http_reply(&error, "")), (400, text.to_string()));

    let brain = salver_core::Tensor::fixed(DType::BF16, salver_core::Shape::new([1]), vec![0, 0].into()).unwrap();
    let cases = [
        (brain, "sending BF16 data via JSON is not supported. Please use the binary data format for output y"),
        (
            words(DType::Bytes, &[b"\xff"], &[1]),
            "output 'y' holds bytes that are not UTF-8 text, which JSON cannot carry. Please use the binary data format \
             for output y",
        ),
    ];
    for (tensor, text) in cases {
        let method = method(vec![port("x", DType::F32, &[])], vec![untyped("y")], true);
        let request = r#"{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1]}]}"#;
        let mut infer = parsed(None, request).unwrap();
        infer.parts(&servable(), &method).unwrap();
        assert_eq!(told(infer.answer(&servable(), &method, answer(vec![tensor]))), (400, text.to_string()));
    }
}
