//! Services that worker processes answer. Here these are servers of the test's own.

use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use salver_core::Code;
use salver_front::services::local::{Received, Sent};
use salver_front::services::workers::Workers;
use salver_front::services::{add_metadata, metadata, Backend, Encoding, Method, Services, Status, Value};

use crate::caller::Caller;
use crate::served::{ok, served, served_behind, served_with, wait_until, Served};

pub fn socket() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("salver-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    std::env::temp_dir().join(name)
}

/// A server that asks some workers, and those.
pub struct Team {
    pub front: Served,
    pub table: Arc<Workers>,
    pub workers: Vec<(PathBuf, Served)>,
}

pub fn team(count: usize) -> Team {
    team_behind(served(), count)
}

fn team_behind(front: Served, count: usize) -> Team {
    let table = Arc::new(Workers::default());
    let methods = [("unary", false, false), ("in", true, false), ("both", true, true), ("out", false, true)];
    let asked = || Backend::Workers(Arc::clone(&table));
    let methods = methods.map(|(name, ins, outs)| Method::new(format!("/s.S/{name}"), ins, outs, asked()));
    front.server.serve_services(Services::new(methods, None));
    let workers = (0..count).map(|_| {
        let (path, worker) = (socket(), served_behind());
        worker.server.listen(&format!("unix:{}", path.display()), None).unwrap();
        table.add(&path);
        (path, worker)
    });
    let workers = workers.collect();
    Team { front, table, workers }
}

impl Team {
    pub fn idle(&self) {
        self.front.wait_until_idle();
        self.workers.iter().for_each(|(_, worker)| worker.wait_until_idle());
    }
}

/// Answers a call that a worker has.
pub fn answer(worker: &Served, text: &'static str) {
    worker.take().finish(Some((text.into(), true)), ok());
}

#[test]
fn calls_go_to_a_worker_and_back() {
    let team = team(1);
    let worker = &team.workers[0].1;
    let mut caller = Caller::ask(&team.front, "/s.S/unary", &[7; 100_000]);
    let call = worker.take();
    assert_eq!((&*call.method.path, call.receive()), ("/s.S/unary", Received::Message(vec![7; 100_000].into())));
    call.finish(Some((vec![8; 100_000].into(), true)), ok());
    assert_eq!(caller.next().unwrap(), vec![8; 100_000]);
    assert_eq!(caller.status().0, "0");

    let mut caller = Caller::begin(&team.front, "/s.S/both");
    let call = worker.take();
    for _ in 0..50 {
        caller.send(b"ping");
        assert_eq!(call.receive(), Received::Message("ping".into()));
        call.send("pong".into(), true);
        assert_eq!(caller.next().unwrap(), "pong");
    }
    caller.close();
    assert_eq!(call.receive(), Received::End);
    call.finish(None, ok());
    assert_eq!(caller.status().0, "0");
    team.idle();
    assert_eq!(team.front.counted("both", "OK").as_deref(), Some("1"));
}

#[test]
fn metadata_deadline_and_status_pass_through() {
    let team = team(1);
    let given = [("k", "v"), ("b-bin", "AP8"), ("grpc-timeout", "9S")];
    let mut caller = Caller::begin_with(&team.front, "/s.S/both", &given);
    let call = team.workers[0].1.take();
    let seen = metadata(&call.headers);
    assert!(seen.contains(&("k".into(), Value::Text("v".into()))), "{seen:?}");
    assert!(seen.contains(&("b-bin".into(), Value::Bytes(vec![0, 255]))), "{seen:?}");
    assert!(call.deadline.is_some());
    assert!(!seen.iter().any(|(key, _)| key.starts_with("salver")), "{seen:?}");
    // The worker believes its server, and nobody else.
    assert!(call.caller().address.starts_with("ipv4:127.0.0.1:"), "{:?}", call.caller());
    let mut headers = HeaderMap::new();
    add_metadata(&mut headers, "h-bin", &Value::Bytes(vec![1])).unwrap();
    call.send_metadata(headers.clone(), None).unwrap();
    assert_eq!(caller.head()["h-bin"], "AQ");
    call.finish(None, Status { trailers: headers, ..Status::new(Code::NotFound, "50% of \u{e9}\n") });
    let (code, text, trailers) = caller.end();
    assert_eq!((code.as_str(), text.as_str(), &trailers["h-bin"]), ("5", "50%25 of %C3%A9%0A", &"AQ".parse().unwrap()));

    let mut caller = Caller::ask(&team.front, "/s.S/unary", b"");
    team.workers[0].1.take().finish(None, Status::new(Code::Internal, "at once"));
    assert_eq!(caller.status(), ("13".into(), "at once".into()));
    team.idle();
}

#[test]
fn compressed_replies_pass_through() {
    let team = team(1);
    let mut caller = Caller::begin_with(&team.front, "/s.S/both", &[("grpc-accept-encoding", "gzip")]);
    let call = team.workers[0].1.take();
    call.send_metadata(HeaderMap::new(), Some(Encoding::Gzip)).unwrap();
    call.finish(Some((vec![7; 5000].into(), true)), ok());
    assert_eq!(caller.head()["grpc-encoding"], "gzip");
    let (flag, message) = caller.next_flagged().unwrap();
    assert!(flag == 1 && message.len() < 5000);
    assert_eq!(caller.status().0, "0");
}

#[test]
fn a_large_reply_of_a_worker_counts_until_it_is_sent() {
    let team = team(1);
    let (worker, front) = (&team.workers[0].1, &team.front.server);
    let mut caller = Caller::ask(&team.front, "/s.S/unary", b"");
    worker.take().finish(Some((vec![0; 300_000].into(), true)), ok());
    worker.wait_until_idle();
    wait_until(|| front.calls_in_flight() == 1);
    for _ in 0..10 {
        caller.ping();
        assert_eq!(front.calls_in_flight(), 1);
    }
    assert_eq!(caller.next().unwrap().len(), 300_000);
    assert_eq!(caller.status().0, "0");
    team.idle();
}

#[test]
fn workers_take_turns_when_nothing_else_tells_them_apart() {
    let team = team(3);
    for turn in 0..6 {
        let mut caller = Caller::ask(&team.front, "/s.S/unary", b"");
        answer(&team.workers[turn % 3].1, "x");
        assert_eq!(caller.next(), Some("x".into()));
        team.idle();
    }
}

#[test]
fn a_worker_that_hangs_loses_its_calls_and_gets_no_more_while_others_are_there() {
    let team = team_behind(served_with(u64::MAX, |settings| settings.keep_alive_ms = 20), 1);
    // Whoever connects is let in by the system, and hears nothing.
    let deaf = socket();
    let _listener = UnixListener::bind(&deaf).unwrap();
    team.table.add(&deaf);
    let kept = Caller::begin(&team.front, "/s.S/both");
    let _held = team.workers[0].1.take();
    let mut caller = Caller::ask(&team.front, "/s.S/unary", b"");
    assert_eq!(caller.status().0, "14");
    for _ in 0..3 {
        let mut caller = Caller::ask(&team.front, "/s.S/unary", b"");
        answer(&team.workers[0].1, "x");
        assert_eq!(caller.next(), Some("x".into()));
    }
    assert!(team.table.sockets().contains(&deaf));
    drop(kept);
    std::fs::remove_file(&deaf).unwrap();
}

#[test]
fn callers_whose_messages_nobody_takes_keep_no_other_waiting() {
    let team = team(1);
    let worker = &team.workers[0].1;
    let idle: Vec<_> = (0..80)
        .map(|_| {
            let mut caller = Caller::begin(&team.front, "/s.S/in");
            caller.send(&[7; 250_000]);
            (caller, worker.take())
        })
        .collect();
    let mut caller = Caller::ask(&team.front, "/s.S/unary", &[8; 100_000]);
    let call = worker.take();
    assert_eq!(call.receive(), Received::Message(vec![8; 100_000].into()));
    call.finish(Some(("x".into(), true)), ok());
    assert_eq!(caller.next(), Some("x".into()));
    drop(idle);
}

#[test]
fn who_leaves_leaves_the_worker_too() {
    let team = team(1);
    let mut caller = Caller::begin(&team.front, "/s.S/both");
    let call = team.workers[0].1.take();
    caller.reset();
    assert_eq!(call.receive(), Received::Over);
    call.abandon();
    team.idle();
}

#[test]
fn who_does_not_read_stops_the_worker() {
    let team = team(1);
    let mut caller = Caller::ask(&team.front, "/s.S/out", b"");
    let call = team.workers[0].1.take();
    let (mut sent, mut idle) = (0, 0);
    while idle < 50 {
        match call.try_send(Bytes::from(vec![0; 10_000]), true) {
            Sent::Sent => (sent, idle) = (sent + 1, 0),
            Sent::Full => {
                caller.ping();
                idle += 1;
            }
            Sent::Over => panic!("the call is over"),
        }
        assert!(sent < 6_000, "nothing stops the worker");
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            call.send("one more".into(), true);
            call.finish(None, ok());
        });
        for _ in 0..sent {
            assert_eq!(caller.next().unwrap().len(), 10_000);
        }
        assert_eq!(caller.next().unwrap(), "one more");
        assert_eq!(caller.status().0, "0");
    });
    team.idle();
}

#[test]
fn the_worker_with_the_fewest_calls_is_asked() {
    let team = team(3);
    let mut callers: Vec<Caller> = (0..6).map(|_| Caller::ask(&team.front, "/s.S/unary", b"")).collect();
    // Each has two, whichever came first.
    wait_until(|| team.workers.iter().all(|(_, worker)| worker.queue.calls() == 2));
    for (_, worker) in &team.workers {
        answer(worker, "one");
        answer(worker, "two");
    }
    for caller in &mut callers {
        assert!(caller.next().is_some());
        assert_eq!(caller.status().0, "0");
    }
    team.idle();
}

#[test]
fn replies_of_workers_are_bounded_by_memory_and_not_by_what_requests_may_be() {
    let team = team_behind(served_with(u64::MAX, |settings| settings.max_message_bytes = 1000), 1);
    let mut caller = Caller::ask(&team.front, "/s.S/unary", b"");
    team.workers[0].1.take().finish(Some((vec![7; 200_000].into(), true)), ok());
    assert_eq!(caller.next().unwrap(), vec![7; 200_000]);
    assert_eq!(caller.status().0, "0");
    team.idle();

    let team = team_behind(served_with(u64::MAX, |settings| settings.max_bytes_in_flight = 100_000), 1);
    let mut caller = Caller::ask(&team.front, "/s.S/unary", b"");
    team.workers[0].1.take().finish(Some((vec![7; 200_000].into(), true)), ok());
    let (code, text) = caller.status();
    assert!(code == "8" && text.contains("100000"), "{code} {text}");
    team.idle();
}

#[test]
fn a_worker_that_stops_finishes_what_it_has() {
    let team = team(2);
    let (path, worker) = &team.workers[0];
    team.table.remove(&team.workers[1].0);
    let mut caller = Caller::begin(&team.front, "/s.S/both");
    let call = worker.take();
    team.table.add(&team.workers[1].0);
    team.table.remove(path);
    let mut other = Caller::ask(&team.front, "/s.S/unary", b"");
    answer(&team.workers[1].1, "other");
    assert_eq!(other.next().unwrap(), "other");
    caller.send(b"more");
    assert_eq!(call.receive(), Received::Message("more".into()));
    call.finish(Some(("done".into(), true)), ok());
    assert_eq!(caller.next().unwrap(), "done");
    assert_eq!(caller.status().0, "0");
    team.idle();
}

#[test]
fn messages_that_cannot_be_read_end_the_call_in_the_same_words() {
    let team = team(1);
    let mut caller = Caller::begin(&team.front, "/s.S/both");
    let call = team.workers[0].1.take();
    caller.send_raw(Bytes::from_static(b"\x07\0\0\0\0"));
    let (code, text) = caller.status();
    assert!(code == "3" && text.contains("flag 7"), "{code} {text}");
    assert_eq!(call.receive(), Received::Over);
    call.abandon();
    team.idle();
}

#[test]
fn slow_callers_of_talkative_handlers_do_not_cost_others_the_worker() {
    let team = team(1);
    let worker = &team.workers[0].1;
    let mut slow: Vec<Caller> = (0..20).map(|_| Caller::ask(&team.front, "/s.S/out", b"")).collect();
    let calls: Vec<_> = slow.iter().map(|_| worker.take()).collect();
    for call in &calls {
        // One by one, so that each is a piece of its own on its way.
        let mut idle = 0;
        for _ in 0..50_000 {
            match call.try_send("t".into(), true) {
                Sent::Sent => idle = 0,
                Sent::Full if idle == 200 => break,
                Sent::Full => {
                    idle += 1;
                    slow[0].ping();
                }
                Sent::Over => panic!("the call is over"),
            }
        }
    }
    let mut other = Caller::ask(&team.front, "/s.S/unary", b"");
    answer(worker, "served");
    assert_eq!(other.next().unwrap(), "served");
    slow.iter_mut().for_each(Caller::reset);
    calls.iter().for_each(|call| call.abandon());
    team.idle();
}
