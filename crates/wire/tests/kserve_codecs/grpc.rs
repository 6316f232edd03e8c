use bytes::Bytes;
use proptest::prelude::*;
use prost::Message;
use salver_core::{DType, Error, Method, Part, Tensor};
use salver_wire::kserve::grpc::Infer;
use salver_wire::kserve::messages::{InferTensor, InferTensorContents, ModelInferRequest, ModelInferResponse};
use salver_wire::{Exchange, GrpcReply, Target};

use crate::support::*;

/// Recorded from `tritonclient` 2.73: `x1` and `x2` of shape [2, 2], id "7", no outputs named.
const ADD: &str =
    "0a036164641a01372a0e0a0278311204465033321a0202022a0e0a0278321204465033321a0202023a100000803f00000040\
    00004040000080403a100000a0400000c0400000e04000000041";

/// Recorded from `tritonclient`: model `say.shout` version 3, a BYTES input, output `y`, priority and timeout set.
const TEXT: &str =
    "0a097361792e73686f7574120133220e0a087072696f7269747912022801220e0a0774696d656f7574120310e8072a110a04\
    74657874120542595445531a02010232030a01793a0b0200000061620100000063";

/// Recorded from the same client's messages: `ADD` with typed contents and the parameter that the C++ client sends.
const TYPED: &str =
    "0a036164641a017422280a22747269746f6e5f656e61626c655f656d7074795f66696e616c5f726573706f6e736512020800\
    2a220a0278311204465033321a0202022a1232100000803f0000004000004040000080402a220a0278321204465033321a0202022a123210\
    0000a0400000c0400000e04000000041";

/// Recorded likewise: INT8, BOOL, BYTES and UINT64 inputs of shape [3].
const TYPED_MANY: &str =
    "0a01692a1c0a01611204494e54381a01032a0e120cffffffffffffffffff01007f2a130a01621204424f4f4c1a0103\
    2a050a030100012a170a0163120542595445531a01032a0842016142004201ff2a1f0a0164120655494e5436341a01032a0f2a0d00ac02ff\
    ffffffffffffffff01";

pub fn parts(body: Bytes, method: &Method) -> Result<Vec<Part>, Error> {
    Infer::parse(body)?.parts(&servable(), method)
}

fn columns(body: Bytes, method: &Method) -> Vec<Tensor> {
    let mut parts = parts(body, method).unwrap();
    assert_eq!(parts.len(), 1);
    parts.remove(0).into_columns()
}

fn reply(body: Bytes, method: &Method, outputs: Vec<Tensor>) -> GrpcReply {
    let mut infer = Infer::parse(body).unwrap();
    infer.parts(&servable(), method).unwrap();
    infer.answer(&servable(), method, answer(outputs))
}

fn decoded(reply: &GrpcReply) -> ModelInferResponse {
    assert_eq!((reply.code, reply.message.as_str()), (0, ""));
    ModelInferResponse::decode(Bytes::from(joined(&reply.body))).unwrap()
}

#[test]
fn a_request_without_rows_in_its_shapes_is_one_row() {
    let body = hex(ADD);
    let given = columns(body.clone(), &add());
    assert_eq!(given, [floats(&[1., 2., 3., 4.], &[1, 2, 2]), floats(&[5., 6., 7., 8.], &[1, 2, 2])]);
    assert_eq!(given[1].bytes().as_ptr(), body[body.len() - 16..].as_ptr(), "raw tensors are not copied");
}

#[test]
fn an_answer_is_rendered_byte_for_byte() {
    let reply = reply(hex(ADD), &add(), vec![floats(&[6., 8., 10., 12.], &[1, 2, 2])]);
    let wanted = "0a03616464120133\
        1a01372a0e0a01791204465033321a03010202\
        32100000c0400000004100002041\
        00004041";
    assert_eq!(joined(&reply.body), hex(wanted));
}

#[test]
fn targets_are_dotted_names_and_versions() {
    let infer = Infer::parse(hex(TEXT)).unwrap();
    let wanted = Target { servable: "say.shout", version: Some(3), method: None, label: None, dotted: true };
    assert_eq!(infer.target(), Ok(wanted));
    let infer = Infer::parse(hex(ADD)).unwrap();
    assert_eq!(infer.target().unwrap().version, None);
}

#[test]
fn text_comes_as_values_behind_their_lengths() {
    let method = method(vec![port("text", DType::Str, &[2])], vec![port("y", DType::Bytes, &[1])], true);
    assert_eq!(columns(hex(TEXT), &method), [words(DType::Str, &[b"ab", b"c"], &[1, 2])]);

    let response = decoded(&reply(hex(TEXT), &method, vec![words(DType::Bytes, &[b"\xff!"], &[1, 1])]));
    assert_eq!((response.model_name.as_str(), response.model_version.as_str()), ("say.shout", "3"));
    assert_eq!((response.outputs[0].datatype.as_str(), &response.outputs[0].shape), ("BYTES", &vec![1, 1]));
    assert_eq!(response.raw_output_contents, [&b"\x02\0\0\0\xff!"[..]]);
}

#[test]
fn typed_contents_give_the_same_tensors() {
    assert_eq!(columns(hex(TYPED), &add()), columns(hex(ADD), &add()));
    let ports = [("a", DType::I8), ("b", DType::Bool), ("c", DType::Bytes), ("d", DType::U64)];
    let ports = ports.map(|(name, dtype)| port(name, dtype, &[3])).to_vec();
    let given = columns(hex(TYPED_MANY), &method(ports, vec![], false));
    assert_eq!(given[0].bytes(), [0xff, 0, 127]);
    assert_eq!(given[1].bytes(), [1, 0, 1]);
    assert_eq!(given[2].values(), [&b"a"[..], b"", b"\xff"]);
    let wanted: Vec<u8> = [0u64, 300, u64::MAX].iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(given[3].bytes(), wanted);
}

#[test]
fn contents_in_pieces_and_unpacked_are_joined() {
    // Field 5 twice, the second with fp32 numbers that are not packed.
    let mut body = hex("0a016d").to_vec();
    body.extend(hex("2a200a0178120446503332 1a0103 2a06 32040000803f 2a0a 3500000040 3500004040"
        .replace(' ', "")
        .as_str()));
    let method = method(vec![port("x", DType::F32, &[3])], vec![], false);
    assert_eq!(columns(body.into(), &method), [floats(&[1., 2., 3.], &[1, 3])]);
}

#[test]
fn outputs_come_in_the_order_asked_for() {
    let outputs = ["a", "b", "c"].map(|name| port(name, DType::F32, &[])).to_vec();
    let method = method(vec![port("x", DType::F32, &[])], outputs, true);
    let tensors = || vec![floats(&[1.], &[1]), floats(&[2.], &[1]), floats(&[3.], &[1])];
    for (asked, wanted) in [(&[][..], &["a", "b", "c"][..]), (&["c", "a"][..], &["c", "a"][..])] {
        let request = request("x", &floats(&[0.], &[1]), asked);
        let response = decoded(&reply(request.encode_to_vec().into(), &method, tensors()));
        let names: Vec<&str> = response.outputs.iter().map(|output| output.name.as_str()).collect();
        assert_eq!(names, wanted);
        assert_eq!(response.raw_output_contents.len(), wanted.len());
    }
}

#[test]
fn unbatched_methods_gain_and_lose_the_leading_dimension() {
    let method = method(vec![port("x", DType::F32, &[2])], vec![port("y", DType::F32, &[-1])], false);
    let body: Bytes = request("x", &floats(&[1., 2.], &[2]), &[]).encode_to_vec().into();
    assert_eq!(columns(body.clone(), &method), [floats(&[1., 2.], &[1, 2])]);
    let response = decoded(&reply(body, &method, vec![floats(&[1., 2., 3.], &[1, 3])]));
    assert_eq!(response.outputs[0].shape, [3]);
}

#[test]
fn undeclared_ports_take_what_comes_by_rows() {
    let method = method(vec![untyped("x")], vec![untyped("y")], true);
    for (sent, wanted) in [(&[3, 2][..], &[3, 2][..]), (&[6], &[6])] {
        let tensor = floats(&[0.; 6], sent);
        let body = request("x", &tensor, &[]).encode_to_vec();
        assert_eq!(columns(body.into(), &method)[0].shape().dims(), wanted);
    }
    let scalar = request("x", &floats(&[0.], &[]), &[]).encode_to_vec();
    assert_eq!(columns(scalar.into(), &method)[0].shape().dims(), [1]);
}

#[test]
fn large_outputs_are_shared_and_small_ones_are_not_scattered() {
    let outputs =
        vec![port("small", DType::F32, &[]), port("large", DType::F32, &[2000]), port("text", DType::Bytes, &[])];
    let method = method(vec![port("x", DType::F32, &[])], outputs, true);
    let body: Bytes = request("x", &floats(&[0.], &[1]), &[]).encode_to_vec().into();
    let large = floats(&[1.; 2000], &[1, 2000]);
    let text = words(DType::Bytes, &[b"abc"], &[1]);
    let reply = reply(body, &method, vec![floats(&[1.], &[1]), large.clone(), text]);
    assert_eq!(reply.body.len(), 3);
    assert_eq!(reply.body[1].as_ptr(), large.bytes().as_ptr());
    assert_eq!(decoded(&reply).raw_output_contents[1], large.bytes());
    assert_eq!(&decoded(&reply).raw_output_contents[2][..], b"\x03\0\0\0abc");
}

#[test]
fn a_failed_row_fails_the_call_in_the_words_of_the_protocol() {
    let mut infer = Infer::parse(hex(ADD)).unwrap();
    infer.parts(&servable(), &add()).unwrap();
    let failure = Error::Failed { stage: "add".into(), message: "overflow".into() };
    let reply = infer.answer(&servable(), &add(), salver_core::Answer::failed([1], &failure));
    assert_eq!(reply, GrpcReply::error(13, "stage 'add' failed: overflow"));
}

pub fn request(name: &str, tensor: &Tensor, outputs: &[&str]) -> ModelInferRequest {
    let outputs = outputs.iter().map(|name| salver_wire::kserve::messages::InferRequestedOutputTensor {
        name: name.to_string(),
        ..Default::default()
    });
    ModelInferRequest {
        model_name: "m".into(),
        inputs: vec![described(name, tensor)],
        outputs: outputs.collect(),
        raw_input_contents: vec![raw(tensor)],
        ..Default::default()
    }
}

fn described(name: &str, tensor: &Tensor) -> InferTensor {
    let shape = tensor.shape().dims().iter().map(|&dim| dim as i64).collect();
    InferTensor { name: name.into(), datatype: datatype(tensor.dtype()).into(), shape, ..Default::default() }
}

pub fn raw(tensor: &Tensor) -> Bytes {
    let mut raw = tensor.bytes().to_vec();
    for value in tensor.values() {
        raw.extend((value.len() as u32).to_le_bytes());
        raw.extend(value);
    }
    raw.into()
}

fn contents(tensor: &Tensor) -> InferTensorContents {
    let mut contents = InferTensorContents::default();
    let size = tensor.dtype().size().unwrap_or(1);
    let word = |raw: &[u8]| raw.iter().rev().fold(0u64, |all, &byte| all << 8 | u64::from(byte));
    let words: Vec<u64> = tensor.bytes().chunks(size).map(word).collect();
    let signed = |word: &u64| (word << (64 - 8 * size)) as i64 >> (64 - 8 * size);
    match tensor.dtype() {
        DType::Bool => contents.bool_contents = words.iter().map(|&word| word == 1).collect(),
        DType::I8 | DType::I16 | DType::I32 => contents.int_contents = words.iter().map(|w| signed(w) as i32).collect(),
        DType::I64 => contents.int64_contents = words.iter().map(signed).collect(),
        DType::U8 | DType::U16 | DType::U32 => contents.uint_contents = words.iter().map(|&w| w as u32).collect(),
        DType::U64 => contents.uint64_contents = words,
        DType::F32 => contents.fp32_contents = words.iter().map(|&word| f32::from_bits(word as u32)).collect(),
        DType::F64 => contents.fp64_contents = words.iter().map(|&word| f64::from_bits(word)).collect(),
        DType::Str | DType::Bytes => contents.bytes_contents = tensor.values().to_vec(),
        DType::F16 | DType::BF16 => unreachable!("half floats have no typed form"),
    }
    contents
}

fn echo(tensor: &Tensor) -> Method {
    let row: Vec<i64> = tensor.shape().row().iter().map(|&dim| dim as i64).collect();
    let port = |name| port(name, tensor.dtype(), &row);
    method(vec![port("x")], vec![port("y")], true)
}

const TYPED_TYPES: &[DType] = &[
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
    fn raw_tensors_go_there_and_back(tensor in tensors(&DType::ALL)) {
        let body: Bytes = request("x", &tensor, &["y"]).encode_to_vec().into();
        let given = columns(body.clone(), &echo(&tensor));
        prop_assert_eq!(&given[0], &tensor);
        let response = decoded(&reply(body, &echo(&tensor), given));
        prop_assert_eq!(&response.outputs[0], &described("y", &tensor));
        prop_assert_eq!(&response.raw_output_contents[0], &raw(&tensor));
    }

    #[test]
    fn typed_tensors_arrive(tensor in tensors(TYPED_TYPES)) {
        let mut request = request("x", &tensor, &[]);
        request.raw_input_contents.clear();
        request.inputs[0].contents = Some(contents(&tensor));
        let given = columns(request.encode_to_vec().into(), &echo(&tensor));
        prop_assert_eq!(&given[0], &tensor);
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_understood(bytes in any::<Vec<u8>>()) {
        let _ = parts(bytes.into(), &method(vec![untyped("x")], vec![], true));
    }

    #[test]
    fn damaged_requests_are_refused_or_understood(flips in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..4)) {
        for recorded in [ADD, TEXT, TYPED, TYPED_MANY] {
            let mut bytes = hex(recorded).to_vec();
            for (at, value) in &flips {
                let at = at % bytes.len();
                bytes[at] = *value;
            }
            let _ = parts(bytes.clone().into(), &add());
            bytes.truncate(flips[0].0 % bytes.len());
            let _ = parts(bytes.into(), &add());
        }
    }
}
