//! Which values an input takes over REST.

use proptest::prelude::*;
use salver_core::{DType, Data};

use crate::servables::*;

fn read(dtype: DType, values: &str) -> Result<Vec<u8>, String> {
    let columns = rest_columns(&echo(dtype, &[]), &format!(r#"{{"inputs": [{values}]}}"#));
    columns.map(|columns| columns[0].bytes().to_vec()).map_err(|error| match error {
        salver_core::Error::Malformed { detail, .. } => detail,
        other => format!("{}: {other}", other.code().name()),
    })
}

fn wrong(value: &str, kind: &str, wanted: &str) -> Result<Vec<u8>, String> {
    Err(format!("JSON Value: {value} Type: {kind} is not of expected type: {wanted}"))
}

#[test]
fn whole_numbers_must_be_written_so_and_small_types_keep_the_lower_bits() {
    assert_eq!(read(DType::I32, "-5").unwrap(), (-5i32).to_le_bytes());
    assert_eq!(read(DType::I8, "300").unwrap(), [44]);
    assert_eq!(read(DType::U8, "-1").unwrap(), [255]);
    assert_eq!(read(DType::I16, "65537").unwrap(), [1, 0]);
    assert_eq!(read(DType::I64, "9223372036854775807").unwrap(), i64::MAX.to_le_bytes());
    assert_eq!(read(DType::U64, "18446744073709551615").unwrap(), u64::MAX.to_le_bytes());
    assert_eq!(read(DType::U32, "4294967295").unwrap(), u32::MAX.to_le_bytes());
    for dtype in [DType::I8, DType::U8, DType::I16, DType::I32] {
        let name = dtype.name();
        assert_eq!(read(dtype, "1.0"), wrong("1.0", "Number", name));
        assert_eq!(read(dtype, "2147483648"), wrong("2147483648", "Number", name));
    }
    assert_eq!(read(DType::U32, "-1"), wrong("-1", "Number", "uint32"));
    assert_eq!(read(DType::U64, "1e3"), wrong("1e3", "Number", "uint64"));
    assert_eq!(read(DType::I64, "9223372036854775808"), wrong("9223372036854775808", "Number", "int64"));
    assert_eq!(read(DType::I64, "NaN"), wrong("NaN", "Number", "int64"));
}

#[test]
fn floats_take_any_number_and_the_words_for_what_is_none() {
    assert_eq!(read(DType::F32, "3").unwrap(), 3f32.to_le_bytes());
    assert_eq!(read(DType::F32, "16777217").unwrap(), 16777216f32.to_le_bytes());
    assert_eq!(read(DType::F64, "-1e-3").unwrap(), (-1e-3f64).to_le_bytes());
    for (word, value) in [("Infinity", f32::INFINITY), ("Inf", f32::INFINITY), ("-Infinity", f32::NEG_INFINITY)] {
        assert_eq!(read(DType::F32, word).unwrap(), value.to_le_bytes());
    }
    assert!(f32::from_le_bytes(read(DType::F32, "NaN").unwrap().try_into().unwrap()).is_nan());
    assert_eq!(read(DType::F32, "\"1\""), wrong("\"1\"", "String", "float"));
    assert_eq!(read(DType::F32, "true"), wrong("true", "True", "float"));
    assert_eq!(read(DType::F64, "null"), wrong("null", "Null", "double"));
    assert_eq!(read(DType::F32, "{\"b64\": \"AA==\"}"), wrong("{\"b64\": \"AA==\"}", "Object", "float"));
    let lossy = "Cannot convert JSON value: 1e39 to float without loss of precision.";
    assert_eq!(read(DType::F32, "1e39"), Err(lossy.into()));
}

#[test]
fn truths_are_words_and_text_is_in_quotes() {
    assert_eq!(read(DType::Bool, "true, false").unwrap(), [1, 0]);
    assert_eq!(read(DType::Bool, "1"), wrong("1", "Number", "bool"));
    assert_eq!(read(DType::Str, "5"), wrong("5", "Number", "string"));
    assert_eq!(read(DType::Bytes, "false"), wrong("false", "False", "string"));
    let odd = "JSON Value: {\"b64\": 1} not formatted correctly for base64 data";
    assert_eq!(read(DType::Bytes, "{\"b64\": 1}"), Err(odd.into()));
    let odd = "JSON Value: {\"b64\": \"\", \"c\": 1} not formatted correctly for base64 data";
    assert_eq!(read(DType::Bytes, "{\"b64\": \"\", \"c\": 1}"), Err(odd.into()));
    assert_eq!(read(DType::Bytes, "{\"b64\": \"?\"}"), Err("Unable to base64 decode".into()));
    let given = rest_columns(&echo(DType::Str, &[]), r#"{"inputs": ["a\n\u00e9", ""]}"#).unwrap();
    assert_eq!(given[0].values(), ["a\né".as_bytes(), b""]);
    let odd = "INVALID_ARGUMENT: input 'x' of servable 'm': element 0 is not UTF-8 text";
    assert_eq!(read(DType::Str, "{\"b64\": \"/w==\"}"), Err(odd.into()));
}

#[test]
fn types_that_the_original_does_not_read_are_not_implemented() {
    for (dtype, name) in [(DType::F16, "half"), (DType::BF16, "bfloat16"), (DType::U16, "uint16")] {
        let wanted = format!("UNIMPLEMENTED: Conversion of JSON Value: 1.5 to type: {name}");
        assert_eq!(read(dtype, "1.5"), Err(wanted));
        let refused = told(rest_predict(&echo(dtype, &[]), r#"{"instances": [1.5]}"#, same));
        assert_eq!(refused, (501, format!("Conversion of JSON Value: 1.5 to type: {name}")));
    }
}

#[test]
fn values_of_no_declared_type_say_it_themselves() {
    let any = one(vec![untyped("x")], vec![untyped("y")]);
    let cases = [
        ("[1, 2]", DType::I64),
        ("[1.0, 2]", DType::F64),
        ("[1, 2.5]", DType::F64),
        ("[1, NaN]", DType::F64),
        ("[NaN]", DType::F64),
        ("[true]", DType::Bool),
        ("[\"a\"]", DType::Str),
        ("[{\"b64\": \"\"}]", DType::Bytes),
    ];
    for (values, wanted) in cases {
        for key in ["inputs", "instances"] {
            let given = rest_columns(&any, &format!(r#"{{"{key}": {values}}}"#)).unwrap();
            assert_eq!(given[0].dtype(), wanted, "{values}");
        }
    }
    let widened = rest_columns(&any, r#"{"instances": [[1, -2], [3, 4.5]]}"#).unwrap();
    let wanted: Vec<u8> = [1f64, -2., 3., 4.5].iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(widened[0].data(), &Data::Fixed(wanted.into()));
}

proptest! {
    #[test]
    fn floats_go_there_and_back(values in proptest::collection::vec(any::<f32>(), 1..20)) {
        let tensor = f32s(&[values.len()], &values);
        let mut text = Vec::new();
        salver_wire::numbers::write_array(&mut text, &tensor, &[values.len()], 0).unwrap();
        let text = String::from_utf8(text).unwrap();
        let given = rest_columns(&echo(DType::F32, &[]), &format!(r#"{{"instances": {text}}}"#)).unwrap();
        let canonical = |raw: &[u8]| { let value = f32::from_le_bytes(raw.try_into().unwrap()); if value.is_nan() { 0 } else { value.to_bits() } };
        let bits = |bytes: &[u8]| bytes.chunks(4).map(canonical).collect::<Vec<_>>();
        prop_assert_eq!(bits(given[0].bytes()), bits(tensor.bytes()));
    }

    #[test]
    fn integers_go_there_and_back(values in proptest::collection::vec(any::<i64>(), 1..20)) {
        let body = format!(r#"{{"instances": {values:?}}}"#);
        prop_assert_eq!(rest_columns(&echo(DType::I64, &[]), &body).unwrap(), [i64s(&[values.len()], &values)]);
    }
}
