use bytes::Bytes;
use proptest::prelude::*;
use salver_core::{DType, Error, Method, Part, Tensor};
use salver_wire::kserve::http::Infer;
use salver_wire::{Exchange, HttpReply, Target};
use serde_json::value::RawValue;
use serde_json::{json, Value};

use crate::grpc::raw;
use crate::support::*;

/// Recorded from `tritonclient` 2.73, JSON alone.
const ADD_JSON: &str = r#"{"id":"7","inputs":[{"name":"x1","shape":[2,2],"datatype":"FP32","data":[1.0,2.0,3.0,4.0]},{"name":"x2","shape":[2,2],"datatype":"FP32","data":[5.0,6.0,7.0,8.0]}],"outputs":[{"name":"y","parameters":{"binary_data":false}}]}"#;

/// Recorded from `tritonclient`: both inputs binary, no outputs named; 228 bytes of JSON.
const ADD_BINARY: &[u8] = b"{\"id\":\"7\",\"inputs\":[{\"name\":\"x1\",\"shape\":[2,2],\"datatype\":\"FP32\",\"parameters\":{\"binary_data_size\":16}},{\"name\":\"x2\",\"shape\":[2,2],\"datatype\":\"FP32\",\"parameters\":{\"binary_data_size\":16}}],\"parameters\":{\"binary_data_output\":true}}\x00\x00\x80?\x00\x00\x00@\x00\x00@@\x00\x00\x80@\x00\x00\xa0@\x00\x00\xc0@\x00\x00\xe0@\x00\x00\x00A";

/// Recorded from `tritonclient`: one input binary, one as JSON, a binary output; 225 bytes of JSON.
const ADD_MIXED: &[u8] = b"{\"inputs\":[{\"name\":\"x1\",\"shape\":[2,2],\"datatype\":\"FP32\",\"parameters\":{\"binary_data_size\":16}},{\"name\":\"x2\",\"shape\":[2,2],\"datatype\":\"FP32\",\"data\":[5.0,6.0,7.0,8.0]}],\"outputs\":[{\"name\":\"y\",\"parameters\":{\"binary_data\":true}}]}\x00\x00\x80?\x00\x00\x00@\x00\x00@@\x00\x00\x80@";

/// Recorded from `tritonclient`: two strings, binary (139 bytes of JSON).
const TEXT_BINARY: &[u8] = b"{\"inputs\":[{\"name\":\"text\",\"shape\":[1,2],\"datatype\":\"BYTES\",\"parameters\":{\"binary_data_size\":11}}],\"parameters\":{\"binary_data_output\":true}}\x02\x00\x00\x00ab\x01\x00\x00\x00c";

pub fn parsed(json_length: Option<usize>, body: impl Into<Bytes>) -> Result<Infer, Error> {
    Infer::parse("m", None, json_length.map(|length| length.to_string()).as_deref(), body.into())
}

pub fn parts(json_length: Option<usize>, body: impl Into<Bytes>, method: &Method) -> Result<Vec<Part>, Error> {
    parsed(json_length, body)?.parts(&servable(), method)
}

fn columns(json_length: Option<usize>, body: impl Into<Bytes>, method: &Method) -> Vec<Tensor> {
    parts(json_length, body, method).unwrap().remove(0).into_columns()
}

fn reply(json_length: Option<usize>, body: impl Into<Bytes>, method: &Method, outputs: Vec<Tensor>) -> HttpReply {
    let mut infer = parsed(json_length, body).unwrap();
    infer.parts(&servable(), method).unwrap();
    infer.answer(&servable(), method, answer(outputs))
}

fn header<'a>(reply: &'a HttpReply, name: &str) -> Option<&'a str> {
    reply.headers.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_str())
}

fn sum() -> Tensor {
    floats(&[6., 8., 10., 12.5], &[1, 2, 2])
}

#[test]
fn recorded_requests_give_the_same_tensors() {
    let wanted = [floats(&[1., 2., 3., 4.], &[1, 2, 2]), floats(&[5., 6., 7., 8.], &[1, 2, 2])];
    assert_eq!(columns(None, ADD_JSON, &add()), wanted);
    assert_eq!(columns(Some(ADD_JSON.len()), ADD_JSON, &add()), wanted, "the C++ client sends the length for JSON too");
    assert_eq!(columns(Some(228), ADD_BINARY, &add()), wanted);
    assert_eq!(columns(Some(225), ADD_MIXED, &add()), wanted);
    let text = method(vec![port("text", DType::Str, &[2])], vec![], true);
    assert_eq!(columns(Some(139), TEXT_BINARY, &text), [words(DType::Str, &[b"ab", b"c"], &[1, 2])]);
}

#[test]
fn binary_tensors_are_not_copied() {
    let body = Bytes::from_static(ADD_BINARY);
    let given = columns(Some(228), body.clone(), &add());
    assert_eq!(given[0].bytes().as_ptr(), body[228..].as_ptr());
}

#[test]
fn answers_are_rendered_byte_for_byte() {
    let json = reply(None, ADD_JSON, &add(), vec![sum()]);
    let wanted = concat!(
        r#"{"id":"7","model_name":"m","model_version":"3","outputs":[{"name":"y","datatype":"FP32","shape":[1,2,2],"#,
        r#""data":[6.0,8.0,10.0,12.5]}]}"#
    );
    assert_eq!(String::from_utf8(joined(&json.body)).unwrap(), wanted);
    assert_eq!(json.headers, [("content-type", "application/json".to_string())]);

    let binary = reply(Some(225), ADD_MIXED, &add(), vec![sum()]);
    let wanted = concat!(
        r#"{"model_name":"m","model_version":"3","outputs":[{"name":"y","datatype":"FP32","shape":[1,2,2],"#,
        r#""parameters":{"binary_data_size":16}}]}"#
    );
    assert_eq!(joined(&binary.body), [wanted.as_bytes(), sum().bytes()].concat());
    assert_eq!(header(&binary, "content-type"), Some("application/octet-stream"));
    assert_eq!(header(&binary, "inference-header-content-length"), Some(wanted.len().to_string().as_str()));
}

#[test]
fn each_output_is_json_or_binary_as_asked() {
    let method = method(vec![port("x", DType::F32, &[])], ["a", "b"].map(|n| port(n, DType::F32, &[])).to_vec(), true);
    let input = json!({"name": "x", "datatype": "FP32", "shape": [1], "data": [0]});
    let cases = [
        (json!({"inputs": [input]}), vec![("a", false), ("b", false)]),
        (json!({"inputs": [input], "parameters": {"binary_data_output": true}}), vec![("a", true), ("b", true)]),
        (
            json!({"inputs": [input], "parameters": {"binary_data_output": true},
                "outputs": [{"name": "b", "parameters": {"binary_data": false}}, {"name": "a"}]}),
            vec![("b", false), ("a", true)],
        ),
        (
            json!({"inputs": [input], "outputs": [{"name": "b", "parameters": {"binary_data": true}}]}),
            vec![("b", true)],
        ),
    ];
    for (request, wanted) in cases {
        let reply = reply(None, request.to_string(), &method, vec![floats(&[1.], &[1]), floats(&[2.], &[1])]);
        let (document, _) = taken_apart(&reply);
        let outputs = document["outputs"].as_array().unwrap().iter();
        let given: Vec<(&str, bool)> =
            outputs.map(|output| (output["name"].as_str().unwrap(), output.get("parameters").is_some())).collect();
        assert_eq!(given, wanted);
    }
}

#[test]
fn data_may_be_nested_anyhow() {
    let method = method(vec![port("x", DType::I64, &[2])], vec![], true);
    for data in ["[1,2,3,4]", "[[1,2],[3,4]]", " [ [ 1 , 2 ] , [ 3 , 4 ] ] ", "[[[1],[2,3]],4]"] {
        let request = format!(r#"{{"inputs":[{{"data":{data},"shape":[2,2],"name":"x","datatype":"INT64"}}]}}"#);
        let wanted: Vec<u8> = [1i64, 2, 3, 4].iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(columns(None, request, &method)[0].bytes(), wanted, "{data}");
    }
}

#[test]
fn a_raw_binary_request_is_one_row_of_the_only_input() {
    let float = |row: &[i64]| method(vec![port("x", DType::F32, row)], vec![port("y", DType::F32, row)], true);
    let body = floats(&[1., 2., 3., 4.], &[4]).bytes().to_vec();
    assert_eq!(columns(Some(0), body.clone(), &float(&[2, 2])), [floats(&[1., 2., 3., 4.], &[1, 2, 2])]);
    assert_eq!(columns(Some(0), body.clone(), &float(&[-1, 2])), [floats(&[1., 2., 3., 4.], &[1, 2, 2])]);
    let reply = reply(Some(0), body, &float(&[4]), vec![floats(&[1., 2., 3., 4.], &[1, 4])]);
    assert_eq!(header(&reply, "content-type"), Some("application/octet-stream"));
    let image = method(vec![port("image", DType::Bytes, &[1])], vec![], true);
    assert_eq!(columns(Some(0), "no length here", &image), [words(DType::Bytes, &[b"no length here"], &[1, 1])]);
}

#[test]
fn targets_come_from_the_path() {
    let infer = Infer::parse("say.shout", Some("4"), None, ADD_JSON.into()).unwrap();
    assert_eq!(
        infer.target(),
        Ok(Target { servable: "say.shout", version: Some(4), method: None, label: None, dotted: true })
    );
}

#[test]
fn large_binary_outputs_are_shared() {
    let method = method(vec![port("x", DType::F32, &[])], vec![port("y", DType::F32, &[2000])], true);
    let request = json!({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": [0]}],
        "parameters": {"binary_data_output": true}});
    let large = floats(&[1.; 2000], &[1, 2000]);
    let reply = reply(None, request.to_string(), &method, vec![large.clone()]);
    assert_eq!(reply.body.len(), 2);
    assert_eq!(reply.body[1].as_ptr(), large.bytes().as_ptr());
}

#[test]
fn what_is_not_a_number_is_written_as_python_reads_it() {
    let method = method(vec![port("x", DType::F32, &[])], vec![port("y", DType::F32, &[3])], true);
    let request = r#"{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[0]}]}"#;
    let odd = floats(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY], &[1, 3]);
    let reply = reply(None, request, &method, vec![odd]);
    assert!(String::from_utf8(joined(&reply.body)).unwrap().ends_with(r#""data":[NaN,Infinity,-Infinity]}]}"#));
}

/// A reply's JSON, and what is behind it.
fn taken_apart(reply: &HttpReply) -> (Value, Vec<u8>) {
    assert_eq!(reply.status, 200);
    let mut body = joined(&reply.body);
    let json = header(reply, "inference-header-content-length").map_or(body.len(), |text| text.parse().unwrap());
    let blobs = body.split_off(json);
    (serde_json::from_slice(&body).unwrap(), blobs)
}

/// A tensor's elements as JSON, by serde's own numbers.
fn elements(tensor: &Tensor) -> Vec<Value> {
    let size = tensor.dtype().size().unwrap_or(1);
    let word = |raw: &[u8]| raw.iter().rev().fold(0u64, |all, &byte| all << 8 | u64::from(byte));
    let signed = |word: u64| (word << (64 - 8 * size)) as i64 >> (64 - 8 * size);
    let number = |word: u64| match tensor.dtype() {
        DType::Bool => json!(word == 1),
        DType::I8 | DType::I16 | DType::I32 | DType::I64 => json!(signed(word)),
        DType::F32 => json!(f64::from(f32::from_bits(word as u32))),
        DType::F64 => json!(f64::from_bits(word)),
        _ => json!(word),
    };
    let text = |value: &Bytes| json!(std::str::from_utf8(value).unwrap());
    tensor.bytes().chunks(size).map(word).map(number).chain(tensor.values().iter().map(text)).collect()
}

/// The elements of a JSON reply's only output. Floats are not left to serde, which does not round them exactly.
fn answered(reply: &HttpReply, dtype: DType) -> Vec<Value> {
    #[derive(serde::Deserialize)]
    struct Reply {
        outputs: [Output; 1],
    }
    #[derive(serde::Deserialize)]
    struct Output {
        data: Vec<Box<RawValue>>,
    }
    let reply: Reply = serde_json::from_slice(&joined(&reply.body)).unwrap();
    let value = |raw: &RawValue| match dtype {
        DType::F32 => json!(f64::from(raw.get().parse::<f32>().unwrap())),
        DType::F64 => json!(raw.get().parse::<f64>().unwrap()),
        _ => serde_json::from_str(raw.get()).unwrap(),
    };
    reply.outputs[0].data.iter().map(|raw| value(raw)).collect()
}

fn echo(tensor: &Tensor) -> Method {
    let row: Vec<i64> = tensor.shape().row().iter().map(|&dim| dim as i64).collect();
    let port = |name| port(name, tensor.dtype(), &row);
    method(vec![port("x")], vec![port("y")], true)
}

const JSON_TYPES: &[DType] = &[
    DType::Bool,
    DType::U8,
    DType::U16,
    DType::U32,
    DType::U64,
    DType::I8,
    DType::I16,
    DType::I32,
    DType::I64,
    DType::F32,
    DType::F64,
    DType::Str,
    DType::Bytes,
];

proptest! {
    #[test]
    fn json_tensors_go_there_and_back(tensor in tensors(JSON_TYPES)) {
        let (datatype, shape) = (datatype(tensor.dtype()), tensor.shape().dims());
        let input = json!({"name": "x", "datatype": datatype, "shape": shape, "data": elements(&tensor)});
        let request = json!({"inputs": [input]}).to_string();
        let given = columns(None, request.clone(), &echo(&tensor));
        prop_assert_eq!(&given[0], &tensor);
        let reply = reply(None, request, &echo(&tensor), given);
        let (document, _) = taken_apart(&reply);
        let output = &document["outputs"][0];
        prop_assert_eq!((&output["datatype"], &output["shape"]), (&json!(datatype), &json!(shape)));
        prop_assert_eq!(answered(&reply, tensor.dtype()), elements(&tensor));
    }

    #[test]
    fn binary_tensors_go_there_and_back(tensor in tensors(&DType::ALL)) {
        let (datatype, shape, blob) = (datatype(tensor.dtype()), tensor.shape().dims(), raw(&tensor));
        let parameters = json!({"binary_data_size": blob.len()});
        let input = json!({"name": "x", "datatype": datatype, "shape": shape, "parameters": parameters});
        let json = json!({"inputs": [input], "parameters": {"binary_data_output": true}}).to_string();
        let (length, body) = (json.len(), [json.as_bytes(), &blob].concat());
        let given = columns(Some(length), body.clone(), &echo(&tensor));
        prop_assert_eq!(&given[0], &tensor);
        let (document, blobs) = taken_apart(&reply(Some(length), body, &echo(&tensor), given));
        let wanted = json!({"name": "y", "datatype": datatype, "shape": shape, "parameters": parameters});
        prop_assert_eq!((&document["outputs"][0], blobs), (&wanted, blob.to_vec()));
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_understood(bytes in any::<Vec<u8>>(), length in proptest::option::of(0..80usize)) {
        let _ = parts(length, bytes, &method(vec![untyped("x")], vec![], true));
    }

    #[test]
    fn damaged_requests_are_refused_or_understood(
        flips in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..4),
        length in proptest::option::of(0..300usize),
    ) {
        for recorded in [ADD_JSON.as_bytes(), ADD_BINARY, ADD_MIXED, TEXT_BINARY] {
            let mut bytes = recorded.to_vec();
            for (at, value) in &flips {
                let at = at % bytes.len();
                bytes[at] = *value;
            }
            let _ = parts(length, bytes.clone(), &add());
            let _ = parts(Some(228), bytes, &add());
        }
    }
}
