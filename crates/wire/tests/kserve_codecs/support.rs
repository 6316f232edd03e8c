use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use salver_core::{Answer, Contract, DType, Dim, Item, Method, Plan, Port, Servable, Shape, Tensor};
use salver_wire::Body;

pub fn dims(text: &[i64]) -> Option<Vec<Dim>> {
    let dim = |&length: &i64| usize::try_from(length).map_or(Dim::Free(String::new()), Dim::Fixed);
    Some(text.iter().map(dim).collect())
}

/// A port whose free dimensions are given as -1.
pub fn port(name: &str, dtype: DType, row: &[i64]) -> Port {
    Port { name: name.into(), dtype: Some(dtype), dims: dims(row), optional: false, json: false }
}

pub fn optional(name: &str, dtype: DType, row: &[i64]) -> Port {
    Port { optional: true, ..port(name, dtype, row) }
}

pub fn untyped(name: &str) -> Port {
    Port { name: name.into(), dtype: None, dims: None, optional: false, json: false }
}

pub fn method(inputs: Vec<Port>, outputs: Vec<Port>, batched: bool) -> Method {
    let plan = Plan { steps: vec![], outputs: vec![] };
    Method {
        name: "predict".into(),
        contract: Contract { inputs, outputs, batched },
        plan,
        sequence: false,
        origin: None,
    }
}

/// `y = x1 + x2` of 2x2 floats.
pub fn add() -> Method {
    let float = |name| port(name, DType::F32, &[2, 2]);
    method(vec![float("x1"), float("x2")], vec![float("y")], true)
}

pub fn servable() -> Servable {
    Servable {
        name: "add".into(),
        version: 3,
        runtime: "onnx".into(),
        methods: vec![],
        stages: vec![],
        services: vec![],
    }
}

pub fn answer(columns: Vec<Tensor>) -> Answer {
    let rows = columns.first().map_or(1, Tensor::rows);
    Answer { items: vec![Item { part: 0, first: 0, rows, last: true, outcome: Ok(columns) }] }
}

pub fn floats(values: &[f32], shape: &[usize]) -> Tensor {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Tensor::fixed(DType::F32, Shape::new(shape.iter().copied()), bytes.into()).unwrap()
}

pub fn words(dtype: DType, values: &[&'static [u8]], shape: &[usize]) -> Tensor {
    let values = values.iter().map(|value| Bytes::from_static(value)).collect();
    Tensor::variable(dtype, Shape::new(shape.iter().copied()), values).unwrap()
}

pub fn joined(body: &Body) -> Vec<u8> {
    body.concat()
}

pub fn hex(text: &str) -> Bytes {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

/// The protocol's name of a type, written out here once more on purpose.
pub fn datatype(dtype: DType) -> &'static str {
    let names = [
        "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "BF16", "FP32",
        "FP64", "BYTES", "BYTES",
    ];
    names[DType::ALL.iter().position(|&other| other == dtype).unwrap()]
}

/// A tensor with at least one row, of any type that `types` has; floats are finite, booleans 0 or 1.
pub fn tensors(types: &'static [DType]) -> impl Strategy<Value = Tensor> {
    let shape = (1..4usize, vec(0..4usize, 0..3)).prop_map(|(rows, row)| Shape::batched(rows, &row));
    (proptest::sample::select(types), shape).prop_flat_map(|(dtype, shape)| tensor(dtype, shape))
}

fn tensor(dtype: DType, shape: Shape) -> BoxedStrategy<Tensor> {
    let elements = shape.elements().unwrap();
    match dtype.size() {
        Some(size) => vec(any::<[u8; 8]>(), elements)
            .prop_map(move |raw| {
                let bytes: Vec<u8> = raw.iter().flat_map(|raw| tamed(dtype, raw[..size].to_vec())).collect();
                Tensor::fixed(dtype, shape.clone(), bytes.into()).unwrap()
            })
            .boxed(),
        None => vec(any::<String>(), elements)
            .prop_map(move |values| {
                let values = values.into_iter().map(Bytes::from).collect();
                Tensor::variable(dtype, shape.clone(), values).unwrap()
            })
            .boxed(),
    }
}

/// Clears a bit of the exponent, so that no float is infinite or no number.
fn tamed(dtype: DType, mut raw: Vec<u8>) -> Vec<u8> {
    match dtype {
        DType::Bool => raw[0] &= 1,
        DType::F16 | DType::BF16 | DType::F32 | DType::F64 => *raw.last_mut().unwrap() &= 0xbf,
        _ => {}
    }
    raw
}
