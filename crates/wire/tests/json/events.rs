//! Answers as server-sent events.

use bytes::Bytes;
use salver_core::{DType, Error, Servable, Shape, Tensor};
use salver_wire::json::{Address, Call};
use salver_wire::{Exchange, Streamed};

use crate::servables::*;

fn events(servable: &Servable, body: &'static str) -> Call {
    let address = Address::parse("echo").unwrap();
    let mut call = Call::parse(address, "application/json", Bytes::from_static(body.as_bytes())).unwrap().into_events();
    call.parts(servable, &servable.methods[0]).unwrap();
    call
}

fn text(body: salver_wire::Body) -> String {
    String::from_utf8(body.concat()).unwrap()
}

fn word(word: &'static str) -> Vec<Tensor> {
    vec![Tensor::variable(DType::Str, Shape::new([1]), vec![Bytes::from_static(word.as_bytes())]).unwrap()]
}

#[test]
fn an_item_is_an_event_of_one_line() {
    let servable = echo(vec![port("x", DType::Str, Some(&[]))]);
    let (call, method) = (events(&servable, r#"{"x":"hej"}"#), &servable.methods[0]);
    let item = |word_: &'static str, last| text(call.item(&servable, method, word(word_), last).unwrap());
    assert_eq!(item("a\r\nb", false), "data: {\"x\":\"a\\u000d\\nb\"}\n\n");
    assert_eq!(item("b", true), "data: {\"x\":\"b\"}\n\nevent: done\ndata: {}\n\n");
    assert_eq!(text(call.ended(&servable)), "event: done\ndata: {}\n\n");
    let error = Error::Lost { stage: "s".into() };
    let failed = failure("UNAVAILABLE", "the worker that ran stage 's' was lost; it is being restarted, try again");
    assert_eq!(text(call.failed(&error)), format!("event: error\ndata: {failed}\n\n"));
}

#[test]
fn a_document_is_put_into_one_line() {
    let servable = echo(vec![document("x")]);
    let call = events(&servable, r#"{"x":1}"#);
    let item =
        call.item(&servable, &servable.methods[0], word("{\n  \"a\": \"b\\n\",\r\n  \"c\": 1\n}"), false).unwrap();
    assert_eq!(text(item), "data: {\"x\":{   \"a\": \"b\\n\",    \"c\": 1 }}\n\n");
}

#[test]
fn outputs_that_are_no_row_are_internal_errors() {
    let servable = echo(vec![port("x", DType::Str, Some(&[]))]);
    let (call, method) = (events(&servable, r#"{"x":"hej"}"#), &servable.methods[0]);
    let two = Tensor::variable(DType::Str, Shape::new([2]), vec![Bytes::new(); 2]).unwrap();
    for item in [vec![], vec![two], [word("a"), word("b")].concat()] {
        assert!(matches!(call.item(&servable, method, item, false), Err(Error::Internal { .. })));
    }
}

#[test]
fn a_stream_of_events_has_a_single_row() {
    let servable = echo(vec![port("x", None, None)]);
    for body in ["[]", r#"[{"x":1}]"#, r#" [{"x":1},{"x":2}]"#] {
        let address = Address::parse("echo").unwrap();
        let mut call = Call::parse(address, "", Bytes::from_static(body.as_bytes())).unwrap().into_events();
        let error = call.parts(&servable, &servable.methods[0]).unwrap_err();
        let wanted = "malformed body: an event stream answers a single row; send an object, not an array of them";
        assert_eq!(read(&call.refuse(&error)), (400, failure("INVALID_ARGUMENT", wanted)));
    }
}
