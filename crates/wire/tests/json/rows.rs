//! Rows there and back: values of every type, single rows and arrays of rows.

use bytes::Bytes;
use proptest::prelude::*;
use salver_core::{DType, Dim, Error, Part, Shape, Tensor};
use salver_wire::json::{Address, Call};
use salver_wire::{Exchange, Target};

use crate::servables::*;

#[test]
fn values_come_back_as_they_were_sent() {
    let two = &[Dim::Fixed(2)][..];
    let free = &[Dim::Free("n".into()), Dim::Fixed(1)][..];
    let cases: &[(DType, &[Dim], &str)] = &[
        (DType::Bool, two, "[true,false]"),
        (DType::U8, two, "[0,255]"),
        (DType::U64, two, "[0,18446744073709551615]"),
        (DType::I64, two, "[-9223372036854775808,9223372036854775807]"),
        (DType::I8, &[], "-128"),
        (DType::F32, two, "[0.1,-3.4028235e38]"),
        (DType::F64, two, "[0.1,1.7976931348623157e308]"),
        (DType::F16, two, "[0.5,65504.0]"),
        (DType::BF16, two, "[0.5,1.0]"),
        (DType::F32, free, "[[1.0],[2.0],[3.0]]"),
        (DType::F32, &[Dim::Free(String::new())], "[]"),
        (DType::Str, two, r#"["a\"\\\n","ä"]"#),
        (DType::Str, &[], r#""text""#),
        (DType::Bytes, &[], r#"{"b64":"/9g="}"#),
        (DType::Bytes, free, r#"[[{"b64":"YQ=="}],[{"b64":""}]]"#),
    ];
    for (dtype, dims, value) in cases {
        let servable = echo(vec![port("x", *dtype, Some(dims))]);
        let body = format!(r#"{{"x":{value}}}"#);
        assert_eq!(call(&servable, &body), (200, body));
    }
}

#[test]
fn values_may_be_written_in_several_ways() {
    let cases: &[(DType, &str, &str)] = &[
        (DType::F32, " 1 ", "1.0"),
        (DType::F32, "1e1", "10.0"),
        (DType::Str, r#""\u00e4""#, "\"ä\""),
        (DType::Bytes, "\"hej\"", r#"{"b64":"aGVq"}"#),
        (DType::Bytes, r#"[ {"b64" : "aGVq"} , "hej" ]"#, r#"[{"b64":"aGVq"},{"b64":"aGVq"}]"#),
    ];
    for (dtype, sent, wanted) in cases {
        let servable = echo(vec![port("x", *dtype, None)]);
        assert_eq!(call(&servable, &format!(r#"{{ "x": {sent} }}"#)), (200, format!(r#"{{"x":{wanted}}}"#)));
    }
}

#[test]
fn inputs_without_a_type_take_that_of_the_value() {
    let cases = [
        ("3", DType::I64, vec![1]),
        ("[[1,2],[3,4]]", DType::I64, vec![1, 2, 2]),
        ("[1, 2.5]", DType::F64, vec![1, 2]),
        ("1e3", DType::F64, vec![1]),
        ("[]", DType::F64, vec![1, 0]),
        ("[true]", DType::Bool, vec![1, 1]),
        ("\"e.\"", DType::Str, vec![1]),
        (r#"{"b64":""}"#, DType::Bytes, vec![1]),
    ];
    for (value, dtype, shape) in cases {
        let seen = |part: Part| {
            let column = &part.columns()[0];
            assert_eq!((column.dtype(), column.shape().dims()), (dtype, &shape[..]), "{value}");
            same(part)
        };
        let servable = echo(vec![port("x", None, None)]);
        assert_eq!(call_by(&servable, "", format!(r#"{{"x":{value}}}"#), seen).status, 200);
    }
}

#[test]
fn rows_of_different_shapes_run_apart_and_keep_their_order() {
    let servable = echo(vec![port("x", DType::I64, Some(&[Dim::Free("n".into())]))]);
    let body = r#"[{"x":[1]},{"x":[2,3]},{"x":[4]}]"#;
    let mut sizes = Vec::new();
    let address = Address { servable: "echo".into(), version: None, method: None };
    let mut parsed = Call::parse(address, "application/json", body.into()).unwrap();
    for part in parsed.parts(&servable, &servable.methods[0]).unwrap() {
        sizes.push(part.rows());
    }
    assert_eq!(sizes, [2, 1]);
    assert_eq!(call(&servable, body), (200, body.into()));
}

#[test]
fn what_json_cannot_carry_is_null_or_base64() {
    let floats = |_: Part| {
        let values = [1.5f32, f32::NAN, f32::INFINITY].iter().flat_map(|value| value.to_le_bytes());
        let floats = Tensor::fixed(DType::F32, Shape::new([1, 3]), values.collect::<Vec<u8>>().into());
        let words = vec![Bytes::from_static(b"a"), Bytes::from_static(b"\xff")];
        Ok(vec![floats.unwrap(), Tensor::variable(DType::Str, Shape::new([1, 2]), words).unwrap()])
    };
    let servable = echo(vec![port("x", None, None), port("y", None, None)]);
    let wanted = r#"{"x":[1.5,null,null],"y":["a",{"b64":"/w=="}]}"#;
    assert_eq!(read(&call_by(&servable, "", r#"{"y":1,"x":1}"#, floats)), (200, wanted.into()));
}

#[test]
fn the_target_is_that_of_the_path() {
    let address = Address::parse("echo/versions/2/predict").unwrap();
    let call = Call::parse(address, "", Bytes::new()).unwrap();
    let wanted = Target { servable: "echo", version: Some(2), method: Some("predict"), label: None, dotted: false };
    assert_eq!(call.target(), Ok(wanted));
}

#[test]
fn rows_fail_one_by_one() {
    let two = echo(vec![port("x", DType::I8, Some(&[]))]);
    let message = "input 'x' of servable 'echo': the number 300 does not fit int8 (the input is int8 [])";
    let wrong = failure("INVALID_ARGUMENT", message);
    let body = r#"[{"x":1},{"x":300},{"x":3}]"#;
    assert_eq!(call(&two, body), (200, format!(r#"[{{"x":1}},{wrong},{{"x":3}}]"#)));
    assert_eq!(call(&two, r#"[{"x":300}]"#), (400, format!("[{wrong}]")));
    assert_eq!(call(&two, r#"{"x":300}"#), (400, wrong));

    let lost = |_: Part| Err(Error::Lost { stage: "s".into() });
    let message = "the worker that ran stage 's' was lost; it is being restarted, try again";
    let reply = call_by(&two, "", r#"[{"x":1},{"x":2}]"#, lost);
    let one = failure("UNAVAILABLE", message);
    assert_eq!(read(&reply), (503, format!("[{one},{one}]")));
}

#[test]
fn a_call_of_very_many_rows_is_refused_as_a_whole() {
    let servable = echo(vec![port("x", DType::I8, Some(&[]))]);
    let rows = |count| format!("[{}]", vec![r#"{"x":1}"#; count].join(","));
    assert_eq!(call(&servable, &rows(100_000)).0, 200);
    let message = "malformed call: it has more than 100000 rows; send them in several calls";
    assert_eq!(call(&servable, &rows(100_001)), (400, failure("INVALID_ARGUMENT", message)));
}

#[test]
fn a_row_leaves_room_for_the_rows_dimension() {
    let servable = echo(vec![port("x", DType::F32, None)]);
    let nested = |depth: usize| format!(r#"{{"x":{}1.0{}}}"#, "[".repeat(depth), "]".repeat(depth));
    assert_eq!(call(&servable, &nested(63)), (200, nested(63)));
    let told = "input 'x' of servable 'echo': a row of it has 64 dimensions, more than the 63 that a row may have";
    assert_eq!(call(&servable, &nested(64)), (400, failure("INVALID_ARGUMENT", told)));
}

fn any_row(dtype: DType) -> impl Strategy<Value = Tensor> {
    let dims = prop::collection::vec(0usize..4, 0..3);
    (dims, any::<u8>(), "\\PC{0,8}").prop_map(move |(dims, seed, word)| {
        let shape = Shape::batched(1, &dims);
        let elements = shape.elements().unwrap();
        match dtype.size() {
            Some(size) => {
                let byte = if dtype == DType::Bool { seed % 2 } else { seed.min(0x7b) };
                Tensor::fixed(dtype, shape, vec![byte; elements * size].into()).unwrap()
            }
            None => Tensor::variable(dtype, shape, vec![word.into_bytes().into(); elements]).unwrap(),
        }
    })
}

proptest! {
    #[test]
    fn answers_of_every_type_are_read_back_as_requests(
        row in prop::sample::select(&DType::ALL[..]).prop_flat_map(any_row)
    ) {
        // A leading zero hides the lengths of the axes below it.
        prop_assume!(!row.shape().row().iter().rev().skip(1).any(|&dim| dim == 0));
        let servable = echo(vec![port("x", row.dtype(), None)]);
        let (status, written) = read(&call_by(&servable, "", r#"{"x":[]}"#, |_| Ok(vec![row.clone()])));
        prop_assert_eq!(status, 200);
        let seen = |part: Part| {
            assert_eq!(part.columns(), std::slice::from_ref(&row));
            same(part)
        };
        prop_assert_eq!(read(&call_by(&servable, "", &written, seen)), (200, written));
    }
}
