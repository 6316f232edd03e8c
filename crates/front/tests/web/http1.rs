//! A request over HTTP/1.1, sent as the test says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::client::PATIENCE;
use crate::served::Served;

pub struct Post(TcpStream);

pub struct Answer {
    pub status: u16,
    pub headers: Vec<String>,
    pub body: Vec<u8>,
}

impl Post {
    /// Sends the head; `headers` are whole lines.
    pub fn begin(served: &Served, path: &str, kind: &str, headers: &[&str]) -> Post {
        let mut socket = TcpStream::connect(&served.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        write!(socket, "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: {kind}\r\n{lines}\r\n").unwrap();
        Post(socket)
    }

    /// Sends a whole request.
    pub fn send(served: &Served, path: &str, kind: &str, headers: &[&str], body: &[u8]) -> Post {
        let length = format!("content-length: {}", body.len());
        let mut post = Post::begin(served, path, kind, &[headers, &[&length]].concat());
        post.bytes(body);
        post
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// One piece of a body without a length.
    pub fn chunk(&mut self, bytes: &[u8]) {
        let head = format!("{:x}\r\n", bytes.len());
        self.bytes(&[head.as_bytes(), bytes, b"\r\n"].concat());
    }

    /// Whether something of the answer comes before the time is up.
    pub fn is_answered_within(&self, patience: Duration) -> bool {
        self.0.set_read_timeout(Some(patience)).unwrap();
        let answered = self.0.peek(&mut [0]).is_ok();
        self.0.set_read_timeout(Some(PATIENCE)).unwrap();
        answered
    }

    /// Reads the answer to its end.
    pub fn answer(self) -> Answer {
        let mut reader = BufReader::new(self.0);
        let mut line = || {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            line.trim_end().to_string()
        };
        let status = line().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<String> = std::iter::from_fn(|| Some(line()).filter(|line| !line.is_empty())).collect();
        let length = headers.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let body = match length {
            Some(length) => read(&mut reader, length),
            None => chunks(&mut reader),
        };
        Answer { status, headers, body }
    }
}

fn read(reader: &mut impl Read, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes).unwrap();
    bytes
}

fn chunks(reader: &mut impl BufRead) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let mut length = String::new();
        reader.read_line(&mut length).unwrap();
        let length = usize::from_str_radix(length.trim_end(), 16).unwrap();
        all.extend(read(reader, length));
        read(reader, 2);
        if length == 0 {
            return all;
        }
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}
