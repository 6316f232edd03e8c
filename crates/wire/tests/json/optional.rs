//! Inputs that requests may leave out.

use bytes::Bytes;
use salver_core::{DType, Dim, Part, Port};
use salver_wire::json::{Address, Call};
use salver_wire::Exchange;

use crate::servables::*;

const FORM: &str = "multipart/form-data; boundary=b";

fn parts(ports: Vec<Port>, content_type: &str, body: &'static str) -> Vec<Part> {
    let servable = echo(ports);
    let address = Address::parse("echo").unwrap();
    let mut call = Call::parse(address, content_type, Bytes::from_static(body.as_bytes())).unwrap();
    call.parts(&servable, &servable.methods[0]).unwrap()
}

#[test]
fn an_input_that_is_left_out_is_absent() {
    let ports = || vec![port("x", DType::I8, Some(&[])), optional("y", DType::F32, Some(&[Dim::Fixed(2)]))];
    let cases = [
        ("application/json", r#"{"x": 1}"#),
        ("application/json", r#"{"x": 1, "y": null}"#),
        ("application/json", r#"[{"y": null, "x": 1}]"#),
        (FORM, "--b\r\nContent-Disposition: x; name=x\r\n\r\n1\r\n--b--"),
        (
            FORM,
            "--b\r\nContent-Disposition: x; name=x\r\n\r\n1\r\n\
             --b\r\nContent-Disposition: x; name=y\r\nContent-Type: application/json\r\n\r\n null\r\n--b--",
        ),
    ];
    for (content_type, body) in cases {
        let parts = parts(ports(), content_type, body);
        assert_eq!(parts[0].columns()[0].bytes(), [1], "{body}");
        assert_eq!(parts[0].columns()[1], Port::absent(1), "{body}");
    }
}

#[test]
fn rows_with_and_without_it_run_apart() {
    let ports = vec![port("x", DType::I8, Some(&[])), optional("y", DType::I8, Some(&[]))];
    let parts = parts(ports, "", r#"[{"x": 1}, {"x": 2, "y": 5}, {"x": 3}]"#);
    assert_eq!(parts.iter().map(Part::rows).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(parts[0].columns()[0].bytes(), [1, 3]);
    assert_eq!(parts[0].columns()[1], Port::absent(2));
    assert_eq!(parts[1].columns()[1].bytes(), [5]);
}

#[test]
fn all_of_them_may_be_left_out() {
    let parts = parts(vec![optional("x", None, None), optional("y", None, None)], "", "{}");
    assert_eq!(parts[0].columns(), [Port::absent(1), Port::absent(1)]);
}

#[test]
fn a_raw_body_is_the_only_input_that_must_be_there() {
    let image = || port("image", DType::Bytes, Some(&[]));
    let parts = parts(vec![optional("top", DType::I8, Some(&[])), image()], "image/png", "png");
    assert_eq!(parts[0].columns()[0], Port::absent(1));
    assert_eq!(parts[0].columns()[1].values(), ["png"]);

    let alone = echo(vec![Port { optional: true, ..image() }]);
    assert_eq!(read(&call_by(&alone, "image/png", "png", same)), (200, r#"{"image":{"b64":"cG5n"}}"#.into()));
    let unclear = echo(vec![Port { optional: true, ..image() }, optional("mask", DType::Bytes, Some(&[]))]);
    assert_eq!(call_by(&unclear, "image/png", "png", same).status, 400);
}

#[test]
fn the_others_are_missed_as_ever() {
    let servable = echo(vec![port("x", DType::I8, Some(&[])), optional("y", DType::I8, Some(&[]))]);
    let cases = [
        (r#"{"y": 1}"#, "input 'x' of servable 'echo' method 'predict' is missing"),
        (
            r#"{"x": null}"#,
            "input 'x' of servable 'echo': expected a whole number, but found 'null' (the input is int8 [])",
        ),
        (r#"{"x": 1, "y": null, "y": 1}"#, "input 'y' for servable 'echo' was sent more than once"),
        (r#"{"x": 1, "z": null}"#, "servable 'echo' has no input 'z'; it takes 'x', 'y'"),
    ];
    for (body, wanted) in cases {
        assert_eq!(call(&servable, body), (400, failure("INVALID_ARGUMENT", wanted)), "{body}");
    }
}
