//! Strangers who begin and do not go on: what they hold is little, and none of it is others'.

use std::io::{Read, Write};
use std::net::TcpStream;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{Ping, PingPong, RecvStream, SendStream};
use http::{Method as Verb, Request};
use salver_front::services::{Backend, Method, Services};
use salver_front::{Absent, State};

use crate::caller::Caller;
use crate::client::{connect, connect_with, wait, PATIENCE};
use crate::served::{ok, served_with, wait_until, Served};

/// One connection that says no more than the test does.
struct Stranger {
    client: SendRequest<Bytes>,
    pings: PingPong,
    begun: Vec<SendStream<Bytes>>,
    /// What it has not read, and not left either.
    unread: Vec<RecvStream>,
}

impl Stranger {
    fn new(served: &Served) -> Stranger {
        let (client, pings) = connect(served.address.clone());
        Stranger { client, pings, begun: Vec::new(), unread: Vec::new() }
    }

    /// One that takes nothing of any reply.
    fn deaf(served: &Served) -> Stranger {
        let (client, pings) = connect_with(served.address.clone(), |builder| {
            builder.initial_window_size(0);
        });
        Stranger { client, pings, begun: Vec::new(), unread: Vec::new() }
    }

    /// Begins a request, and waits until the server has seen that.
    fn begin(&mut self, path: &str, kind: &str, first: &'static [u8]) {
        let mut client = wait(self.client.clone().ready()).unwrap();
        let request = Request::post(format!("http://x{path}")).header("content-type", kind);
        let (_, mut stream) = client.send_request(request.body(()).unwrap(), false).unwrap();
        if !first.is_empty() {
            stream.send_data(Bytes::from_static(first), false).unwrap();
        }
        self.begun.push(stream);
        wait(self.pings.ping(Ping::opaque())).unwrap();
    }

    fn status(&mut self, verb: Verb, path: &str) -> u16 {
        let mut client = wait(self.client.clone().ready()).unwrap();
        let request = Request::builder().method(verb).uri(format!("http://x{path}")).body(()).unwrap();
        let (head, body) = wait(client.send_request(request, true).unwrap().0).unwrap().into_parts();
        self.unread.push(body);
        head.status.as_u16()
    }
}

fn is_answered(served: &Served) {
    let mut caller = Caller::ask(served, "/s.S/unary", b"");
    served.take().finish(Some(("there".into(), true)), ok());
    assert_eq!(caller.next().unwrap(), "there");
}

#[test]
fn requests_that_never_come_keep_no_other_out() {
    let cases: [(&str, &str, &[u8]); 10] = [
        ("/s.S/unary", "application/grpc", b""),
        ("/s.S/unary", "application/grpc", b"\0\0\0\0\x05half"),
        ("/s.S/unary", "application/grpc-web", b""),
        ("/s.S/unary", "application/proto", b""),
        ("/inference.GRPCInferenceService/ModelInfer", "application/grpc", b""),
        ("/inference.GRPCInferenceService/ModelStreamInfer", "application/grpc", b"\0\0\0\0\x05half"),
        ("/v2/models/m/infer", "application/json", b"{"),
        ("/v1/models/m:predict", "application/json", b""),
        ("/model/m:f", "application/json", b""),
        ("/servables/m", "application/json", b""),
    ];
    for (path, kind, first) in cases {
        let served = served_with(u64::MAX, |settings| settings.max_calls = 3);
        let mut stranger = Stranger::new(&served);
        (0..10).for_each(|_| stranger.begin(path, kind, first));
        wait_until(|| served.server.calls_in_flight() == 10);
        is_answered(&served);
        drop(stranger);
        served.wait_until_idle();
    }
}

#[test]
fn what_requests_hold_that_never_come_is_bounded() {
    let served = served_with(u64::MAX, |settings| settings.max_bytes_in_flight = 40_000);
    let mut stranger = Stranger::new(&served);
    (0..50).for_each(|_| stranger.begin("/s.S/unary", "application/grpc", b""));
    wait_until(|| served.server.calls_in_flight() == 9);
    drop(stranger);
    served.wait_until_idle();
    is_answered(&served);
}

#[test]
fn a_request_that_has_begun_is_waited_for_by_who_drains() {
    let served = served_with(u64::MAX, |_| {});
    let mut caller = Caller::begin(&served, "/s.S/unary");
    caller.ping();
    wait_until(|| served.server.calls_in_flight() == 1);
    served.server.drain();
    assert_eq!(Caller::begin(&served, "/s.S/unary").status().0, "14");
    caller.send(b"late");
    caller.close();
    served.take().finish(None, ok());
    assert_eq!(caller.status().0, "0");
    served.wait_until_idle();
}

#[test]
fn health_requests_that_never_come_keep_no_probe_out() {
    let served = served_with(u64::MAX, |settings| settings.max_streams = 2000);
    let local = Backend::Local(served.queue.clone());
    served.server.serve_services(Services::new([Method::new("/s.S/unary", false, false, local)], None));
    let mut stranger = Stranger::new(&served);
    (0..1100).for_each(|_| stranger.begin("/grpc.health.v1.Health/Check", "application/grpc", b""));
    let mut probe = Caller::ask(&served, "/grpc.health.v1.Health/Check", b"");
    assert_eq!(probe.next().unwrap(), &b"\x08\x01"[..]);
}

#[test]
fn pages_that_nobody_reads_are_bounded_and_take_no_room_from_replies() {
    let served = served_with(u64::MAX, |settings| settings.max_bytes_in_flight = 400_000);
    let absent =
        Absent { servable: "m".into(), version: 1, state: State::End, wanted: true, problem: "no".repeat(30_000) };
    served.server.publish(Default::default(), vec![absent]);
    let pages = [(Verb::GET, "/servables"), (Verb::POST, "/v2/repository/index"), (Verb::GET, "/v1/models")];
    for (verb, path) in pages {
        let mut deaf = Stranger::deaf(&served);
        assert_eq!(deaf.status(verb.clone(), path), 200, "{path}");
        assert_eq!(deaf.status(verb.clone(), path), 429, "{path}");
        let mut caller = Caller::ask(&served, "/s.S/unary", b"");
        served.take().finish(Some((vec![0; 300_000].into(), true)), ok());
        assert_eq!(caller.next().unwrap().len(), 300_000);
        drop((deaf, caller));
        // There is room again once the server has seen that.
        wait_until(|| Stranger::new(&served).status(verb.clone(), path) == 200);
    }
}

#[test]
fn connections_are_bounded() {
    let served = served_with(u64::MAX, |settings| settings.max_connections = 2);
    let connected = || {
        let socket = TcpStream::connect(&served.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    };
    let mut stranger = Stranger::new(&served);
    assert_eq!(stranger.status(Verb::GET, "/v2/health/live"), 200);
    let _silent = connected();
    let mut third = connected();
    assert!(matches!(third.read(&mut [0]), Ok(0) | Err(_)), "it is let in");
    assert_eq!(stranger.status(Verb::GET, "/v2/health/live"), 200);
    drop(stranger);
    // Its place is free once the server has seen that.
    wait_until(|| {
        let mut socket = connected();
        write!(socket, "GET /v2/health/live HTTP/1.1\r\nhost: x\r\n\r\n").is_ok()
            && socket.read(&mut [0]).is_ok_and(|read| read == 1)
    });
}
