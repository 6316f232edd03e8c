//! Plain JSON answered by server-sent events.

use salver_core::{Error, Fault};

use crate::lane::{texts, words};
use crate::served::served;

const DONE: &str = "event: done\ndata: {}\n\n";

#[test]
fn items_are_told_as_they_come() {
    let served = served();
    let mut answer = served.events("tell", r#"{"x": "once"}"#);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/event-stream")));
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    let batch = served.lane.take();
    assert_eq!(texts(&batch), ["once"]);
    for (item, wanted) in [("upon", r#""upon""#), ("a\n\"time\"", r#""a\n\"time\"""#)] {
        served.lane.item(&batch, item);
        assert_eq!(answer.chunk(), format!("data: {{\"y\":{wanted}}}\n\n"));
    }
    served.lane.end(&batch);
    assert_eq!(answer.rest(), DONE);
    served.wait_until_idle();
}

#[test]
fn an_item_may_be_the_last_one() {
    let served = served();
    let mut answer = served.events("tell", r#"{"x": "once"}"#);
    let batch = served.lane.take();
    served.lane.finish(&batch, Ok(words(&["the end"])));
    assert_eq!(answer.rest(), format!("data: {{\"y\":\"the end\"}}\n\n{DONE}"));
}

#[test]
fn a_method_without_a_sequence_is_a_sequence_of_one() {
    let served = served();
    let mut answer = served.events("echo", r#"{"x": "hej"}"#);
    let batch = served.lane.take();
    served.lane.finish(&batch, Ok(words(&["hej"])));
    assert_eq!(answer.rest(), format!("data: {{\"y\":\"hej\"}}\n\n{DONE}"));
}

#[test]
fn an_error_ends_the_events() {
    let served = served();
    let mut answer = served.events("tell", r#"{"x": "once"}"#);
    let batch = served.lane.take();
    served.lane.item(&batch, "upon");
    let (what, method) = ("Function 'story.tell'".into(), "tell".into());
    let error = Error::Author { fault: Fault::Raised, what, method, index: 1, message: "no more paper".into() };
    served.lane.finish(&batch, Err(error));
    let message = "Function 'story.tell', stage 1 of method 'tell', failed: no more paper";
    assert_eq!(
        answer.rest(),
        format!(
            "data: {{\"y\":\"upon\"}}\n\nevent: error\ndata: {{\"error\":{{\"code\":\"INTERNAL\",\"message\":\"{message}\"}}}}\n\n"
        )
    );
    served.wait_until_idle();
}

#[test]
fn what_is_wrong_with_a_request_is_told_before_the_first_event() {
    let served = served();
    let array = "malformed body: an event stream answers a single row; send an object, not an array of them";
    let cases = [
        ("story/tell", r#"[{"x": "once"}]"#, 400, array),
        ("story/tell", r#"{"y": 1}"#, 400, "servable 'story' has no input 'y'; it takes 'x'"),
        ("story/sing", "{}", 404, "servable 'story' has no method 'sing'; GET /servables lists its methods"),
        ("poem", "{}", 404, "there is no servable 'poem'; GET /servables lists what is served"),
    ];
    for (path, body, status, message) in cases {
        let answer = served.post(&format!("/servables/{path}"), "accept: text/event-stream\r\n", body);
        assert_eq!((answer.status, answer.header("content-type")), (status, Some("application/json")), "{body}");
        let text = answer.text();
        assert!(text.contains(message), "{text}");
    }
    served.wait_until_idle();
}

#[test]
fn who_cannot_take_a_sequence_is_told_how_to() {
    let served = served();
    let answer = served.post("/servables/story/tell", "", r#"{"x": "once"}"#);
    let wanted =
        "method 'tell' of servable 'story' answers with a sequence, which this request cannot take; send plain \
                  JSON with the header 'Accept: text/event-stream', or use ModelStreamInfer of KServe V2";
    assert_eq!(answer.status, 501);
    assert_eq!(answer.text(), format!(r#"{{"error":{{"code":"UNIMPLEMENTED","message":"{wanted}"}}}}"#));
    let body = r#"{"inputs": [{"name": "x", "shape": [1], "datatype": "BYTES", "data": ["once"]}]}"#;
    let answer = served.post("/v2/models/story.tell/infer", "", body);
    assert_eq!(answer.status, 501);
    assert_eq!(answer.text(), format!(r#"{{"error":"{wanted}"}}"#));
}

#[test]
fn events_are_not_compressed() {
    let served = served();
    let headers = "accept: text/event-stream\r\naccept-encoding: gzip\r\n";
    let mut answer = served.post("/servables/story/tell", headers, r#"{"x": "once"}"#);
    assert_eq!(answer.header("content-encoding"), None);
    let batch = served.lane.take();
    let long = "word ".repeat(1000);
    served.lane.item(&batch, &long);
    assert_eq!(answer.chunk(), format!("data: {{\"y\":\"{long}\"}}\n\n"));
    served.lane.end(&batch);
    assert_eq!(answer.rest(), DONE);
}
