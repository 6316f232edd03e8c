//! Triton's generate extension.

use salver_core::Error;

use crate::lane::{texts, words};
use crate::served::{served, Answer};

fn told(word: &str) -> String {
    format!("data: {{\"model_name\":\"story.tell\",\"model_version\":\"1\",\"y\":\"{word}\"}}\n\n")
}

#[test]
fn a_sequence_is_told_by_events() {
    let served = served();
    let socket = served.send("/v2/models/story.tell/versions/1/generate_stream", "", r#"{"x": "once"}"#);
    let batch = served.lane.take();
    assert_eq!(texts(&batch), ["once"]);
    served.lane.item(&batch, "upon");
    let mut answer = Answer::read(socket);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/event-stream")));
    assert_eq!(answer.chunk(), told("upon"));
    served.lane.item(&batch, "a time");
    assert_eq!(answer.chunk(), told("a time"));
    served.lane.finish(&batch, Err(Error::Lost { stage: "tell".into() }));
    let lost = "the worker that ran stage 'tell' was lost; it is being restarted, try again";
    assert_eq!(answer.rest(), format!("data: {{\"error\":\"{lost}\"}}\n\n"));
    served.wait_until_idle();
}

#[test]
fn the_first_of_an_answer_tells_the_status() {
    let served = served();
    let socket = served.send("/v2/models/story.tell/generate_stream", "", r#"{"x": "once"}"#);
    let batch = served.lane.take();
    served.lane.finish(&batch, Err(Error::Lost { stage: "tell".into() }));
    let answer = Answer::read(socket);
    assert_eq!((answer.status, answer.header("content-type")), (503, Some("application/json")));
    assert!(answer.text().contains("the worker that ran stage 'tell' was lost"));
    let answer = served.post("/v2/models/story.tell/generate_stream", "", "{}");
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("missing required input 'x' for model 'story.tell'"));
    served.wait_until_idle();
}

#[test]
fn a_client_that_leaves_before_the_first_word_cancels_its_call() {
    let served = served();
    let socket = served.send("/v2/models/story.tell/generate_stream", "", r#"{"x": "once"}"#);
    let batch = served.lane.take();
    drop(socket);
    served.lane.wait_until_left(&batch);
    served.wait_until_idle();
}

#[test]
fn a_single_answer_is_an_object() {
    let served = served();
    let socket = served.send("/v2/models/story.echo/generate", "", r#"{"x": "once"}"#);
    let batch = served.lane.take();
    served.lane.finish(&batch, Ok(words(&["upon"])));
    let wanted = r#"{"model_name":"story.echo","model_version":"1","y":"upon"}"#;
    assert_eq!(Answer::read(socket).text(), wanted);
    assert_eq!(served.post("/v2/models/story.tell/generate", "", r#"{"x": "once"}"#).status, 501);
}
