//! `TensorProto` in every form.

use proptest::collection::vec;
use proptest::prelude::*;
use salver_core::{DType, Shape, Tensor};

use crate::messages::*;
use crate::servables::*;

/// The protocol's number of a type, written out here once more on purpose.
fn number(dtype: DType) -> i32 {
    let numbers = [10, 4, 17, 22, 23, 6, 5, 3, 9, 19, 14, 1, 2, 7, 7];
    numbers[DType::ALL.iter().position(|&other| other == dtype).unwrap()]
}

fn arrives(dtype: DType, tensor: TensorProto) -> Tensor {
    let row: Vec<i64> = tensor.tensor_shape.as_ref().unwrap().dim.iter().skip(1).map(|dim| dim.size).collect();
    columns(&echo(dtype, &row), bytes(&request("m", [("x", tensor)]))).unwrap().remove(0)
}

/// A tensor's elements as words, widened by their sign.
fn wide(tensor: &Tensor) -> Vec<i64> {
    let size = tensor.dtype().size().unwrap();
    let word = |raw: &[u8]| raw.iter().rev().fold(0i64, |all, &byte| all << 8 | i64::from(byte));
    let signed = matches!(tensor.dtype(), DType::I8 | DType::I16 | DType::I32 | DType::I64);
    let spare = if signed { 64 - 8 * size } else { 0 };
    tensor.bytes().chunks(size).map(|raw| word(raw) << spare >> spare).collect()
}

/// The same tensor in the field of its type.
fn typed(tensor: &Tensor) -> TensorProto {
    let dims: Vec<i64> = tensor.shape().dims().iter().map(|&dim| dim as i64).collect();
    let mut proto = empty(number(tensor.dtype()), &dims);
    match tensor.dtype() {
        DType::Str | DType::Bytes => proto.string_val = tensor.values().iter().map(|value| value.to_vec()).collect(),
        DType::F32 => proto.float_val = wide(tensor).iter().map(|&word| f32::from_bits(word as u32)).collect(),
        DType::F64 => proto.double_val = wide(tensor).iter().map(|&word| f64::from_bits(word as u64)).collect(),
        DType::I64 => proto.int64_val = wide(tensor),
        DType::U32 => proto.uint32_val = wide(tensor).iter().map(|&word| word as u32).collect(),
        DType::U64 => proto.uint64_val = wide(tensor).iter().map(|&word| word as u64).collect(),
        DType::Bool => proto.bool_val = wide(tensor).iter().map(|&word| word != 0).collect(),
        DType::F16 | DType::BF16 => proto.half_val = wide(tensor).iter().map(|&word| word as i32).collect(),
        _ => proto.int_val = wide(tensor).iter().map(|&word| word as i32).collect(),
    }
    proto
}

#[test]
fn surplus_values_are_left_and_missing_ones_repeat_the_last() {
    let cases: [(&[f32], [f32; 3]); 5] = [
        (&[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]),
        (&[1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 2.0, 3.0]),
        (&[1.0, 2.0], [1.0, 2.0, 2.0]),
        (&[1.0], [1.0; 3]),
        (&[], [0.0; 3]),
    ];
    for (sent, wanted) in cases {
        assert_eq!(arrives(DType::F32, floats(&[1, 3], sent)), f32s(&[1, 3], &wanted), "{sent:?}");
    }
    let ints = TensorProto { int64_val: vec![-5, 7], ..empty(9, &[1, 4]) };
    assert_eq!(arrives(DType::I64, ints), i64s(&[1, 4], &[-5, 7, 7, 7]));
    let text = TensorProto { string_val: vec![b"a".to_vec(), b"bc".to_vec()], ..empty(7, &[1, 3]) };
    assert_eq!(arrives(DType::Str, text), words(DType::Str, &[1, 3], &[b"a", b"bc", b"bc"]));
    assert_eq!(arrives(DType::Bytes, empty(7, &[1, 2])), words(DType::Bytes, &[1, 2], &[b"", b""]));
    let truths = TensorProto { bool_val: vec![true], ..empty(10, &[1, 2]) };
    assert_eq!(arrives(DType::Bool, truths).bytes(), [1, 1]);
}

#[test]
fn values_in_the_wrong_field_are_none_at_all() {
    // perf_analyzer puts int64 into bool_val.
    let confused = TensorProto { bool_val: vec![true; 16], ..empty(9, &[1, 2]) };
    assert_eq!(arrives(DType::I64, confused), i64s(&[1, 2], &[0, 0]));
}

#[test]
fn whole_numbers_are_cast_by_their_lower_bits() {
    // The upper half of perf_analyzer's half floats is garbage.
    let halves = TensorProto { half_val: vec![-1_585_396_121, 0x3c00], ..empty(19, &[1, 2]) };
    let wanted: Vec<u8> = [(-1_585_396_121i32) as u16, 0x3c00].iter().flat_map(|half| half.to_le_bytes()).collect();
    assert_eq!(arrives(DType::F16, halves).bytes(), wanted);
    let small = |dtype| TensorProto { int_val: vec![300, -1], ..empty(dtype, &[1, 2]) };
    assert_eq!(arrives(DType::I8, small(6)).bytes(), [44, 255]);
    assert_eq!(arrives(DType::U8, small(4)).bytes(), [44, 255]);
    assert_eq!(arrives(DType::U16, small(17)).bytes(), [44, 1, 255, 255]);
}

#[test]
fn numbers_may_come_one_by_one() {
    let message =
        UnpackedTensor { dtype: 1, tensor_shape: shape(&[1, 3]), float_val: vec![1.0, 2.0, 3.0], int64_val: vec![] };
    let entry = |tensor: &UnpackedTensor| {
        let tensor = bytes(tensor);
        let mut entry = vec![0x0a, 1, b'x', 0x12, tensor.len() as u8];
        entry.extend(&tensor);
        let mut body = vec![0x0a, 3, 0x0a, 1, b'm', 0x12, entry.len() as u8];
        body.extend(entry);
        body
    };
    let given = columns(&echo(DType::F32, &[3]), entry(&message).into()).unwrap();
    assert_eq!(given, [f32s(&[1, 3], &[1.0, 2.0, 3.0])]);
    let message = UnpackedTensor { dtype: 9, float_val: vec![], int64_val: vec![-1, 5, 9, 8], ..message };
    let given = columns(&echo(DType::I64, &[3]), entry(&message).into()).unwrap();
    assert_eq!(given, [i64s(&[1, 3], &[-1, 5, 9])]);
}

#[test]
fn floats_in_several_packed_pieces_are_joined() {
    let mut tensor = bytes(&floats(&[1, 3], &[1.0])).to_vec();
    tensor.extend([0x2a, 8, 0, 0, 0, 64, 0, 0, 64, 64]);
    let mut body = vec![0x0a, 3, 0x0a, 1, b'm', 0x12, tensor.len() as u8 + 5, 0x0a, 1, b'x', 0x12, tensor.len() as u8];
    body.extend(tensor);
    let given = columns(&echo(DType::F32, &[3]), body.into()).unwrap();
    assert_eq!(given, [f32s(&[1, 3], &[1.0, 2.0, 3.0])]);
}

#[test]
fn content_wins_over_typed_values() {
    let both = TensorProto { float_val: vec![9.0], ..content(1, &[1, 1], &[0, 0, 128, 63]) };
    assert_eq!(arrives(DType::F32, both), f32s(&[1, 1], &[1.0]));
}

#[test]
fn text_may_come_as_content_too() {
    let packed = content(7, &[1, 3], b"\x01\x00\x02abc");
    assert_eq!(arrives(DType::Bytes, packed), words(DType::Bytes, &[1, 3], &[b"a", b"", b"bc"]));
}

#[test]
fn tensors_without_elements_are_fine() {
    let none = columns(&echo(DType::F32, &[0]), bytes(&request("m", [("x", empty(1, &[2, 0]))]))).unwrap();
    assert_eq!((none[0].shape().dims(), none[0].bytes().len()), (&[2, 0][..], 0));
}

#[test]
fn constants_of_a_few_bytes_grow_to_their_shape() {
    let ones = floats(&[1024, 1024], &[1.0]);
    assert_eq!(arrives(DType::F32, ones), f32s(&[1024, 1024], &vec![1.0; 1 << 20]));
}

fn tensors() -> impl Strategy<Value = Tensor> {
    let shape = (1..4usize, vec(0..4usize, 0..3)).prop_map(|(rows, row)| Shape::batched(rows, &row));
    (proptest::sample::select(&DType::ALL[..]), shape).prop_flat_map(|(dtype, shape)| tensor(dtype, shape))
}

fn tensor(dtype: DType, shape: Shape) -> BoxedStrategy<Tensor> {
    let elements = shape.elements().unwrap();
    match dtype.size() {
        Some(size) => vec(any::<[u8; 8]>(), elements)
            .prop_map(move |raw| {
                let truth = |raw: &[u8]| if dtype == DType::Bool { vec![raw[0] & 1] } else { raw.to_vec() };
                let bytes: Vec<u8> = raw.iter().flat_map(|raw| truth(&raw[..size])).collect();
                Tensor::fixed(dtype, shape.clone(), bytes.into()).unwrap()
            })
            .boxed(),
        None => vec(any::<String>(), elements)
            .prop_map(move |values| {
                let values = values.into_iter().map(bytes::Bytes::from).collect();
                Tensor::variable(dtype, shape.clone(), values).unwrap()
            })
            .boxed(),
    }
}

/// Bit for bit, so that two that are no numbers may be the same.
fn bits(proto: &TensorProto) -> Vec<u8> {
    bytes(proto).to_vec()
}

proptest! {
    #[test]
    fn typed_tensors_go_there_and_back(tensor in tensors()) {
        let sent = typed(&tensor);
        let row: Vec<i64> = tensor.shape().row().iter().map(|&dim| dim as i64).collect();
        let servable = echo(tensor.dtype(), &row);
        let body = bytes(&request("m", [("x", sent.clone())]));
        prop_assert_eq!(&columns(&servable, body.clone()).unwrap()[0], &tensor);
        let response: PredictResponse = read(&predict(&servable, body, same));
        prop_assert_eq!(bits(&response.outputs["y"]), bits(&sent));
    }

    #[test]
    fn tensors_as_content_arrive(tensor in tensors().prop_filter("numbers", |tensor| !tensor.dtype().is_variable())) {
        let dims: Vec<i64> = tensor.shape().dims().iter().map(|&dim| dim as i64).collect();
        let sent = content(number(tensor.dtype()), &dims, tensor.bytes());
        prop_assert_eq!(arrives(tensor.dtype(), sent), tensor);
    }
}
