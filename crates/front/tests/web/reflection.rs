//! Streams of reflection: how long they may last, and what they hold.

use bytes::Bytes;
use prost::Message;
use salver_wire::reflection::messages::{Asked, Request, Response, Told};

use crate::caller::Caller;
use crate::served::{served, served_with, Served};

const PATHS: [&str; 2] = [
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

fn list() -> Vec<u8> {
    Request { host: String::new(), asked: Some(Asked::ListServices("*".into())) }.encode_to_vec()
}

fn names(reply: Bytes) -> Vec<String> {
    match Response::decode(reply).unwrap().told {
        Some(Told::Services(services)) => services.service.into_iter().map(|service| service.name).collect(),
        told => panic!("{told:?}"),
    }
}

fn begin(served: &Served) -> Caller {
    let mut caller = Caller::begin(served, PATHS[0]);
    caller.send(&list());
    caller.next().unwrap();
    caller
}

#[test]
fn requests_are_answered_one_after_the_other_in_both_versions() {
    let served = served();
    for path in PATHS {
        let mut caller = Caller::begin(&served, path);
        for _ in 0..3 {
            caller.send(&list());
            let names = names(caller.next().unwrap());
            assert!(names.contains(&"s.S".to_string()) && names.contains(&"grpc.health.v1.Health".to_string()));
        }
        caller.close();
        assert_eq!(caller.status(), ("0".into(), "".into()));
    }
}

#[test]
fn an_open_stream_is_no_call_in_flight() {
    let served = served();
    let _caller = begin(&served);
    served.wait_until_idle();
}

#[test]
fn a_server_that_drains_still_answers_and_one_that_stops_ends_the_stream() {
    let served = served();
    let mut caller = begin(&served);
    served.server.drain();
    caller.send(&list());
    assert!(caller.next().is_some());
    let stop = std::thread::spawn(move || served.server.stop());
    assert_eq!(caller.status().0, "14");
    stop.join().unwrap();
}

#[test]
fn a_stream_without_requests_is_ended() {
    let served = served_with(u64::MAX, |settings| settings.keep_alive_ms = 300);
    let mut caller = begin(&served);
    let (status, message) = caller.status();
    assert_eq!(status, "14");
    assert!(message.contains("no request came for 3 s"), "{message}");
}

#[test]
fn who_leaves_takes_the_stream_along() {
    let served = served();
    let mut caller = begin(&served);
    caller.reset();
    served.wait_until_idle();
    begin(&served);
}
