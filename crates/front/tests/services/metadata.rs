//! Metadata, statuses and their texts.

use http::HeaderMap;
use salver_core::Code;
use salver_front::services::{add_metadata, metadata, Status, Value};

use crate::caller::Caller;
use crate::served::{ok, served};

fn headers(pairs: &[(&str, Value)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    pairs.iter().for_each(|(key, value)| add_metadata(&mut headers, key, value).unwrap());
    headers
}

#[test]
fn a_handler_sees_what_the_caller_says_and_not_what_grpc_does() {
    let served = served();
    let given = [
        ("salver-caller-bin", "e30"),
        ("user-agent", "me"),
        ("k", "v"),
        ("k", "w"),
        ("b-bin", "AP8"),
        ("p-bin", "AP8="),
        ("grpc-timeout", "9S"),
    ];
    let _caller = Caller::begin_with(&served, "/s.S/both", &given);
    let call = served.take();
    let text = |key: &str, value: &str| (key.to_string(), Value::Text(value.into()));
    let bytes = |key: &str| (key.to_string(), Value::Bytes(vec![0, 255]));
    let seen = metadata(&call.headers);
    assert_eq!(seen, [text("user-agent", "me"), text("k", "v"), text("k", "w"), bytes("b-bin"), bytes("p-bin")]);
    assert!(call.peer.address.to_string().starts_with("ipv4:127.0.0.1:"));
}

#[test]
fn metadata_comes_first_and_last() {
    let served = served();
    let mut caller = Caller::ask(&served, "/s.S/out", b"");
    let call = served.take();
    let first = headers(&[("a", Value::Text("b".into())), ("c-bin", Value::Bytes(vec![0, 1]))]);
    assert!(call.send_metadata(first, None).unwrap());
    // It is sent at once, not with the first message.
    let head = caller.head();
    assert_eq!((&head["a"], &head["c-bin"]), (&"b".parse().unwrap(), &"AAE".parse().unwrap()));
    assert!(call.send_metadata(HeaderMap::new(), None).is_err());
    call.send("message".into(), true);
    let trailers = headers(&[("grpc-status-details-bin", Value::Bytes(vec![8, 7])), ("x", Value::Text("y".into()))]);
    call.finish(None, Status { trailers, ..ok() });
    assert_eq!(caller.next().unwrap(), "message");
    let (status, _, trailers) = caller.end();
    assert_eq!((status.as_str(), &trailers["x"]), ("0", &"y".parse().unwrap()));
    assert_eq!(trailers["grpc-status-details-bin"], "CAc");
}

#[test]
fn a_reply_says_nothing_that_nobody_said() {
    let served = served();
    let mut caller = Caller::ask(&served, "/s.S/unary", b"");
    served.take().finish(Some(("x".into(), true)), ok());
    let names: Vec<String> = caller.head().keys().map(|name| name.to_string()).collect();
    assert_eq!(names, ["content-type", "grpc-accept-encoding"]);
}

#[test]
fn texts_of_errors_are_whole_whatever_they_hold() {
    let served = served();
    let cases = [("a\nb%c \u{e9}", "a%0Ab%25c %C3%A9"), ("\t[\u{1f600}]\r", "%09[%F0%9F%98%80]%0D"), ("", "")];
    for (said, written) in cases {
        let mut caller = Caller::ask(&served, "/s.S/unary", b"");
        served.take().finish(None, Status::new(Code::NotFound, said));
        assert_eq!(caller.status(), ("5".into(), written.into()));
    }
    assert_eq!(served.counted("unary", "NOT_FOUND").as_deref(), Some("3"));
}

#[test]
fn metadata_that_cannot_be_sent_is_refused_with_the_reason() {
    let text = |text: &str| Value::Text(text.into());
    let cases = [
        ("Key", text("v"), "lower-case"),
        ("k k", text("v"), "lower-case"),
        ("grpc-thing", text("v"), "gRPC's own"),
        ("content-type", text("v"), "gRPC's own"),
        ("k", text("caf\u{e9}"), "printable ASCII"),
        ("k", Value::Bytes(vec![255]), "printable ASCII"),
    ];
    for (key, value, reason) in cases {
        let error = add_metadata(&mut HeaderMap::new(), key, &value).unwrap_err();
        assert!(error.contains(reason), "{key}: {error}");
    }
}
