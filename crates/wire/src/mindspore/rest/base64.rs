//! `{"b64": "...", "type": "...", "shape": [...]}`.

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use bytes::Bytes;
use salver_core::{DType, Port, Shape, Tensor};
use serde_json::{Map, Value};

const TYPES: [(&str, DType); 17] = [
    ("int8", DType::I8),
    ("int16", DType::I16),
    ("int32", DType::I32),
    ("int64", DType::I64),
    ("uint8", DType::U8),
    ("uint16", DType::U16),
    ("uint32", DType::U32),
    ("uint64", DType::U64),
    ("fp16", DType::F16),
    ("fp32", DType::F32),
    ("fp64", DType::F64),
    ("float16", DType::F16),
    ("float32", DType::F32),
    ("float64", DType::F64),
    ("bool", DType::Bool),
    ("str", DType::Str),
    ("bytes", DType::Bytes),
];

/// One value as bytes, with a leading dimension of 1; `within` are the dimensions of the array it stands in.
pub fn tensor(object: &Map<String, Value>, within: &[usize]) -> Result<Tensor, String> {
    if object.is_empty() {
        return Err("json object, value is empty".into());
    }
    if object.len() > 3 {
        let told = "only support specified ['b64', 'type', 'shape']";
        return Err(format!("json object, items size is more than 3, {told}"));
    }
    if let Some(key) = object.keys().find(|key| !["b64", "type", "shape"].contains(&key.as_str())) {
        return Err(format!("json object, key is not ['b64', 'type', 'shape'], fail key:{key}"));
    }
    let shape = shape(object.get("shape"))?;
    let dtype = dtype(object.get("type"))?;
    let text = object.get("b64").ok_or("json object, 'b64' should be specified only one time")?;
    if dtype.is_variable() && shape.elements() != Some(1) {
        let told = "only support scalar when data type is string or bytes, please check 'type' or 'shape'";
        return Err(format!("json object, {told}"));
    }
    let text = text.as_str().ok_or("get scalar data failed, type is string, but json is not string type")?;
    let data = STANDARD.decode(text).map_err(|_| undecoded(text))?;
    sized(dtype, &shape, within, data)
}

fn dtype(value: Option<&Value>) -> Result<DType, String> {
    let Some(value) = value else { return Ok(DType::Bytes) };
    let name = value.as_str().ok_or("json object, key is 'type', value should be string type")?;
    known(name).ok_or_else(|| format!("json object, specified type:'{name}' is illegal"))
}

/// The type of this name.
pub fn known(name: &str) -> Option<DType> {
    TYPES.iter().find(|(known, _)| *known == name).map(|(_, dtype)| *dtype)
}

fn shape(value: Option<&Value>) -> Result<Shape, String> {
    let dims = match value {
        None | Some(Value::Null) => return Ok(Shape::default()),
        Some(Value::Array(dims)) => dims,
        Some(_) => return Err("json object, key is 'shape', value should be array type".into()),
    };
    let wrong = || "json object, key is 'shape', array value should be unsigned integer".to_string();
    let lengths: Option<Vec<usize>> =
        dims.iter().map(|dim| dim.as_u64().and_then(|dim| usize::try_from(dim).ok())).collect();
    let lengths = lengths.ok_or_else(wrong)?;
    let outer = lengths.split_last().map_or(&[][..], |(_, outer)| outer);
    match outer.contains(&0) || lengths.len() > Port::MAX_ROW_RANK {
        true => Err(format!("json object, key is 'shape', invalid shape value {}", Value::Array(dims.clone()))),
        false => Ok(Shape::new(lengths)),
    }
}

fn sized(dtype: DType, shape: &Shape, within: &[usize], data: Vec<u8>) -> Result<Tensor, String> {
    let Some(size) = dtype.size() else {
        let dims = if within.is_empty() { shape.dims() } else { within };
        let tensor = Tensor::variable(dtype, Shape::batched(1, dims), vec![Bytes::from(data)]);
        return tensor.ok_or_else(|| "decode base64 failed, size is not matched.".to_string());
    };
    let (given, elements) = (data.len(), shape.elements().unwrap_or(usize::MAX));
    let tensor = Tensor::fixed(dtype, Shape::batched(1, shape.dims()), data.into());
    tensor.ok_or_else(|| {
        let info = format!("type:{dtype}; type size:{size}; element nums:{elements}");
        format!("size is not matched, decode base64 size:{given}; Given info: {info}")
    })
}

/// The original looks at the length first.
fn undecoded(text: &str) -> String {
    match text.len() % 4 {
        0 => "decode base64 failed, size is not matched.".into(),
        _ => format!("'{}' is illegal b64 encode string", text.chars().take(100).collect::<String>()),
    }
}
