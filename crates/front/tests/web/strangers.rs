//! Callers who stop half-way, send too slowly, or leave.

use std::time::Duration;

use salver_front::services::local::Sent;

use crate::caller::framed;
use crate::http1::Post;
use crate::served::{served, served_with, wait_until};

const KINDS: [&str; 4] =
    ["application/grpc-web", "application/grpc-web-text", "application/proto", "application/connect+proto"];

#[test]
fn who_leaves_before_the_end_of_a_message_asks_for_nothing() {
    let served = served();
    for kind in KINDS {
        let path = if kind.contains("connect") { "/s.S/out" } else { "/s.S/unary" };
        let mut post = Post::begin(&served, path, kind, &["content-length: 1000"]);
        post.bytes(b"AAAAAAAA");
        drop(post);
    }
    served.wait_until_idle();
    assert_eq!(served.queue.calls(), 0);
}

#[test]
fn who_leaves_before_the_answer_cancels_the_call() {
    let served = served();
    for (kind, body) in [("application/grpc-web", &framed(0, b"")[..]), ("application/proto", b"")] {
        let post = Post::send(&served, "/s.S/unary", kind, &[], body);
        let call = served.take();
        drop(post);
        wait_until(|| !call.is_active());
    }
    for kind in ["application/grpc-web", "application/connect+proto"] {
        let post = Post::send(&served, "/s.S/out", kind, &[], &framed(0, b""));
        let call = served.take();
        let sending = std::thread::spawn(move || {
            while call.send(vec![0; 100_000].into(), false) == Sent::Sent {}
            call.abandon();
        });
        drop(post);
        sending.join().unwrap();
    }
    served.wait_until_idle();
}

#[test]
fn a_body_that_stops_arriving_is_given_up() {
    let served = served_with(u64::MAX, |settings| settings.header_timeout_ms = 500);
    let stopped = "it stopped arriving";
    let mut post = Post::begin(&served, "/s.S/unary", "application/grpc-web", &["content-length: 1000"]);
    post.bytes(b"\0\0\0\x03\xdfabc");
    let answer = post.answer();
    assert_eq!(answer.header("grpc-status"), Some("3"));
    assert!(answer.header("grpc-message").unwrap().contains(stopped), "{:?}", answer.headers);
    let mut post = Post::begin(&served, "/s.S/unary", "application/proto", &["content-length: 1000"]);
    post.bytes(b"abc");
    let answer = post.answer();
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains(stopped), "{}", answer.text());
    served.wait_until_idle();
}

#[test]
fn a_body_that_comes_after_the_deadline_is_not_waited_for() {
    let served = served();
    for (kind, timeout) in
        [("application/grpc-web", "grpc-timeout: 100m"), ("application/proto", "connect-timeout-ms: 100")]
    {
        let post = Post::begin(&served, "/s.S/unary", kind, &["content-length: 1000", timeout]);
        let answer = post.answer();
        match kind {
            "application/proto" => {
                assert_eq!((answer.status, answer.text().contains("deadline_exceeded")), (504, true))
            }
            _ => assert_eq!(answer.header("grpc-status"), Some("4")),
        }
    }
    served.wait_until_idle();
}

#[test]
fn what_is_too_large_is_refused_before_it_has_come() {
    let served = served_with(u64::MAX, |settings| settings.max_message_bytes = 1000);
    let large = vec![0; 100_000];
    let answer = Post::send(&served, "/s.S/unary", "application/proto", &[], &large).answer();
    assert_eq!((answer.status, answer.text().contains("resource_exhausted")), (429, true));
    let answer = Post::send(&served, "/s.S/unary", "application/grpc-web", &[], &framed(0, &large)).answer();
    assert_eq!(answer.header("grpc-status"), Some("8"));
    served.wait_until_idle();
}

#[test]
fn a_server_that_is_full_refuses_in_every_protocol() {
    let served = served_with(u64::MAX, |settings| settings.max_calls = 1);
    let _kept = Post::send(&served, "/s.S/unary", "application/proto", &[], b"");
    let _call = served.take();
    let answer = Post::send(&served, "/s.S/unary", "application/proto", &[], b"").answer();
    assert_eq!((answer.status, answer.text().contains("resource_exhausted")), (429, true));
    let answer = Post::send(&served, "/s.S/unary", "application/grpc-web", &[], &framed(0, b"")).answer();
    assert_eq!(answer.header("grpc-status"), Some("8"));
    // Streams begin with 200 always, and end with why.
    let answer = Post::send(&served, "/s.S/out", "application/connect+proto", &[], &framed(0, b"")).answer();
    assert_eq!(answer.status, 200);
    assert!(String::from_utf8_lossy(&answer.body[5..]).contains("resource_exhausted"));
}

#[test]
fn json_needs_a_description_and_says_so() {
    let served = served();
    let version = "connect-protocol-version: 1";
    let answer = Post::send(&served, "/s.S/unary", "application/json", &[version], b"{}").answer();
    assert_eq!(answer.status, 501);
    assert!(answer.text().contains("send application/proto"), "{}", answer.text());
    served.wait_until_idle();
}

#[test]
fn draining_refuses_what_is_new() {
    let served = served();
    served.server.drain();
    let answer = Post::send(&served, "/s.S/unary", "application/proto", &[], b"").answer();
    assert_eq!((answer.status, answer.text().contains("unavailable")), (503, true));
    assert!(served.queue.wait(Some(Duration::ZERO)) || served.queue.calls() == 0);
}
