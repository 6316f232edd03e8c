//! What is refused, and in which words.

use std::net::TcpStream;

use bytes::Bytes;
use salver_front::services::local::Received;

use crate::caller::{framed, Caller};
use crate::served::{ok, served, served_with, wait_until};

fn status(code: &str, text: &str) -> (String, String) {
    (code.into(), text.into())
}

#[test]
fn unknown_methods_and_services_are_unimplemented() {
    let served = served();
    for path in ["/s.S/nothing", "/t.T/unary", "/s.S", "/"] {
        assert_eq!(Caller::ask(&served, path, b"").status(), status("12", "Method not found!"), "{path}");
    }
}

#[test]
fn other_http_methods_are_refused() {
    let served = served();
    for verb in [http::Method::GET, http::Method::PUT] {
        let reply = Caller::by(verb, &served, "/s.S/unary");
        assert_eq!((reply.status.as_u16(), &reply.headers["allow"]), (405, &"POST".parse().unwrap()));
    }
}

#[test]
fn a_method_that_takes_one_message_takes_no_less() {
    let served = served();
    let mut caller = Caller::begin(&served, "/s.S/unary");
    caller.close();
    assert_eq!(caller.status(), status("12", "the method takes exactly one message, but none was sent"));
    served.wait_until_idle();
}

#[test]
fn messages_have_a_largest_size() {
    let served = served_with(u64::MAX, |settings| settings.max_message_bytes = 100);
    let text = "Received message larger than max (101 vs. 100); --max-message-mib (of scripts grpc.max_receive_message_length) sets the limit";
    assert_eq!(Caller::ask(&served, "/s.S/unary", &[0; 101]).status(), status("8", text));
    let mut caller = Caller::begin(&served, "/s.S/both");
    let call = served.take();
    caller.send(&[0; 100]);
    assert!(matches!(call.receive(), Received::Message(_)));
    caller.send(&[0; 101]);
    assert_eq!(caller.status(), status("8", text));
    assert_eq!(call.receive(), Received::Over);
    call.abandon();
    served.wait_until_idle();
}

#[test]
fn broken_messages_end_the_call() {
    let served = served();
    let cases: [(&[u8], &str); 3] = [
        (b"\x07\0\0\0\0", "flag 7"),
        (b"\x01\0\0\0\x01a", "no grpc-encoding"),
        (b"\0\0\0\0\x05ab", "lacks 3 of its 5 bytes"),
    ];
    for method in ["/s.S/unary", "/s.S/in"] {
        for (bytes, reason) in cases {
            let mut caller = Caller::begin(&served, method);
            caller.send_raw(Bytes::from_static(bytes));
            caller.close();
            let (code, text) = caller.status();
            assert!(code == "3" && text.contains(reason), "{method}: {code} {text}");
        }
    }
    wait_until(|| served.queue.calls() == 0);
}

#[test]
fn calls_beyond_the_limit_are_refused() {
    let served = served_with(1, |_| {});
    let mut first = Caller::ask(&served, "/s.S/unary", b"");
    let call = served.take();
    let refused = status("8", "Concurrent RPC limit exceeded!");
    assert_eq!(Caller::ask(&served, "/s.S/unary", b"").status(), refused);
    call.finish(None, ok());
    assert_eq!(first.status().0, "0");
    served.wait_until_idle();
    let mut next = Caller::ask(&served, "/s.S/unary", b"");
    served.take().finish(None, ok());
    assert_eq!(next.status().0, "0");
}

#[test]
fn a_call_that_nobody_answers_is_answered() {
    let served = served();
    let mut caller = Caller::ask(&served, "/s.S/unary", b"");
    served.take().abandon();
    assert_eq!(caller.status(), status("2", "the handler of /s.S/unary was dropped without an answer"));
}

#[test]
fn a_queue_that_closes_refuses_what_waits_and_answers_what_was_taken() {
    let served = served();
    let mut taken = Caller::ask(&served, "/s.S/unary", b"");
    let call = served.take();
    let mut waiting = Caller::ask(&served, "/s.S/unary", b"");
    wait_until(|| served.queue.calls() == 2);
    served.queue.close();
    assert_eq!(waiting.status().0, "14");
    assert_eq!(Caller::ask(&served, "/s.S/unary", b"").status().0, "14");
    call.finish(None, ok());
    assert_eq!(taken.status().0, "0");
    served.wait_until_idle();
}

#[test]
fn a_server_that_drains_answers_what_it_has() {
    let served = served();
    let mut begun = Caller::begin(&served, "/s.S/both");
    let call = served.take();
    served.server.drain();
    assert_eq!(Caller::ask(&served, "/s.S/unary", b"").status().0, "14");
    begun.send(b"more");
    assert_eq!(call.receive(), Received::Message("more".into()));
    assert_eq!(served.server.calls_in_flight(), 1);
    call.finish(None, ok());
    assert_eq!(begun.status().0, "0");
    served.wait_until_idle();
}

#[test]
fn a_server_that_retires_refuses_no_call() {
    let served = served();
    let mut begun = Caller::begin(&served, "/s.S/both");
    let call = served.take();
    served.server.retire();
    begun.wait_until_told_to_go();
    wait_until(|| TcpStream::connect(&served.address).is_err());
    begun.send(b"more");
    assert_eq!(call.receive(), Received::Message("more".into()));
    call.finish(Some(("done".into(), true)), ok());
    assert_eq!(begun.next().unwrap(), "done");
    assert_eq!(begun.status().0, "0");
    served.wait_until_idle();
}

#[test]
fn a_server_that_stops_ends_its_calls() {
    let served = served();
    let mut caller = Caller::begin(&served, "/s.S/both");
    let call = served.take();
    served.server.stop();
    assert_eq!(caller.status().0, "14");
    assert_eq!(call.receive(), Received::Over);
}

#[test]
fn compression_that_is_not_known_is_unimplemented() {
    let served = served();
    let mut caller = Caller::begin_with(&served, "/s.S/unary", &[("grpc-encoding", "snappy")]);
    caller.send_raw(framed(1, b"x"));
    caller.close();
    let (code, text) = caller.status();
    assert!(code == "12" && text.contains("snappy"), "{code} {text}");
}
