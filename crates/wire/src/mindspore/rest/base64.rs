//! `{"b64": "...", "type": "...", "shape": [...]}`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use bytes::Bytes;
use salver_core::{DType, Port, Shape, Tensor};
use serde_json::value::RawValue;
use serde_json::Value;

use crate::object::{Object, Text};

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

/// More text than any shape takes.
const LONGEST_SHAPE: usize = 4096;

/// The members of an object, unread. Of several with one name the last counts.
type Members<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

fn members(object: &str) -> Result<Members<'_>, String> {
    let object: Object<'_> = serde_json::from_str(object).map_err(|error| error.to_string())?;
    Ok(object.0.into_iter().collect())
}

/// One value as bytes, with a leading dimension of 1; `within` are the dimensions of the array it stands in.
pub fn tensor(object: &str, within: &[usize]) -> Result<Tensor, String> {
    let object = members(object)?;
    if object.is_empty() {
        return Err("json object, value is empty".into());
    }
    if object.len() > 3 {
        let told = "only support specified ['b64', 'type', 'shape']";
        return Err(format!("json object, items size is more than 3, {told}"));
    }
    if let Some(key) = object.keys().find(|key| !["b64", "type", "shape"].contains(&key.as_ref())) {
        return Err(format!("json object, key is not ['b64', 'type', 'shape'], fail key:{key}"));
    }
    let shape = shape(object.get("shape").map(|shape| shape.get()))?;
    let dtype = dtype(&object)?;
    let value = object.get("b64").ok_or("json object, 'b64' should be specified only one time")?;
    if dtype.is_variable() && shape.elements() != Some(1) {
        let told = "only support scalar when data type is string or bytes, please check 'type' or 'shape'";
        return Err(format!("json object, {told}"));
    }
    let value = text(value).ok_or("get scalar data failed, type is string, but json is not string type")?;
    let data = STANDARD.decode(value.as_bytes()).map_err(|_| undecoded(&value))?;
    sized(dtype, &shape, within, data)
}

/// The type that an object in an array says it has.
pub fn type_in(object: &str) -> Result<Option<DType>, String> {
    Ok(members(object)?.get("type").map_or(Some(DType::Bytes), |name| known(&text(name)?)))
}

fn text<'a>(value: &'a RawValue) -> Option<Cow<'a, str>> {
    serde_json::from_str(value.get()).ok().map(|text: Text<'a>| text.0)
}

fn dtype(object: &Members<'_>) -> Result<DType, String> {
    let Some(name) = object.get("type") else { return Ok(DType::Bytes) };
    let name = text(name).ok_or("json object, key is 'type', value should be string type")?;
    known(&name).ok_or_else(|| format!("json object, specified type:'{name}' is illegal"))
}

/// The type of this name.
pub fn known(name: &str) -> Option<DType> {
    TYPES.iter().find(|(known, _)| *known == name).map(|(_, dtype)| *dtype)
}

fn shape(json: Option<&str>) -> Result<Shape, String> {
    let Some(json) = json.filter(|json| *json != "null") else { return Ok(Shape::default()) };
    if !json.starts_with('[') {
        return Err("json object, key is 'shape', value should be array type".into());
    }
    if json.len() > LONGEST_SHAPE {
        return Err(format!("json object, key is 'shape', invalid shape value of {} characters", json.len()));
    }
    let dims: Vec<Value> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let wrong = || "json object, key is 'shape', array value should be unsigned integer".to_string();
    let lengths: Option<Vec<usize>> =
        dims.iter().map(|dim| dim.as_u64().and_then(|dim| usize::try_from(dim).ok())).collect();
    let lengths = lengths.ok_or_else(wrong)?;
    let outer = lengths.split_last().map_or(&[][..], |(_, outer)| outer);
    match outer.contains(&0) || lengths.len() > Port::MAX_ROW_RANK {
        true => Err(format!("json object, key is 'shape', invalid shape value {}", Value::Array(dims))),
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
