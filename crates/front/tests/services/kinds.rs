//! The four kinds of methods.

use bytes::Bytes;
use salver_front::services::local::{Received, Sent};

use crate::caller::Caller;
use crate::served::{ok, served};

fn message(text: &'static str) -> Received {
    Received::Message(text.into())
}

#[test]
fn one_message_is_answered_by_one() {
    let served = served();
    let mut caller = Caller::ask(&served, "/s.S/unary", b"hello");
    let call = served.take();
    assert_eq!((&*call.method.path, call.receive(), call.receive()), ("/s.S/unary", message("hello"), Received::End));
    assert!(call.finish(Some(("world".into(), true)), ok()));
    assert_eq!(caller.next().unwrap(), "world");
    assert_eq!(caller.status(), ("0".into(), "".into()));
    served.wait_until_idle();
    assert_eq!(served.counted("unary", "OK").as_deref(), Some("1"));
}

#[test]
fn a_service_may_have_the_name_of_one_that_every_server_has() {
    let served = served();
    let mut caller = Caller::ask(&served, "/grpc.health.v1.Health/Check", b"");
    let call = served.take();
    call.finish(Some(("my own".into(), true)), ok());
    assert_eq!(caller.next().unwrap(), "my own");
    assert_eq!(caller.status().0, "0");
}

#[test]
fn empty_and_large_messages_are_messages() {
    let served = served();
    for size in [0, 1, 65_536, 5_000_000] {
        let sent = vec![7; size];
        let mut caller = Caller::ask(&served, "/s.S/unary", &sent);
        let call = served.take();
        let Received::Message(received) = call.receive() else { panic!("no message of {size} bytes") };
        call.finish(Some((received, true)), ok());
        assert_eq!(caller.next().unwrap(), sent);
        assert_eq!(caller.status().0, "0");
    }
    served.wait_until_idle();
}

#[test]
fn one_message_is_answered_by_many() {
    let served = served();
    let mut caller = Caller::ask(&served, "/s.S/out", b"");
    let call = served.take();
    for number in 0..100u8 {
        assert_eq!(call.send(Bytes::from(vec![number]), true), Sent::Sent);
        assert_eq!(caller.next().unwrap(), [number].as_slice());
    }
    call.finish(None, ok());
    assert_eq!(caller.status().0, "0");
}

#[test]
fn many_messages_are_answered_by_one() {
    let served = served();
    let mut caller = Caller::begin(&served, "/s.S/in");
    let call = served.take();
    assert_eq!(call.try_receive(), Received::Nothing);
    for number in 0..100u8 {
        caller.send(&[number]);
        assert_eq!(call.receive(), Received::Message(Bytes::from(vec![number])));
    }
    caller.close();
    assert_eq!(call.receive(), Received::End);
    call.finish(Some(("done".into(), true)), ok());
    assert_eq!(caller.next().unwrap(), "done");
    assert_eq!(caller.status().0, "0");
    served.wait_until_idle();
}

#[test]
fn messages_go_to_and_fro() {
    let served = served();
    let mut caller = Caller::begin(&served, "/s.S/both");
    let call = served.take();
    for _ in 0..100 {
        caller.send(b"ping");
        assert_eq!(call.receive(), message("ping"));
        call.send("pong".into(), true);
        assert_eq!(caller.next().unwrap(), "pong");
    }
    caller.close();
    assert_eq!(call.receive(), Received::End);
    // The caller has said all; the handler has not.
    call.send("bye".into(), true);
    call.finish(None, ok());
    assert_eq!(caller.next().unwrap(), "bye");
    assert_eq!(caller.status().0, "0");
    served.wait_until_idle();
}

#[test]
fn a_handler_may_end_a_call_whose_caller_goes_on() {
    let served = served();
    let mut caller = Caller::begin(&served, "/s.S/both");
    let call = served.take();
    caller.send(b"first");
    assert_eq!(call.receive(), message("first"));
    call.finish(None, ok());
    assert_eq!(caller.status().0, "0");
    assert_eq!((call.receive(), call.send("late".into(), true)), (Received::Over, Sent::Over));
    assert!(!call.finish(None, ok()), "a call ends once");
    served.wait_until_idle();
}

#[test]
fn what_was_sent_before_the_end_arrives_before_it() {
    let served = served();
    let mut caller = Caller::ask(&served, "/s.S/out", b"");
    let call = served.take();
    for number in 0..50u8 {
        call.try_send(Bytes::from(vec![number]), true);
    }
    call.finish(Some(("last".into(), true)), ok());
    for number in 0..50u8 {
        assert_eq!(caller.next().unwrap(), [number].as_slice());
    }
    assert_eq!(caller.next().unwrap(), "last");
    assert_eq!(caller.status().0, "0");
}
