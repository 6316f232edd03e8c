//! Callers who leave, in every state of a call, and deadlines.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use salver_front::services::local::{Call, Received, Sent};

use crate::caller::Caller;
use crate::served::{ok, served, wait_until, Served};

fn wait_until_left(call: &Arc<Call>) {
    wait_until(|| !call.is_active());
}

fn cancelled(served: &Served, method: &str) {
    served.wait_until_idle();
    wait_until(|| served.counted(method, "CANCELLED").as_deref() == Some("1"));
}

#[test]
fn who_leaves_while_the_call_waits_is_never_answered() {
    let served = served();
    let mut first = Caller::ask(&served, "/s.S/unary", b"left");
    wait_until(|| served.queue.calls() == 1);
    first.reset();
    cancelled(&served, "unary");
    let _second = Caller::ask(&served, "/s.S/unary", b"stayed");
    assert_eq!(served.take().receive(), Received::Message("stayed".into()));
}

#[test]
fn a_handler_that_waits_for_messages_learns_that_the_caller_has_left() {
    let served = served();
    let mut caller = Caller::begin(&served, "/s.S/in");
    let call = served.take();
    let waiting = std::thread::spawn({
        let call = Arc::clone(&call);
        move || call.receive()
    });
    caller.reset();
    assert_eq!(waiting.join().unwrap(), Received::Over);
    assert_eq!((call.send("x".into(), true), call.finish(None, ok())), (Sent::Over, false));
    cancelled(&served, "in");
}

#[test]
fn a_handler_that_waits_for_room_learns_that_the_caller_has_left() {
    let served = served();
    let mut caller = Caller::ask(&served, "/s.S/out", b"");
    let call = served.take();
    let sending = std::thread::spawn({
        let call = Arc::clone(&call);
        move || while call.send(vec![0; 100_000].into(), true) == Sent::Sent {}
    });
    assert_eq!(caller.next().unwrap().len(), 100_000);
    caller.reset();
    sending.join().unwrap();
    call.abandon();
    cancelled(&served, "out");
}

#[test]
fn a_lost_connection_is_a_caller_who_has_left() {
    let served = served();
    let caller = Caller::begin(&served, "/s.S/both");
    let call = served.take();
    drop(caller);
    wait_until_left(&call);
    call.abandon();
    cancelled(&served, "both");
}

#[test]
fn a_call_keeps_its_place_until_its_handler_is_done() {
    let served = served();
    let mut caller = Caller::begin(&served, "/s.S/both");
    let call = served.take();
    caller.reset();
    wait_until_left(&call);
    assert_eq!((served.queue.calls(), served.server.calls_in_flight()), (1, 1));
    assert!(!call.finish(None, ok()));
    served.wait_until_idle();
}

#[test]
fn the_server_itself_answers_a_deadline() {
    let served = served();
    let mut caller = Caller::begin_with(&served, "/s.S/both", &[("grpc-timeout", "50m")]);
    let call = served.take();
    assert!(call.deadline.is_some());
    // The handler does nothing.
    assert_eq!(caller.status(), ("4".into(), "Deadline Exceeded".into()));
    assert_eq!(call.receive(), Received::Over);
    call.abandon();
    served.wait_until_idle();
    assert_eq!(served.counted("both", "DEADLINE_EXCEEDED").as_deref(), Some("1"));
}

#[test]
fn a_deadline_that_passes_while_the_call_waits_is_answered_too() {
    let served = served();
    let mut caller = Caller::begin_with(&served, "/s.S/both", &[("grpc-timeout", "1m")]);
    assert_eq!(caller.status().0, "4");
    served.wait_until_idle();
}

#[test]
fn endings_are_run_by_whoever_ends_the_call() {
    let served = served();
    let ran = || {
        let flag = Arc::new(AtomicBool::new(false));
        let set = Arc::clone(&flag);
        (flag, Box::new(move || set.store(true, Ordering::Release)))
    };
    let mut caller = Caller::ask(&served, "/s.S/unary", b"");
    let call = served.take();
    let (finished, ending) = ran();
    assert!(call.on_end(ending).is_ok());
    call.finish(None, ok());
    assert!(finished.load(Ordering::Acquire));
    assert!(call.on_end(ran().1).is_err(), "it is over already");
    caller.end();

    let mut caller = Caller::begin(&served, "/s.S/both");
    let call = served.take();
    let (left, ending) = ran();
    assert!(call.on_end(ending).is_ok());
    caller.reset();
    // Network threads run none of it.
    served.queue.endings().unwrap().into_iter().for_each(|ending| ending());
    assert!(left.load(Ordering::Acquire));

    // Those of calls that end after the queue has closed are run as well; then there are none to wait for.
    let mut caller = Caller::begin(&served, "/s.S/both");
    let late = served.take();
    let (ended, ending) = ran();
    assert!(late.on_end(ending).is_ok());
    served.queue.close();
    call.abandon();
    caller.reset();
    served.queue.endings().unwrap().into_iter().for_each(|ending| ending());
    assert!(ended.load(Ordering::Acquire));
    let handler = std::thread::spawn(move || late.abandon());
    assert!(served.queue.endings().is_none());
    handler.join().unwrap();
}
