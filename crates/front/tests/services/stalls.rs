//! Replies that nobody reads, and frames that never end: what they hold is given back in time.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use h2::Reason;
use salver_front::services::local::{Call, Sent};
use salver_front::Settings;

use crate::caller::Caller;
use crate::floods::{connect, frame, headers_of, others_are_served, HEADERS, SETTINGS, WINDOW_UPDATE};
use crate::served::{ok, served_with, wait_until, Served};

/// More than any window, or any socket, takes in.
const LARGE: usize = 9 << 20;

fn impatient() -> Served {
    served_with(u64::MAX, |settings| {
        settings.reply_timeout_ms = 50;
        // Nothing else ends a connection.
        settings.keep_alive_ms = 3_600_000;
    })
}

/// Sends until nobody is there to read it.
fn tell_for_ever(call: &Arc<Call>) {
    while call.send(vec![0; 100_000].into(), true) == Sent::Sent {}
    call.abandon();
}

#[test]
fn large_replies_that_nobody_reads_are_given_up() {
    let served = impatient();
    let mut callers: Vec<Caller> = (0..10).map(|_| Caller::ask(&served, "/s.S/unary", b"")).collect();
    for _ in &callers {
        served.take().finish(Some((vec![0; LARGE].into(), true)), ok());
    }
    // All of them together are as much as may be on its way.
    served.wait_until_idle();
    for caller in &mut callers {
        assert_eq!(caller.broken(), Some(Reason::CANCEL));
    }
    others_are_served(&served);
}

#[test]
fn a_large_reply_that_is_read_comes_whole() {
    let served = impatient();
    let mut caller = Caller::ask(&served, "/s.S/unary", b"");
    let said: Vec<u8> = (0..LARGE).map(|at| (at / 1000) as u8).collect();
    served.take().finish(Some((said.clone().into(), true)), ok());
    assert!(caller.next().unwrap() == said);
    assert_eq!(caller.status().0, "0");
    served.wait_until_idle();
}

#[test]
fn a_handler_whose_caller_does_not_read_is_told() {
    let served = impatient();
    let mut caller = Caller::ask(&served, "/s.S/out", b"");
    tell_for_ever(&served.take());
    served.wait_until_idle();
    assert_eq!(caller.broken(), Some(Reason::CANCEL));
    wait_until(|| served.counted("out", "CANCELLED").as_deref() == Some("1"));
}

#[test]
fn a_deadline_ends_a_reply_also_when_nobody_reads_it() {
    let served = served_with(u64::MAX, |_| {});
    let _caller = Caller::begin_with(&served, "/s.S/both", &[("grpc-timeout", "100m")]);
    tell_for_ever(&served.take());
    wait_until(|| served.counted("both", "DEADLINE_EXCEEDED").as_deref() == Some("1"));
    served.wait_until_idle();
}

/// A caller who leaves room for everything and takes nothing from its socket.
#[test]
fn whoever_leaves_its_socket_unread_is_cut_off() {
    let served = impatient();
    let mut socket = connect(&served);
    socket.write_all(&frame(SETTINGS, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff])).unwrap();
    socket.write_all(&frame(WINDOW_UPDATE, 0, 0, &0x7000_0000u32.to_be_bytes())).unwrap();
    socket.write_all(&headers_of("/s.S/both", 1, 4)).unwrap();
    tell_for_ever(&served.take());
    served.wait_until_idle();
    others_are_served(&served);
}

#[test]
fn whoever_leaves_its_socket_unread_over_http1_is_cut_off() {
    let served = impatient();
    let mut socket = TcpStream::connect(&served.address).unwrap();
    let head = "POST /s.S/unary HTTP/1.1\r\nhost: x\r\ncontent-type: application/grpc-web\r\n";
    socket.write_all(format!("{head}content-length: 5\r\n\r\n\0\0\0\0\0").as_bytes()).unwrap();
    served.take().finish(Some((vec![0; LARGE].into(), true)), ok());
    served.wait_until_idle();
    others_are_served(&served);
}

fn hasty(change: impl FnOnce(&mut Settings)) -> Served {
    served_with(u64::MAX, |settings| {
        settings.header_timeout_ms = 50;
        change(settings);
    })
}

/// Reads to the end of a connection.
fn wait_until_closed(mut socket: TcpStream) {
    let mut said = Vec::new();
    match socket.read_to_end(&mut said) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}"),
    }
}

#[test]
fn frames_and_headers_that_never_end_close_their_connection() {
    let whole = headers_of("/s.S/in", 1, 4);
    let unfinished = [
        ("half a frame of headers", whole[..whole.len() / 2].to_vec()),
        ("headers that go on", headers_of("/s.S/in", 1, 0)),
        ("part of a frame's head", vec![0, 0]),
        ("half a frame of data", [&whole[..], &[0, 0, 100, 0, 0, 0, 0, 0, 1, 7]].concat()),
    ];
    for (what, bytes) in unfinished {
        let served = hasty(|_| {});
        let mut socket = connect(&served);
        socket.write_all(&bytes).unwrap();
        println!("{what}");
        wait_until_closed(socket);
    }
}

#[test]
fn a_connection_that_says_nothing_between_its_frames_stays() {
    let served = hasty(|_| {});
    let mut caller = Caller::begin(&served, "/s.S/in");
    let call = served.take();
    // Somebody else takes too long meanwhile.
    let mut other = connect(&served);
    other.write_all(&frame(HEADERS, 0, 1, &[])).unwrap();
    wait_until_closed(other);
    caller.ping();
    call.finish(None, ok());
    assert_eq!(caller.status().0, "0");
}
