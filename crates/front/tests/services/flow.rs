//! Back-pressure, both ways.

use std::sync::Arc;

use bytes::Bytes;
use salver_front::services::local::{Received, Sent};

use crate::caller::{framed, Caller};
use crate::served::{ok, served};

const MESSAGE: usize = 10_000;
const MANY: usize = 64 << 20;
/// Far more round trips than it takes to fill whatever there is.
const ROUND_TRIPS: usize = 30;

#[test]
fn a_caller_who_does_not_read_stops_the_handler() {
    let served = served();
    let mut caller = Caller::ask(&served, "/s.S/out", b"");
    let call = served.take();
    let (mut sent, mut idle) = (0, 0);
    while idle < ROUND_TRIPS {
        match call.try_send(Bytes::from(vec![0; MESSAGE]), true) {
            Sent::Sent => (sent, idle) = (sent + 1, 0),
            Sent::Full => {
                caller.ping();
                idle += 1;
            }
            Sent::Over => panic!("the call is over"),
        }
        assert!(sent * MESSAGE < MANY, "nothing stops the handler");
    }
    let waiting = std::thread::spawn({
        let call = Arc::clone(&call);
        move || {
            assert_eq!(call.send("one more".into(), true), Sent::Sent);
            call.finish(None, ok());
        }
    });
    for _ in 0..sent {
        assert_eq!(caller.next().unwrap().len(), MESSAGE);
    }
    assert_eq!(caller.next().unwrap(), "one more");
    assert_eq!(caller.status().0, "0");
    waiting.join().unwrap();
    served.wait_until_idle();
}

#[test]
fn a_handler_that_does_not_read_stops_the_caller() {
    let served = served();
    let mut caller = Caller::begin(&served, "/s.S/in");
    let call = served.take();
    let message = framed(0, &[0; MESSAGE]);
    let (mut sent, mut idle) = (0, 0);
    while idle < ROUND_TRIPS {
        if caller.room(message.len()) >= message.len() {
            caller.send_raw(message.clone());
            (sent, idle) = (sent + 1, 0);
        } else {
            idle += 1;
        }
        assert!(sent * MESSAGE < MANY, "nothing stops the caller");
    }
    for _ in 0..sent {
        assert!(matches!(call.receive(), Received::Message(_)));
    }
    caller.send(b"one more");
    caller.close();
    assert_eq!((call.receive(), call.receive()), (Received::Message("one more".into()), Received::End));
    call.finish(None, ok());
    assert_eq!(caller.status().0, "0");
    served.wait_until_idle();
}

#[test]
fn one_slow_call_does_not_hold_back_another() {
    let served = served();
    let mut slow = Caller::ask(&served, "/s.S/out", b"");
    let call = served.take();
    while call.try_send(Bytes::from(vec![0; MESSAGE]), true) != Sent::Full {}
    let mut quick = Caller::ask(&served, "/s.S/unary", b"");
    served.take().finish(Some(("quick".into(), true)), ok());
    assert_eq!(quick.next().unwrap(), "quick");
    slow.reset();
    call.abandon();
}
