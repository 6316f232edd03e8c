//! Inputs and outputs that are JSON themselves.

use bytes::Bytes;
use salver_core::{DType, Part, Port, Shape, Tensor};

use crate::servables::*;

#[test]
fn a_document_is_any_value_there_and_back() {
    let servable = echo(vec![document("x")]);
    let cases =
        [r#"{"a":[1,{"b":null}],"c":"d"}"#, "[[1],[2,3]]", "1.50", "true", r#""text""#, "null", r#"{ "a" : 1 }"#];
    for value in cases {
        let body = format!(r#"{{"x":{value}}}"#);
        let seen = |part: Part| {
            assert_eq!((part.columns()[0].dtype(), part.columns()[0].shape().dims()), (DType::Str, &[1][..]));
            assert_eq!(part.columns()[0].values(), [value], "a document travels as its text");
            same(part)
        };
        assert_eq!(read(&call_by(&servable, "", &body, seen)), (200, body));
    }
}

#[test]
fn text_that_is_no_document_is_shown_as_text() {
    let servable = echo(vec![document("x"), document("y")]);
    let outputs = |_: Part| {
        let one = |text: &'static [u8]| Tensor::variable(DType::Str, Shape::new([1]), vec![Bytes::from_static(text)]);
        Ok(vec![one(b"{\"a\": NaN}").unwrap(), one(b"\xff").unwrap()])
    };
    let wanted = r#"{"x":"{\"a\": NaN}","y":{"b64":"/w=="}}"#;
    assert_eq!(read(&call_by(&servable, "", r#"{"x":1,"y":1}"#, outputs)), (200, wanted.into()));
}

#[test]
fn documents_may_stand_in_an_array() {
    let outputs = |_: Part| {
        let texts = [r#"{"a":1}"#, "2"].map(|text| Bytes::from_static(text.as_bytes())).to_vec();
        Ok(vec![Tensor::variable(DType::Str, Shape::new([1, 2]), texts).unwrap()])
    };
    let servable = echo(vec![document("x")]);
    assert_eq!(read(&call_by(&servable, "", r#"{"x":1}"#, outputs)), (200, r#"{"x":[{"a":1},2]}"#.into()));
}

#[test]
fn forms_and_raw_bodies_bring_documents_too() {
    let servable = echo(vec![document("x")]);
    let field = |head: &str| format!("--b\r\nContent-Disposition: x; name=x{head}\r\n\r\n {{\"a\": 1}} \r\n--b--");
    let form = "multipart/form-data; boundary=b";
    let cases = [
        (form, field("")),
        (form, field("; filename=x.json")),
        (form, field("\r\nContent-Type: application/json")),
        ("application/octet-stream", " {\"a\": 1}\n".to_string()),
    ];
    for (content_type, body) in cases {
        assert_eq!(read(&call_by(&servable, content_type, body, same)), (200, r#"{"x":{"a": 1}}"#.into()));
    }
    let wanted = "input 'x' of servable 'echo': it is not JSON: expected value at line 1 column 1 (the input is json)";
    let reply = read(&call_by(&servable, "application/octet-stream", "hello", same));
    assert_eq!(reply, (400, failure("INVALID_ARGUMENT", wanted)));
}

#[test]
fn null_is_a_document_unless_the_input_is_optional() {
    let servable = echo(vec![Port { optional: true, ..document("x") }]);
    let seen = |part: Part| {
        assert_eq!(part.columns(), [Port::absent(1)]);
        same(part)
    };
    assert_eq!(call_by(&servable, "", r#"{"x":null}"#, seen).status, 200);
}
