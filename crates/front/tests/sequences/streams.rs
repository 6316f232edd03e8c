//! `ModelStreamInfer`: requests that come with time, and their answers.

use bytes::Bytes;
use salver_core::Error;

use crate::lane::{texts, words};
use crate::served::{served, served_with};
use crate::talk::{framed, request, said, yes, Talk};

fn told(id: &str, text: &str, is_final: bool) -> (String, Result<Vec<String>, String>, bool) {
    (id.into(), Ok(vec![text.into()]), is_final)
}

fn refused(id: &str, text: &str) -> (String, Result<Vec<String>, String>, bool) {
    (id.into(), Err(text.into()), true)
}

#[test]
fn a_sequence_is_told_message_by_message() {
    let served = served();
    let mut talk = Talk::begin(&served);
    talk.ask("tell", "7", &["once"]);
    let batch = served.lane.take();
    assert_eq!(texts(&batch), ["once"]);
    for item in ["upon", "a time"] {
        served.lane.item(&batch, item);
        assert_eq!(said(talk.reply()), told("7", item, false));
    }
    served.lane.end(&batch);
    talk.close();
    assert_eq!(talk.end(), ("0".into(), "".into()));
    served.wait_until_idle();
}

#[test]
fn a_response_names_who_answered() {
    let served = served();
    let mut talk = Talk::begin(&served);
    talk.ask("echo", "7", &["once", "twice"]);
    let batch = served.lane.take();
    served.lane.finish(&batch, Ok(words(&["one", "two"])));
    let response = talk.reply().infer_response.unwrap();
    assert_eq!((response.model_name.as_str(), response.model_version.as_str()), ("story.echo", "1"));
    assert_eq!((response.outputs[0].name.as_str(), &response.outputs[0].shape), ("y", &vec![2]));
}

#[test]
fn who_asks_for_it_is_told_the_end_of_a_sequence() {
    let served = served();
    let mut talk = Talk::begin(&served);
    let mut asked = request("tell", "7", &["once"]);
    asked.parameters.insert("triton_enable_empty_final_response".into(), yes());
    talk.send(framed(&asked));
    let batch = served.lane.take();
    served.lane.item(&batch, "upon");
    served.lane.end(&batch);
    assert_eq!(said(talk.reply()), told("7", "upon", false));
    assert_eq!(said(talk.reply()), ("7".into(), Ok(vec![]), true));
}

#[test]
fn sequences_come_side_by_side() {
    let served = served();
    let mut talk = Talk::begin(&served);
    talk.ask("tell", "1", &["one"]);
    let first = served.lane.take();
    talk.ask("tell", "2", &["two"]);
    let second = served.lane.take();
    for (batch, id, text) in [(&second, "2", "a"), (&first, "1", "b"), (&second, "2", "c")] {
        served.lane.item(batch, text);
        assert_eq!(said(talk.reply()), told(id, text, false));
    }
    served.lane.finish(&second, Ok(words(&["d"])));
    assert_eq!(said(talk.reply()), told("2", "d", true));
    served.lane.end(&first);
}

#[test]
fn other_methods_answer_in_the_order_of_their_requests() {
    let served = served();
    let mut talk = Talk::begin(&served);
    talk.ask("echo", "1", &["one"]);
    let slow = served.lane.take();
    talk.ask("echo", "2", &["two", "three"]);
    let quick = served.lane.take();
    talk.ask("sing", "3", &["la"]);
    served.lane.finish(&quick, Ok(words(&["2", "3"])));
    served.lane.finish(&slow, Ok(words(&["1"])));
    assert_eq!(said(talk.reply()), told("1", "1", true));
    assert_eq!(said(talk.reply()), ("2".into(), Ok(vec!["2".into(), "3".into()]), true));
    let unknown = "Request for unknown model: 'story.sing' is not found; 'story' has no method 'sing'";
    assert_eq!(said(talk.reply()), refused("3", unknown));
}

#[test]
fn errors_are_messages_and_the_stream_goes_on() {
    let served = served();
    let mut talk = Talk::begin(&served);
    talk.ask("tell", "1", &["one", "two"]);
    assert_eq!(said(talk.reply()), refused("1", "a sequence answers a single row, but 2 were sent"));
    talk.send(Bytes::from_static(b"\0\0\0\0\x01\x0a"));
    let broken = "malformed ModelInferRequest: it ends within a number";
    assert_eq!(said(talk.reply()), refused("", broken));
    talk.ask("tell", "2", &["once"]);
    let batch = served.lane.take();
    served.lane.item(&batch, "upon");
    served.lane.finish(&batch, Err(Error::Lost { stage: "tell".into() }));
    assert_eq!(said(talk.reply()), told("2", "upon", false));
    let lost = "the worker that ran stage 'tell' was lost; it is being restarted, try again";
    assert_eq!(said(talk.reply()), refused("2", lost));
    talk.close();
    assert_eq!(talk.end(), ("0".into(), "".into()));
}

#[test]
fn requests_are_read_however_they_are_cut() {
    let served = served();
    let mut talk = Talk::begin(&served);
    let both = [framed(&request("echo", "1", &["one"])), framed(&request("echo", "2", &["two"]))].concat();
    let (start, end) = both.split_at(both.len() / 2 + 3);
    for piece in start.chunks(1).chain([end]) {
        talk.send(Bytes::copy_from_slice(piece));
    }
    let mut heard = Vec::new();
    while heard.len() < 2 {
        let batch = served.lane.take();
        let heard_now = texts(&batch);
        let echo: Vec<&str> = heard_now.iter().map(String::as_str).collect();
        served.lane.finish(&batch, Ok(words(&echo)));
        heard.extend(heard_now);
    }
    assert_eq!(said(talk.reply()), told("1", "one", true));
    assert_eq!(said(talk.reply()), told("2", "two", true));
}

#[test]
fn streams_that_are_no_messages_end_with_a_status() {
    let served = served();
    let cases: [(&[u8], &str, &str); 3] = [
        (b"\0\0\0", "3", "malformed gRPC request: it ended before its message did"),
        (b"\0\0\0\0\x05abc", "3", "malformed gRPC request: its message lacks 2 of its 5 bytes"),
        (
            b"\0\x7f\0\0\0",
            "8",
            "Received message larger than max (2130706432 vs. 1048576); --max-message-mib (of scripts grpc.max_receive_message_length) sets the limit",
        ),
    ];
    for (bytes, status, text) in cases {
        let mut talk = Talk::begin(&served);
        talk.send(Bytes::from_static(bytes));
        talk.close();
        assert_eq!(talk.end(), (status.into(), text.into()));
    }
    served.wait_until_idle();
}

#[test]
fn a_client_that_leaves_cancels_all_its_calls() {
    let served = served();
    let mut talk = Talk::begin(&served);
    talk.ask("tell", "1", &["one"]);
    let batch = served.lane.take();
    served.lane.item(&batch, "a");
    talk.reply();
    drop(talk);
    served.lane.wait_until_left(&batch);
    served.wait_until_idle();
}

#[test]
fn the_time_of_a_stream_is_that_of_its_calls() {
    let served = served();
    let mut talk = Talk::begin_with(&served, &[("grpc-timeout", "500m")]);
    talk.ask("tell", "1", &["one"]);
    let batch = served.lane.take();
    assert!(batch.deadline.is_some());
    assert_eq!(talk.end(), ("4".into(), "the call's deadline passed before it was answered".into()));
    served.lane.wait_until_left(&batch);
    let line = r#"salver_calls_total{servable="story",version="1",method="tell",protocol="kserve-grpc",code="DEADLINE_EXCEEDED"}"#;
    assert_eq!(served.metric(line).as_deref(), Some("1"));
}

#[test]
fn a_call_that_there_is_no_room_for_is_refused_by_itself() {
    let served = served_with(|settings| settings.max_calls = 1);
    let mut talk = Talk::begin(&served);
    talk.ask("tell", "1", &["one"]);
    let batch = served.lane.take();
    talk.ask("tell", "2", &["two"]);
    let busy = "Exceeds maximum queue size: the server is at its limit of 1 calls in flight; try again later, or raise --max-calls";
    assert_eq!(said(talk.reply()), refused("", busy));
    served.lane.finish(&batch, Ok(words(&["a"])));
    assert_eq!(said(talk.reply()), told("1", "a", true));
    talk.ask("tell", "3", &["three"]);
    let batch = served.lane.take();
    served.lane.finish(&batch, Ok(words(&["b"])));
    assert_eq!(said(talk.reply()), told("3", "b", true));
}

#[test]
fn no_more_is_read_than_there_is_room_for() {
    let served = served_with(|settings| settings.max_streams = 2);
    let mut talk = Talk::begin(&served);
    for id in ["1", "2", "3"] {
        talk.ask("tell", id, &[id]);
    }
    let (first, second) = (served.lane.take(), served.lane.take());
    served.lane.item(&first, "a");
    talk.reply();
    assert_eq!(served.version.in_flight(), 2);
    // It ends without a message.
    served.lane.end(&second);
    assert_eq!(texts(&served.lane.take()), ["3"]);
}

/// More than the window of a client, and than is taken ahead of it.
fn pages() -> String {
    "word ".repeat(200_000)
}

#[test]
fn calls_that_are_answered_keep_nobody_out_although_nobody_reads() {
    let served = served_with(|settings| settings.max_calls = 3);
    let mut talk = Talk::begin(&served);
    let ask = |id| {
        talk.ask("echo", id, &[id]);
        served.lane.take()
    };
    let batches = ["1", "2", "3"].map(ask);
    for batch in &batches {
        served.lane.finish(batch, Ok(words(&[&pages()])));
    }
    let mut other = Talk::begin(&served);
    other.ask("tell", "4", &["once"]);
    let batch = served.lane.take();
    served.lane.finish(&batch, Ok(words(&["upon"])));
    assert_eq!(said(other.reply()), told("4", "upon", true));
    for id in ["1", "2", "3"] {
        assert_eq!(said(talk.reply()), told(id, &pages(), true));
    }
}

#[test]
fn a_stream_that_nobody_reads_is_given_up_with_all_its_calls() {
    let served = served_with(|settings| settings.reply_timeout_ms = 50);
    let mut talk = Talk::begin(&served);
    talk.ask("tell", "1", &["once"]);
    let told = served.lane.take();
    talk.ask("echo", "2", &["two"]);
    let batch = served.lane.take();
    served.lane.finish(&batch, Ok(words(&[&pages()])));
    served.lane.wait_until_left(&told);
    served.wait_until_idle();
}

#[test]
fn a_stream_whose_requests_take_their_time_goes_on() {
    let served = served_with(|settings| settings.reply_timeout_ms = 1);
    let mut talk = Talk::begin(&served);
    for round in 0..100 {
        let id = round.to_string();
        talk.ask("tell", &id, &["once"]);
        let batch = served.lane.take();
        served.lane.item(&batch, "upon");
        assert_eq!(said(talk.reply()), told(&id, "upon", false));
        assert_eq!(served.post("/servables/story/echo", "", "").status, 400);
        served.lane.end(&batch);
    }
    talk.close();
    assert_eq!(talk.end(), ("0".into(), "".into()));
}

#[test]
fn a_server_that_stops_ends_streams_on_which_nothing_runs() {
    let served = served();
    let mut talk = Talk::begin(&served);
    talk.ask("echo", "1", &["one"]);
    let batch = served.lane.take();
    served.server.drain();
    served.lane.finish(&batch, Ok(words(&["a"])));
    assert_eq!(said(talk.reply()), told("1", "a", true));
    talk.ask("echo", "2", &["two"]);
    let draining = "GRPC server is shutting down and has stopped accepting new requests.";
    assert_eq!(said(talk.reply()), refused("", draining));
    served.wait_until_idle();
    std::thread::scope(|scope| {
        scope.spawn(|| served.server.stop());
        assert_eq!(talk.end(), ("14".into(), draining.into()));
    });
}
