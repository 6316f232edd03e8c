//! `POST /model/<servable>:<method>` as clients of MindSpore Serving see it.

use bytes::Bytes;
use salver_core::*;
use salver_wire::mindspore::rest::{Address, Call};
use salver_wire::Exchange;

use crate::messages::{add, echo, sum};

/// The body of the reply to a body, for a servable whose method `run` is.
fn ask(servable: &Servable, body: &str, run: impl Fn(Part) -> Result<Vec<Tensor>, Error>) -> String {
    let address = Address { servable: "add".into(), method: "add_common".into(), version: 0 };
    let mut call = Call::new(address, Bytes::from(body.to_owned()));
    let method = &servable.methods[0];
    let reply = match call.parts(servable, method) {
        Ok(parts) => {
            let item = |(part, data): (usize, Part)| Item {
                part,
                first: 0,
                rows: data.rows(),
                last: true,
                outcome: run(data),
            };
            let items = parts.into_iter().enumerate().map(item).collect();
            call.answer(servable, method, Answer { items })
        }
        Err(error) => call.refuse(&error),
    };
    assert_eq!(reply.status, 200);
    String::from_utf8(reply.body.concat()).unwrap()
}

fn echoed(value: &str) -> String {
    let reply = ask(&echo(), &format!(r#"{{"instances": {{"x": {value}}}}}"#), |part| Ok(part.into_columns()));
    let inner = reply.strip_prefix(r#"{"instances":[{"x":"#).and_then(|rest| rest.strip_suffix("}]}"));
    inner.unwrap_or_else(|| panic!("{reply}")).to_owned()
}

#[test]
fn instances_are_answered_in_their_order() {
    let one = r#"{"x1": [[1.0, 2.0], [3.0, 4.0]], "x2": [[1.0, 1.0], [1.5, 1.0]]}"#;
    let body = format!(r#"{{"other": 3, "instances": [{one}, {one}]}}"#);
    let answer = r#"{"y":[[2.0,3.0],[4.5,5.0]]}"#;
    assert_eq!(ask(&add(), &body, sum), format!(r#"{{"instances":[{answer},{answer}]}}"#));
    assert_eq!(ask(&add(), &format!(r#"{{"instances": {one}}}"#), sum), format!(r#"{{"instances":[{answer}]}}"#));
}

#[test]
fn values_are_shown_as_the_original_shows_them() {
    let cases = [
        ("1", "1"),
        ("1.1", "1.100000023841858"),
        ("[1.0, 1e20]", "[1.0,1.0000000200408773e+20]"),
        ("true", "true"),
        ("\"a\\\"\"", "\"a\\\"\""),
        ("[\"a\"]", "[\"a\"]"),
        (r#"{"b64": "AAE="}"#, r#"{"b64":"AAE="}"#),
        (r#"{"b64": "ADw=", "type": "fp16", "shape": []}"#, "1.0"),
        (r#"{"b64": "AAAAAAAA8H8=", "type": "float64", "shape": [1]}"#, "[null]"),
        (r#"{"b64": "//8=", "type": "int8", "shape": [2]}"#, "[-1,-1]"),
        (r#"{"b64": "//////////8=", "type": "uint64"}"#, "18446744073709551615"),
        (r#"{"b64": "", "type": "int8", "shape": [0]}"#, "[]"),
        (r#"{"b64": "", "type": "int8", "shape": [1, 0]}"#, "[[]]"),
    ];
    for (value, wanted) in cases {
        assert_eq!(echoed(value), wanted, "{value}");
    }
}

#[test]
fn requests_that_are_wrong_are_told_so_as_a_whole() {
    let parser = |text: &str| format!("Parser request failed, {text}");
    let cases = [
        ("", "Illegal JSON format.".to_string()),
        ("{", "Illegal JSON format.".into()),
        ("{}", parser("key 'instances' expects to exist once, but actually 0 times")),
        ("3", parser("key 'instances' expects to exist once, but actually 0 times")),
        (r#"[[{"x1": 1}]]"#, parser("key 'instances' expects to exist once, but actually 0 times")),
        (r#"{"instances": {"x1": 1}, "instances": []}"#, parser("instances value is array type, but no value")),
        (r#"{"instances": []}"#, parser("instances value is array type, but no value")),
        (r#"{"instances": 3}"#, parser("instances no key mode is not supported")),
        (r#"{"instances": [[1]]}"#, parser("json array, instance is not object type")),
        (r#"{"instances": [{}]}"#, parser("json array, instance is object type, but no value")),
        (r#"{"instances": {}}"#, parser("json object, value is empty")),
        (r#"{"instances": {"": 1}}"#, parser("string key is empty")),
        (r#"{"instances": {"x1": null, "x2": 1}}"#, parser("json value is null, it is not supported")),
        (
            r#"{"instances": {"x2": 1}}"#,
            "Cannot find input x1 in instance input , servable add, method add_common".into(),
        ),
    ];
    for (body, wanted) in cases {
        let reply = ask(&add(), body, sum);
        assert!(reply.starts_with(&format!(r#"{{"error_msg":"{wanted}"#)), "{body}: {reply}");
    }
}

#[test]
fn a_row_leaves_room_for_the_rows_dimension() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let sized =
        |depth: usize| format!(r#"{{"b64": "AA==", "type": "int8", "shape": [{}]}}"#, vec!["1"; depth].join(","));
    let instance = |value: String| format!(r#"{{"instances": {{"x": {value}}}}}"#);
    let at = |depth| [nested(depth), sized(depth)];
    for (row, too_deep) in at(63).into_iter().zip(at(64)) {
        let same = |part: Part| Ok(part.into_columns());
        let answered = ask(&echo(), &instance(row), same);
        assert!(!answered.contains("error_msg"), "{answered}");
        let refused = ask(&echo(), &instance(too_deep), |_| panic!("a row that is none"));
        assert!(refused.contains("error_msg"), "{refused}");
    }
}

#[test]
fn instances_fail_one_by_one_unless_all_fail_alike() {
    let good = r#"{"x1": [1.0, 2.0, 3.0, 4.0], "x2": [[1.0, 1.0], [1.0, 1.0]]}"#;
    let bad = r#"{"x1": [1, 2, 3, 4], "x2": [[1.0, 1.0], [1.0, 1.0]]}"#;
    let told = "Given model input 0 data type kMSI_Int32 not match the data type kMSI_Float32 defined in model";
    let both = ask(&add(), &format!(r#"{{"instances": [{good}, {bad}]}}"#), sum);
    assert_eq!(both, format!(r#"{{"instances":[{{"y":[[2.0,3.0],[4.0,5.0]]}},{{"error_msg":"{told}"}}]}}"#));
    let all = ask(&add(), &format!(r#"{{"instances": [{bad}, {bad}]}}"#), sum);
    assert_eq!(all, format!(r#"{{"error_msg":"{told}"}}"#));
}

#[test]
fn a_wrong_body_comes_before_a_wrong_name() {
    let unknown = Error::UnknownServable { servable: "add".into() };
    let refusal = |body: &str| {
        let address = Address { servable: "add".into(), method: "f".into(), version: 0 };
        let reply = Call::new(address, Bytes::from(body.to_owned())).refuse(&unknown);
        String::from_utf8(reply.body.concat()).unwrap()
    };
    assert!(refusal("{").contains("Illegal JSON format."));
    let null = "Parser request failed, json value is null, it is not supported";
    assert!(refusal(r#"{"instances": {"x": null}}"#).contains(null));
    let unavailable = "Request servable(add) method(f) , servable is not available";
    assert!(refusal(r#"{"instances": {"x": 1}}"#).contains(unavailable));
}

#[test]
fn whatever_is_sent_is_answered() {
    let bombs = ["[".repeat(100_000), format!(r#"{{"instances": {{"x1": {}}}}}"#, "[".repeat(100_000))];
    for bomb in &bombs {
        assert!(ask(&add(), bomb, sum).contains("error_msg"));
    }
}
