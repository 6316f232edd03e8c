use bytes::Bytes;
use prost::Message;
use salver_core::{DType, Shape, Tensor};
use salver_wire::kserve::grpc::Infer;
use salver_wire::kserve::grpc_status;
use salver_wire::kserve::messages::{
    InferParameter, InferRequestedOutputTensor, InferTensorContents, ModelInferRequest, ParameterChoice,
};
use salver_wire::Exchange;

use crate::grpc::{parts, request};
use crate::support::*;

/// A good request for `add`: two inputs of one row.
fn good() -> ModelInferRequest {
    let mut both = request("x1", &floats(&[0.; 4], &[1, 2, 2]), &[]);
    let second = request("x2", &floats(&[0.; 4], &[1, 2, 2]), &[]);
    both.inputs.extend(second.inputs);
    both.raw_input_contents.extend(second.raw_input_contents);
    both
}

fn refusal(request: ModelInferRequest) -> (u32, String) {
    let error = parts(request.encode_to_vec().into(), &add()).unwrap_err();
    let reply = grpc_status(&error, "");
    (reply.code, reply.message)
}

type Change = fn(&mut ModelInferRequest);

#[test]
fn every_fault_has_its_text() {
    let cases: &[(Change, u32, &str)] = &[
        (
            |r| r.inputs.truncate(1),
            3,
            "[request id: <id_unknown>] expected 2 inputs but got 1 inputs for model 'm'. Got input(s) ['x1'], \
             but missing required input(s) ['x2']. Please provide all required input(s).",
        ),
        (|r| r.inputs[1].name = "z".into(), 3, "unexpected inference input 'z' for model 'm'; it takes ['x1','x2']"),
        (|r| r.inputs[1].name = "x1".into(), 3, "input 'x1' already exists in request"),
        (|r| r.outputs = vec![output("z")], 3, "unexpected inference output 'z' for model 'm'; it gives ['y']"),
        (|r| r.outputs = vec![output("y"), output("y")], 3, "output 'y' already exists in request"),
        (
            |r| r.inputs[0].datatype = "INT32".into(),
            3,
            "[request id: <id_unknown>] inference input 'x1' data-type is 'INT32', but model 'm' expects 'FP32'",
        ),
        (
            |r| r.inputs[0].datatype = "FLOAT".into(),
            3,
            "[request id: <id_unknown>] inference input 'x1' data-type is 'FLOAT', but model 'm' expects 'FP32'",
        ),
        (
            |r| r.inputs[1].shape = vec![1, 3],
            3,
            "[request id: <id_unknown>] unexpected shape for input 'x2' for model 'm'. Expected [-1,2,2], got [1,3]. \
             NOTE: the model is batched, so a batch dimension is prepended to the shape of each input.",
        ),
        (
            |r| r.inputs[1].shape = vec![-1, 2, 2],
            3,
            "[request id: <id_unknown>] input 'x2' for model 'm': its shape [-1, 2, 2] has a negative length; send \
             the lengths of what is sent",
        ),
        (
            |r| r.inputs[1].shape = vec![0, 2, 2],
            3,
            "[request id: <id_unknown>] inference request batch-size must be >= 1 for 'm'",
        ),
        (
            |r| r.inputs[0].shape = vec![i64::MAX, 2, 2],
            3,
            "the shape [9223372036854775807, 2, 2] of input 'x1' for model 'm' has too many elements",
        ),
        (|r| r.inputs[0].shape = vec![1; 65], 3, "malformed ModelInferRequest: a shape has more than 64 dimensions"),
        (
            |r| r.raw_input_contents[0] = Bytes::from_static(b"abc"),
            3,
            "[request id: <id_unknown>] input byte size mismatch for input 'x1' for model 'm'. Expected 16, got 3",
        ),
        (
            |r| {
                r.inputs[1].shape = vec![2, 2, 2];
                r.raw_input_contents[1] = vec![0; 32].into();
            },
            3,
            "[request id: <id_unknown>] input 'x2' batch size does not match other inputs for 'm': \
             it has 2 rows, the first input 1",
        ),
        (
            |r| r.raw_input_contents.truncate(1),
            3,
            "unable to find data for input tensor 'x2' for model 'm' in request.",
        ),
        (|r| r.raw_input_contents.clear(), 3, "unable to find data for input tensor 'x1' for model 'm' in request."),
        (|r| r.raw_input_contents.push(Bytes::new()), 3, "got 3 raw_input_contents for 2 inputs of model 'm'"),
        (
            |r| r.inputs[0].contents = Some(InferTensorContents { fp32_contents: vec![1.], ..Default::default() }),
            3,
            "contents field must not be specified when using raw_input_contents for 'x1' for model 'm'",
        ),
        (
            |r| {
                r.raw_input_contents.clear();
                r.inputs[0].contents = Some(InferTensorContents { int_contents: vec![1; 4], ..Default::default() });
            },
            3,
            "unexpected explicit tensor data for input tensor 'x1' for model 'm' of type 'INT32', \
             expected datatype 'FP32'",
        ),
        (
            |r| r.model_version = "first".into(),
            3,
            "failed to get model version from specified version string 'first' (details: it is not a number), \
             version should be an integral value > 0",
        ),
        (
            |r| drop(r.parameters.insert("triton_made_up".into(), flag())),
            3,
            "parameter 'triton_made_up' is not known; keys that start with 'triton_' are reserved, choose another",
        ),
        (
            |r| drop(r.inputs[0].parameters.insert("shared_memory_region".into(), flag())),
            12,
            "Client shared memory is disabled. This server does not implement it; send tensors in the request.",
        ),
        (
            |r| {
                let mut output = output("y");
                output.parameters.insert("classification".into(), flag());
                r.outputs = vec![output];
            },
            12,
            "the classification extension is not supported for output 'y'; ask for the output without it and rank its \
             values in the client",
        ),
        (
            |r| r.inputs = vec![Default::default(); 2000],
            3,
            "malformed ModelInferRequest: it has more than 1024 tensors",
        ),
    ];
    for (change, code, text) in cases {
        let mut request = good();
        change(&mut request);
        let target = Infer::parse(request.encode_to_vec().into()).and_then(|infer| infer.target().map(drop));
        let told = match target {
            Ok(()) => refusal(request),
            Err(error) => (grpc_status(&error, "").code, grpc_status(&error, "").message),
        };
        assert_eq!(told, (*code, text.to_string()));
    }
    assert!(parts(good().encode_to_vec().into(), &add()).is_ok());
}

#[test]
fn what_clients_send_for_schedulers_is_tolerated() {
    let mut request = good();
    for key in ["sequence_id", "priority", "timeout", "own", "triton_enable_empty_final_response"] {
        request.parameters.insert(key.into(), flag());
    }
    assert!(parts(request.encode_to_vec().into(), &add()).is_ok());
}

#[test]
fn text_and_narrow_numbers_are_checked() {
    let cases: &[(DType, &'static [u8], &str)] = &[
        (DType::Bytes, b"\x01\0\0\0a", "expected 2 string elements for inference input 'x' for model 'm', got 1"),
        (DType::Bytes, b"\x01\0\0\0a\x01", "incomplete string length indicator for inference input 'x' for model 'm'"),
        (DType::Bytes, b"\x01\0\0\0a\x02\0\0\0b", "incomplete string data for inference input 'x' for model 'm'"),
        (
            DType::Str,
            b"\x01\0\0\0a\x01\0\0\0\xff",
            "[request id: <id_unknown>] input 'x' for model 'm': element 1 is not UTF-8 text",
        ),
    ];
    for (dtype, raw, text) in cases {
        let mut request = request("x", &words(*dtype, &[b"a", b"b"], &[2]), &[]);
        request.raw_input_contents = vec![Bytes::from_static(raw)];
        let method = method(vec![port("x", *dtype, &[])], vec![], true);
        let error = parts(request.encode_to_vec().into(), &method).unwrap_err();
        assert_eq!(grpc_status(&error, "").message, *text);
    }
    let mut narrow = request("x", &floats(&[0.], &[1]), &[]);
    narrow.raw_input_contents.clear();
    narrow.inputs[0].datatype = "INT8".into();
    narrow.inputs[0].contents = Some(InferTensorContents { int_contents: vec![300], ..Default::default() });
    let method = method(vec![port("x", DType::I8, &[])], vec![], true);
    let error = parts(narrow.encode_to_vec().into(), &method).unwrap_err();
    let wanted = "[request id: 9] input 'x' for model 'm': the number 300 does not fit INT8";
    assert_eq!(grpc_status(&error, "9").message, wanted);
}

#[test]
fn more_contents_than_the_shape_says_are_counted() {
    let none = InferTensorContents::default;
    let numbers = Tensor::fixed(DType::U16, Shape::new([2]), vec![0; 4].into()).unwrap();
    let given = [
        (
            words(DType::Bytes, &[b"a", b"b"], &[2]),
            InferTensorContents { bytes_contents: vec!["a".into(); 5], ..none() },
            "expected 2 string elements for inference input 'x' for model 'm', got 5",
        ),
        (
            floats(&[0.; 2], &[2]),
            InferTensorContents { fp32_contents: vec![1.; 5], ..none() },
            "[request id: <id_unknown>] input byte size mismatch for input 'x' for model 'm'. Expected 8, got 20",
        ),
        (
            numbers,
            InferTensorContents { uint_contents: vec![1; 5], ..none() },
            "[request id: <id_unknown>] input byte size mismatch for input 'x' for model 'm'. Expected 4, got 10",
        ),
    ];
    for (tensor, contents, text) in given {
        let mut request = request("x", &tensor, &[]);
        request.raw_input_contents.clear();
        request.inputs[0].contents = Some(contents);
        let method = method(vec![port("x", tensor.dtype(), &[])], vec![], true);
        let error = parts(request.encode_to_vec().into(), &method).unwrap_err();
        assert_eq!(grpc_status(&error, "").message, text);
    }
}

#[test]
fn rows_that_take_no_bytes_are_bounded() {
    let method = method(vec![untyped("x")], vec![], true);
    let empty = |rows: i64| {
        let mut request = request("x", &floats(&[], &[0]), &[]);
        request.inputs[0].shape = vec![rows, 0];
        parts(request.encode_to_vec().into(), &method)
    };
    assert_eq!(empty(3).unwrap()[0].rows(), 3);
    for (rows, what) in [(1 << 40, "empty rows"), (i64::MAX, "elements")] {
        let text = format!("the shape [{rows}, 0] of input 'x' for model 'm' has too many {what}");
        assert_eq!(grpc_status(&empty(rows).unwrap_err(), "").message, text);
    }
}

#[test]
fn broken_messages_are_refused() {
    let cases: &[(&[u8], &str)] = &[
        (b"\x0a", "it ends within a number"),
        (b"\x0a\x05ab", "a field is longer than the 2 bytes that are left"),
        (b"\x0a\x01\xff", "a name is not UTF-8 text"),
        (b"\x08\x01", "a field of bytes is sent as a number"),
        (b"\x0e", "a field has the unknown wire type 6"),
        (b"\x0b", "it ends within a number"),
        (b"\x0c", "a group ends that has not begun"),
        (b"\x43\x0b\x44\x0c", "a group ends that has not begun"),
        (&[b'\x43'; 33], "more than 32 groups are within one another"),
        (b"\x02\x00", "a field has the number 0"),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "a number has more than ten bytes"),
    ];
    for (bytes, wanted) in cases {
        let error = Infer::parse(Bytes::from_static(bytes)).err().map(|error| grpc_status(&error, ""));
        let reply = error.unwrap();
        assert_eq!((reply.code, reply.message), (3, format!("malformed ModelInferRequest: {wanted}")));
    }
}

fn output(name: &str) -> InferRequestedOutputTensor {
    InferRequestedOutputTensor { name: name.into(), ..Default::default() }
}

fn flag() -> InferParameter {
    InferParameter { parameter_choice: Some(ParameterChoice::BoolParam(true)) }
}
