//! What running sequences hold, and when they give it back.

use std::sync::Arc;
use std::time::Instant;

use crate::lane::{words, PATIENCE};
use crate::served::{served, served_with};

#[test]
fn a_client_that_leaves_cancels_its_call() {
    let served = served();
    let mut answer = served.events("tell", r#"{"x": "once"}"#);
    let batch = served.lane.take();
    served.lane.item(&batch, "upon");
    answer.chunk();
    drop(answer);
    served.lane.wait_until_left(&batch);
    served.wait_until_idle();
    let line = r#"salver_calls_total{servable="story",version="1",method="tell",protocol="json",code="CANCELLED"}"#;
    assert_eq!(served.metric(line).as_deref(), Some("1"));
}

#[test]
fn who_reads_makes_room_for_more() {
    let served = served();
    let mut answer = served.events("tell", r#"{"x": "once"}"#);
    let batch = served.lane.take();
    for item in 0..64 {
        served.lane.item(&batch, &item.to_string());
    }
    for item in 0..64 {
        assert_eq!(answer.chunk(), format!("data: {{\"y\":\"{item}\"}}\n\n"));
    }
    served.lane.wait_for_credit(&batch, 64);
    assert!(!served.lane.was_told());
}

#[test]
fn who_does_not_read_makes_no_room() {
    let served = served_with(|settings| settings.max_bytes_in_flight = 1 << 30);
    let answer = served.events("tell", r#"{"x": "once"}"#);
    let batch = served.lane.take();
    // More than any socket takes in.
    let page = "word ".repeat(200_000);
    for _ in 0..64 {
        served.lane.item(&batch, &page);
    }
    // Another connection of the same thread is answered after them.
    let other = served.post("/servables/story/echo", "", "");
    assert_eq!(other.status, 400);
    let mut given = 0;
    while served.lane.was_told() {
        given += 16;
    }
    assert!(given < 64, "{given} items were taken for sent");
    assert!(served.server.calls_in_flight() > 1, "its items count as replies on their way");
    drop(answer);
    served.wait_until_idle();
}

#[test]
fn who_does_not_read_for_too_long_loses_the_call() {
    let served = served_with(|settings| settings.reply_timeout_ms = 50);
    let answer = served.events("tell", r#"{"x": "once"}"#);
    let batch = served.lane.take();
    // More than any socket takes in.
    let page = "word ".repeat(100_000);
    for _ in 0..20 {
        served.lane.item(&batch, &page);
    }
    served.lane.wait_until_left(&batch);
    served.wait_until_idle();
    assert!(!answer.until_cut().contains("event: done"));
    let line = r#"salver_calls_total{servable="story",version="1",method="tell",protocol="json",code="CANCELLED"}"#;
    assert_eq!(served.metric(line).as_deref(), Some("1"));
}

#[test]
fn a_sequence_that_takes_longer_than_its_reader_may_goes_on() {
    let served = served_with(|settings| settings.reply_timeout_ms = 1);
    let mut answer = served.events("tell", r#"{"x": "once"}"#);
    let batch = served.lane.take();
    for item in 0..200 {
        served.lane.item(&batch, &item.to_string());
        assert_eq!(answer.chunk(), format!("data: {{\"y\":\"{item}\"}}\n\n"));
        // Another connection is made and ended meanwhile.
        assert_eq!(served.post("/servables/story/echo", "", "").status, 400);
    }
    served.lane.end(&batch);
    assert_eq!(answer.rest(), "event: done\ndata: {}\n\n");
}

#[test]
fn nothing_is_left_of_a_sequence_that_has_ended() {
    let served = served();
    let before = Arc::strong_count(&served.version);
    let mut answer = served.events("tell", r#"{"x": "once"}"#);
    let batch = served.lane.take();
    served.lane.end(&batch);
    answer.rest();
    served.wait_until_idle();
    let until = Instant::now() + PATIENCE;
    while Arc::strong_count(&served.version) > before {
        assert!(Instant::now() < until, "somebody keeps the version");
        std::thread::yield_now();
    }
}

#[test]
fn items_that_there_is_no_memory_for_end_the_call() {
    let served = served_with(|settings| settings.max_bytes_in_flight = 100_000);
    let mut answer = served.events("tell", r#"{"x": "once"}"#);
    let batch = served.lane.take();
    served.lane.item(&batch, "upon");
    served.lane.item(&batch, &"word ".repeat(100_000));
    assert_eq!(answer.chunk(), "data: {\"y\":\"upon\"}\n\n");
    let rest = answer.rest();
    assert!(rest.starts_with("event: error\ndata: {\"error\":{\"code\":\"RESOURCE_EXHAUSTED\""), "{rest}");
    served.lane.wait_until_left(&batch);
    served.wait_until_idle();
}

#[test]
fn a_sequence_is_a_call_in_flight_until_its_end() {
    let served = served();
    let mut answer = served.events("tell", r#"{"x": "once"}"#);
    let batch = served.lane.take();
    served.lane.item(&batch, "upon");
    answer.chunk();
    served.server.drain();
    assert_eq!(served.server.calls_in_flight(), 1);
    assert_eq!(served.events("tell", r#"{"x": "twice"}"#).status, 503);
    served.lane.item(&batch, "a time");
    assert_eq!(answer.chunk(), "data: {\"y\":\"a time\"}\n\n");
    served.lane.end(&batch);
    answer.rest();
    served.wait_until_idle();
}

#[test]
fn a_sequence_is_metered_once_when_it_ends() {
    let served = served();
    let line = r#"salver_calls_total{servable="story",version="1",method="tell",protocol="json",code="OK"}"#;
    let mut answer = served.events("tell", r#"{"x": "once"}"#);
    let batch = served.lane.take();
    served.lane.item(&batch, "upon");
    answer.chunk();
    assert_eq!(served.metric(line).as_deref(), Some("0"));
    served.lane.finish(&batch, Ok(words(&["a time"])));
    answer.rest();
    served.wait_until_idle();
    assert_eq!(served.metric(line).as_deref(), Some("1"));
    let labels = r#"{servable="story",version="1",method="tell",protocol="json"}"#;
    assert_eq!(served.metric(&format!("salver_call_time_seconds_count{labels}")).as_deref(), Some("1"));
    let sent = "data: {\"y\":\"upon\"}\n\ndata: {\"y\":\"a time\"}\n\nevent: done\ndata: {}\n\n".len().to_string();
    assert_eq!(served.metric(&format!("salver_sent_bytes_total{labels}")), Some(sent));
}
