//! A server with one servable: `tell` answers with a sequence, `echo` and `whisper` with one row. `tell` and
//! `whisper` want to know who asks.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use salver_core::{Batching, Contract, DType, Method, Plan, Policy, Port, Servable, Source, StageSpec, Step};
use salver_engine::{Entry, Routes, Version};
use salver_front::{Server, Settings};

use crate::lane::{Lane, PATIENCE};

pub struct Served {
    pub server: Server,
    pub address: String,
    pub version: Arc<Version>,
    pub lane: Lane,
}

fn port(name: &str) -> Port {
    Port { name: name.into(), dtype: Some(DType::Str), dims: Some(vec![]), optional: false, json: false }
}

fn stage(name: &str, context: bool, batching: Batching) -> StageSpec {
    let (inputs, outputs) = (vec![port("x")], vec![port("y")]);
    StageSpec { name: name.into(), inputs, outputs, batching, policy: Policy::default(), context }
}

fn method(name: &str, stage: usize, sequence: bool) -> Method {
    let contract = Contract { inputs: vec![port("x")], outputs: vec![port("y")], batched: true };
    let steps = vec![Step { stage, inputs: vec![Source::Input(0)] }];
    Method {
        name: name.into(),
        contract,
        plan: Plan { steps, outputs: vec![Source::Step(0, 0)] },
        sequence,
        origin: None,
    }
}

pub fn served() -> Served {
    served_with(|_| {})
}

pub fn served_with(change: impl FnOnce(&mut Settings)) -> Served {
    let by_rows = Batching::Unbatched("a sequence is told row by row".into());
    let stages = vec![
        stage("tell", true, by_rows),
        stage("echo", false, Batching::Batched),
        stage("whisper", true, Batching::Batched),
    ];
    let methods = vec![method("tell", 0, true), method("echo", 1, false), method("whisper", 2, false)];
    let servable =
        Servable { name: "story".into(), version: 1, runtime: "test".into(), methods, stages, services: vec![] };
    let version = Version::new(servable).unwrap();
    let lane = Lane::new(&version, vec![0, 1, 2]);
    let mut settings = Settings {
        max_message_bytes: 1 << 20,
        max_header_bytes: 16 << 10,
        max_streams: 100,
        max_connections: 1000,
        behind_front: false,
        max_calls: 100,
        max_bytes_in_flight: 1 << 24,
        header_timeout_ms: 10_000,
        reply_timeout_ms: 60_000,
        keep_alive_ms: 30_000,
        network_threads: 1,
        speaks: Default::default(),
        http_timeout_ms: None,
        allow_reload: false,
        tensor_content: false,
        tensorflow_metrics: None,
        cors_origins: vec![],
    };
    change(&mut settings);
    let server = Server::start(settings).unwrap();
    let entry = Entry { versions: BTreeMap::from([(1, Arc::clone(&version))]), ..Entry::default() };
    server.publish(Routes::new(BTreeMap::from([("story".into(), entry)])), vec![]);
    let address = server.listen("127.0.0.1:0", None).unwrap();
    Served { server, address, version, lane }
}

impl Served {
    /// Sends a request over HTTP/1.1.
    pub fn send(&self, path: &str, headers: &str, body: &str) -> TcpStream {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let length = body.len();
        write!(socket, "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n{headers}\r\n{body}").unwrap();
        socket
    }

    /// Sends a request and reads the head of its answer.
    pub fn post(&self, path: &str, headers: &str, body: &str) -> Answer {
        Answer::read(self.send(path, headers, body))
    }

    /// Asks for a sequence of events.
    pub fn events(&self, method: &str, body: &str) -> Answer {
        self.post(&format!("/servables/story/{method}"), "accept: text/event-stream\r\n", body)
    }

    /// Waits until no call is in flight: all are answered, and all that was held for them is given back.
    pub fn wait_until_idle(&self) {
        let until = std::time::Instant::now() + PATIENCE;
        while self.server.calls_in_flight() > 0 || self.version.in_flight() > 0 {
            assert!(std::time::Instant::now() < until, "a call stays in flight");
            std::thread::yield_now();
        }
    }

    /// The value of the metric that begins with `line`.
    pub fn metric(&self, line: &str) -> Option<String> {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        write!(socket, "GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        socket.read_to_string(&mut text).unwrap();
        text.lines().find_map(|found| found.strip_prefix(line)).map(|value| value.trim().to_string())
    }
}

/// The answer to a request, its body unread.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<String>,
    reader: BufReader<TcpStream>,
}

impl Answer {
    pub fn read(socket: TcpStream) -> Answer {
        let mut reader = BufReader::new(socket);
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            match line.trim_end() {
                "" => break,
                line => headers.push(line.to_ascii_lowercase()),
            }
        }
        let status = headers.remove(0).split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, headers, reader }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The whole of a body that says how long it is.
    pub fn text(mut self) -> String {
        let mut body = vec![0; self.header("content-length").unwrap().parse().unwrap()];
        self.reader.read_exact(&mut body).unwrap();
        String::from_utf8(body).unwrap()
    }

    /// The next chunk of a body that comes with time; empty at its end.
    pub fn chunk(&mut self) -> String {
        let mut length = String::new();
        self.reader.read_line(&mut length).unwrap();
        let length = usize::from_str_radix(length.trim_end(), 16).unwrap();
        let mut chunk = vec![0; length + 2];
        self.reader.read_exact(&mut chunk).unwrap();
        String::from_utf8(chunk).unwrap().trim_end_matches("\r\n").to_string()
    }

    /// All that comes before the connection is cut.
    pub fn until_cut(mut self) -> String {
        let mut rest = Vec::new();
        // Whether it was closed or reset depends on what was left unread.
        let _ = self.reader.read_to_end(&mut rest);
        String::from_utf8(rest).unwrap()
    }

    /// All that is still to come.
    pub fn rest(&mut self) -> String {
        std::iter::from_fn(|| Some(self.chunk()).filter(|chunk| !chunk.is_empty())).collect()
    }
}
