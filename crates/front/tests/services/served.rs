//! A server with one service, whose calls the test takes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use salver_core::Code;
use salver_front::services::local::{Call, Queue, Taken};
use salver_front::services::{Backend, Method, Services, Status};
use salver_front::{Server, Settings};

use crate::client::PATIENCE;

pub struct Served {
    pub server: Server,
    pub address: String,
    pub queue: Arc<Queue>,
}

pub fn served() -> Served {
    served_with(u64::MAX, |_| {})
}

/// One that is a worker of another.
pub fn served_behind() -> Served {
    served_by(Queue::behind_front(u64::MAX), |settings| settings.behind_front = true)
}

/// `limit` calls at most.
pub fn served_with(limit: u64, change: impl FnOnce(&mut Settings)) -> Served {
    served_by(Queue::new(limit), change)
}

fn served_by(queue: Arc<Queue>, change: impl FnOnce(&mut Settings)) -> Served {
    let mut settings = serde_json::from_str(
        r#"{"max_message_bytes": 10000000, "max_header_bytes": 16384, "max_streams": 100, "max_connections": 1000, "max_calls": 100,
            "max_bytes_in_flight": 100000000, "header_timeout_ms": 10000, "keep_alive_ms": 30000,
            "reply_timeout_ms": 60000, "network_threads": 1}"#,
    )
    .unwrap();
    change(&mut settings);
    let server = Server::start(settings).unwrap();
    let local = || Backend::Local(Arc::clone(&queue));
    let methods = [("unary", false, false), ("out", false, true), ("in", true, false), ("both", true, true)];
    let methods = methods.map(|(name, ins, outs)| Method::new(format!("/s.S/{name}"), ins, outs, local()));
    let health = Method::new("/grpc.health.v1.Health/Check", false, false, local());
    server.serve_services(Services::new(methods.into_iter().chain([health]), None));
    let address = server.listen("127.0.0.1:0", None).unwrap();
    Served { server, address, queue }
}

impl Served {
    /// The next call.
    pub fn take(&self) -> Arc<Call> {
        loop {
            match self.queue.take(true) {
                Taken::Call(call) => return call,
                Taken::Nothing => assert!(self.queue.wait(Some(PATIENCE)), "no call came"),
                Taken::Closed => panic!("the queue is closed"),
            }
        }
    }

    /// Waits until nothing is held for any call.
    pub fn wait_until_idle(&self) {
        wait_until(|| self.queue.calls() == 0 && self.server.calls_in_flight() == 0);
    }

    /// The value of the metric that begins with `line`.
    pub fn metric(&self, line: &str) -> Option<String> {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        write!(socket, "GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        socket.read_to_string(&mut text).unwrap();
        text.lines().find_map(|found| found.strip_prefix(line)).map(|value| value.trim().to_string())
    }

    /// How many calls of a method ended with a code.
    pub fn counted(&self, method: &str, code: &str) -> Option<String> {
        let labels = format!(r#"servable="s.S",version="0",method="{method}",protocol="grpc",code="{code}""#);
        self.metric(&format!("salver_calls_total{{{labels}}}"))
    }
}

pub fn wait_until(is_so: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "it does not become so");
        std::thread::yield_now();
    }
}

pub fn ok() -> Status {
    Status::new(Code::Ok, "")
}
