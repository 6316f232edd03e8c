//! One named value of an instance, as a tensor.

use std::borrow::Cow;

use bytes::{BufMut, Bytes};
use salver_core::{aligned, DType, Shape, Tensor};
use serde::Deserialize;
use serde_json::Value;

use super::base64;
use super::mistakes::{mismatch, Kind, Leaf};
use crate::numbers::Elements;
use crate::object::Text;

/// A value with a leading dimension of 1; the error is what follows `Parser request failed, `.
///
/// Arrays of numbers are read in one pass. Whatever that pass does not take is looked at again, slowly, to say what is
/// wrong with it.
pub fn tensor(json: &str) -> Result<Tensor, String> {
    let json = json.trim();
    let first = json.bytes().find(|byte| !byte.is_ascii_whitespace() && *byte != b'[');
    let read = match first {
        Some(b'-' | b'0'..=b'9') if has_fractions(json) => floats(json),
        Some(b'-' | b'0'..=b'9') => integers(json),
        Some(b't' | b'f') => elements(json, DType::Bool),
        _ => None,
    };
    match read {
        Some(tensor) => Ok(tensor),
        None => slowly(json),
    }
}

fn has_fractions(json: &str) -> bool {
    json.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
}

fn elements(json: &str, dtype: DType) -> Option<Tensor> {
    let mut elements = Elements::new(dtype, json.len() / 2 + 1);
    let layout = elements.read(json).ok()?;
    let shape = layout.shape.filter(|_| layout.elements > 0)?;
    elements.into_tensor(Shape::batched(1, shape.dims()))
}

/// Every number must be written as a float: the original goes by the first and wants the others alike.
fn floats(json: &str) -> Option<Tensor> {
    let mut leaves = json.split([',', '[', ']']).map(str::trim).filter(|leaf| !leaf.is_empty());
    leaves.all(has_fractions).then(|| elements(json, DType::F32))?
}

/// Whole numbers that are too large lose their upper bits.
fn integers(json: &str) -> Option<Tensor> {
    let wide = elements(json, DType::I64)?;
    let mut narrow = aligned(wide.bytes().len() / 2, 0);
    for value in wide.bytes().chunks_exact(8) {
        narrow.put_slice(&value[..4]);
    }
    Tensor::fixed(DType::I32, wide.shape().clone(), narrow.freeze())
}

fn slowly(json: &str) -> Result<Tensor, String> {
    match json.as_bytes().first() {
        Some(b'n') => Err("json value is null, it is not supported".into()),
        Some(b'"') => text_tensor(&text(json)?, &[]),
        Some(b'{') => base64::tensor(json, &[]),
        Some(b'[') => array(json),
        _ => Err(format!("json value {} is out of range", parsed::<Value>(json)?)),
    }
}

fn parsed<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

fn text(json: &str) -> Result<Cow<'_, str>, String> {
    parsed::<Text<'_>>(json).map(|text| text.0)
}

fn text_tensor(text: &str, dims: &[usize]) -> Result<Tensor, String> {
    let tensor = Tensor::variable(DType::Str, Shape::batched(1, dims), vec![Bytes::from(text.to_owned())]);
    tensor.ok_or_else(|| "decode base64 failed, size is not matched.".to_string())
}

const ONE_ITEM: &str = "json array, string or bytes type only support one item";
const NO_TEXT: &str = "json array, item is object type, object only support string or bytes type";

fn array(json: &str) -> Result<Tensor, String> {
    let unknown = || "json array, data type is unknown".to_string();
    let Some(leaf) = Leaf::first(json)? else {
        let empty = json.get(1..).is_some_and(|rest| rest.trim_start().starts_with(']'));
        return Err(if empty { "json array, shape is empty".into() } else { unknown() });
    };
    let dims = || vec![1; leaf.depth];
    match leaf.json.as_bytes().first() {
        Some(b'"') if leaf.alone => text_tensor(&text(leaf.json)?, &dims()),
        Some(b'"') => Err(ONE_ITEM.into()),
        Some(b'{') if leaf.alone => {
            let tensor = base64::tensor(leaf.json, &dims())?;
            tensor.dtype().is_variable().then_some(tensor).ok_or_else(|| NO_TEXT.into())
        }
        Some(b'{') => Err(match base64::type_in(leaf.json)? {
            None => unknown(),
            Some(dtype) if dtype.is_variable() => ONE_ITEM.into(),
            Some(_) => NO_TEXT.into(),
        }),
        Some(b'n') | None => Err(unknown()),
        _ => Err(mismatch(json, leaf.depth, kind(leaf.json)?)?.unwrap_or_else(unknown)),
    }
}

/// The kind of a number or truth value.
fn kind(json: &str) -> Result<Kind, String> {
    Ok(match parsed::<Value>(json)? {
        Value::Bool(_) => Kind::Bool,
        Value::Number(number) if number.is_f64() => Kind::Float,
        _ => Kind::Whole,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> (DType, Vec<usize>, Vec<u8>) {
        let tensor = tensor(json).unwrap();
        let data = match tensor.dtype().is_variable() {
            true => tensor.values().concat(),
            false => tensor.bytes().to_vec(),
        };
        (tensor.dtype(), tensor.shape().row().to_vec(), data)
    }

    #[test]
    fn values_have_types_by_themselves() {
        let cases: [(&str, DType, &[usize], &[u8]); 13] = [
            ("3", DType::I32, &[], &[3, 0, 0, 0]),
            ("-1", DType::I32, &[], &[255; 4]),
            ("4294967298", DType::I32, &[], &[2, 0, 0, 0]),
            ("1.0", DType::F32, &[], &[0, 0, 128, 63]),
            ("[[1e0], [1.0]]", DType::F32, &[2, 1], &[0, 0, 128, 63, 0, 0, 128, 63]),
            ("true", DType::Bool, &[], &[1]),
            ("[true, false]", DType::Bool, &[2], &[1, 0]),
            ("\"a.b\"", DType::Str, &[], b"a.b"),
            ("[\"ab\"]", DType::Str, &[1], b"ab"),
            ("[[\"ab\"]]", DType::Str, &[1, 1], b"ab"),
            (r#"{"b64": "AAE="}"#, DType::Bytes, &[], &[0, 1]),
            (r#"[{"b64": "YWI=", "type": "str"}]"#, DType::Str, &[1], b"ab"),
            (r#"{"b64": "AAE=", "type": "uint8", "shape": [2, 1]}"#, DType::U8, &[2, 1], &[0, 1]),
        ];
        for (json, dtype, shape, data) in cases {
            assert_eq!(read(json), (dtype, shape.to_vec(), data.to_vec()), "{json}");
        }
    }

    #[test]
    fn what_is_no_value_is_told_in_the_originals_words() {
        let cases = [
            ("null", "json value is null, it is not supported"),
            ("[]", "json array, shape is empty"),
            ("[[], []]", "json array, data type is unknown"),
            (r#"[{"b64": "AA==", "type": "int4"}, {}]"#, "json array, data type is unknown"),
            ("[1, null]", "json array, data should be number, bool, string or bytes"),
            ("[1, [2]]", "json array, data should be number, bool, string or bytes"),
            ("[1, \"a\"]", "json array, elements type is not equal"),
            ("[1.0, 2]", "json array, elements type is not equal"),
            ("[1, true]", "json array, elements type is not equal"),
            ("[[1, 2], [3]]", "invalid json array: json size is 1, the dim 1 expected to be 2"),
            ("[[1], 2]", "invalid json array: json type is not array"),
            ("[null]", "json array, data type is unknown"),
            ("[]", "json array, shape is empty"),
            ("[ [ ] ]", "json array, data type is unknown"),
            ("[[[1], [2]], [[\"a\"]]]", "json size is 1, the dim 1 expected to be 2"),
            ("[[[1], [2]], [[3], [\"a\"]]]", "json array, elements type is not equal"),
            ("[[1, \"a\"], [3]]", "json array, elements type is not equal"),
            ("[1, {\"b64\": \"\"}]", "json array, data should be number, bool, string or bytes"),
            ("[[1], {}]", "invalid json array: json type is not array"),
            ("[1, 1e999]", "number out of range"),
            (r#"["a", "b"]"#, "json array, string or bytes type only support one item"),
            ("{}", "json object, value is empty"),
            (r#"{"b64": "", "dtype": "int8"}"#, "fail key:dtype"),
            (r#"{"b64": "", "a": 1, "b": 2, "c": 3}"#, "items size is more than 3"),
            (r#"{"type": "int4"}"#, "specified type:'int4' is illegal"),
            (r#"{"b64": "AA=A"}"#, "decode base64 failed, size is not matched."),
            (r#"{"b64": 3}"#, "get scalar data failed, type is string, but json is not string type"),
            (r#"[{"b64": "AA=="}, {"b64": "AA=="}]"#, "string or bytes type only support one item"),
            (r#"{"type": "int8"}"#, "'b64' should be specified only one time"),
            (r#"{"b64": "AA==", "type": 3}"#, "key is 'type', value should be string type"),
            (r#"{"b64": "AA==", "type": "int4"}"#, "specified type:'int4' is illegal"),
            (r#"{"b64": "AA==", "shape": 3}"#, "key is 'shape', value should be array type"),
            (r#"{"b64": "AA==", "shape": [-1]}"#, "array value should be unsigned integer"),
            (r#"{"b64": "AA==", "shape": [0, 1]}"#, "invalid shape value [0,1]"),
            (r#"{"b64": "AA==", "shape": [2]}"#, "only support scalar when data type is string or bytes"),
            (
                r#"{"b64": "AA=="  , "type": "int16"}"#,
                "decode base64 size:1; Given info: type:int16; type size:2; element nums:1",
            ),
            (r#"{"b64": "?"}"#, "'?' is illegal b64 encode string"),
            (r#"[{"b64": "AA==", "type": "int8"}]"#, "object only support string or bytes type"),
        ];
        for (json, wanted) in cases {
            let error = tensor(json).unwrap_err();
            assert!(error.contains(wanted), "{json}: {error}");
        }
    }
}
