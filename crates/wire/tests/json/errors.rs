//! What is wrong, what was expected, and where.

use salver_core::{DType, Dim, Error, Fault};
use salver_wire::json::refuse;

use crate::servables::*;

#[test]
fn wrong_rows_say_what_is_wrong_with_them() {
    let wide = port("x", DType::F32, Some(&[Dim::Fixed(2), Dim::Free("width".into())]));
    let cases = [
        (wide.clone(), "{}", "input 'x' of servable 'echo' method 'predict' is missing"),
        (wide.clone(), r#"{"y":1}"#, "servable 'echo' has no input 'y'; it takes 'x'"),
        (wide.clone(), r#"{"x":[[1],[2]],"x":1}"#, "input 'x' for servable 'echo' was sent more than once"),
        (wide.clone(), r#"{"x":[1,2]}"#, "input 'x' of servable 'echo' has shape [2], but [2, width] is expected"),
        (
            wide.clone(),
            r#"{"x":[[1],[2,3]]}"#,
            "input 'x' of servable 'echo': arrays side by side have different lengths (the input is float32 [2, width])",
        ),
        (
            wide.clone(),
            r#"{"x":[["a"],[2]]}"#,
            "input 'x' of servable 'echo': expected a number, but found '\"a\"' (the input is float32 [2, width])",
        ),
        (port("x", None, None), r#"{"x":null}"#, "input 'x' of servable 'echo': null is not a value"),
        (
            port("x", None, None),
            r#"{"x":[1,[2]]}"#,
            "input 'x' of servable 'echo': arrays side by side have different lengths",
        ),
        (
            port("x", DType::Bytes, Some(&[])),
            r#"{"x":{"b64":"?"}}"#,
            "input 'x' of servable 'echo': not standard base64: Invalid symbol 63, offset 0. at line 1 column 11 \
             (the input is bytes [])",
        ),
        (
            port("x", DType::Bytes, Some(&[])),
            r#"{"x":{"base64":"aGVq"}}"#,
            "input 'x' of servable 'echo': expected \"b64\" alone, but found \"base64\" at line 1 column 17 \
             (the input is bytes [])",
        ),
        (
            port("x", DType::Bytes, Some(&[])),
            r#"{"x":1}"#,
            "input 'x' of servable 'echo': invalid type: integer `1`, expected a string or {\"b64\": \"...\"} \
             at line 1 column 1 (the input is bytes [])",
        ),
    ];
    for (port, body, wanted) in cases {
        assert_eq!(call(&echo(vec![port]), body), (400, failure("INVALID_ARGUMENT", wanted)), "{body}");
    }
}

#[test]
fn bodies_that_are_no_rows_are_refused() {
    let servable = echo(vec![port("x", None, None)]);
    let cases = [
        ("", "malformed body: EOF while parsing a value at line 1 column 0"),
        ("{", "malformed body: EOF while parsing an object at line 1 column 1"),
        ("{}{}", "malformed body: trailing characters at line 1 column 3"),
        ("1", "malformed body: invalid type: integer `1`, expected a row: an object with a value for every input at line 1 column 1"),
        (
            "[1]",
            "malformed body: invalid type: integer `1`, expected a row: an object with a value for every input at line 1 column 2",
        ),
        ("[]", "a request to 'echo' method 'predict' needs at least one row"),
    ];
    for (body, wanted) in cases {
        assert_eq!(call(&servable, body), (400, failure("INVALID_ARGUMENT", wanted)), "{body}");
    }
    let reply = read(&call_by(&servable, "", b"{\"\xff\":1}", same));
    assert_eq!(reply, (400, failure("INVALID_ARGUMENT", "malformed body: it is not UTF-8")));
}

#[test]
fn very_many_wrong_rows_are_refused_as_a_whole() {
    let body = format!("[{}{{}}]", "{},".repeat(1000));
    let wanted = failure("INVALID_ARGUMENT", "input 'x' of servable 'echo' method 'predict' is missing");
    assert_eq!(call(&echo(vec![port("x", None, None)]), &body), (400, wanted));
}

fn author(fault: Fault, what: &str) -> Error {
    Error::Author { fault, what: what.into(), method: "predict".into(), index: 2, message: "it broke".into() }
}

#[test]
fn faults_of_the_authors_code_name_it() {
    let cases = [("Function 'm.f'", "Function 'm.f', stage 2 of method 'predict', failed: it broke"), ("", "it broke")];
    for (what, message) in cases {
        assert_eq!(read(&refuse(&author(Fault::Raised, what))), (500, failure("INTERNAL", message)));
    }
}

#[test]
fn refusals_have_the_status_of_their_code() {
    let cases = [
        (Error::UnknownServable { servable: "a\"b".into() }, 404, "NOT_FOUND"),
        (Error::Draining, 503, "UNAVAILABLE"),
        (Error::DeadlineExceeded, 504, "DEADLINE_EXCEEDED"),
        (Error::internal("x"), 500, "INTERNAL"),
        (author(Fault::Raised, "Function 'm.f'"), 500, "INTERNAL"),
        (author(Fault::Output, ""), 500, "INTERNAL"),
        (author(Fault::Input, ""), 400, "INVALID_ARGUMENT"),
    ];
    for (error, status, code) in cases {
        assert_eq!(read(&refuse(&error)), (status, failure(code, &error.to_string())));
    }
}
