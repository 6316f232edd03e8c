//! A caller of one method, over a connection of its own.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Instant;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::client::{ResponseFuture, SendRequest};
use h2::{Ping, PingPong, Reason, RecvStream, SendStream};
use http::{HeaderMap, Request};

use crate::client::{connect, wait, PATIENCE};
use crate::served::Served;

pub struct Caller {
    pub requests: SendStream<Bytes>,
    reply: Reply,
    read: BytesMut,
    pings: PingPong,
    client: SendRequest<Bytes>,
}

enum Reply {
    Coming(ResponseFuture),
    Here(HeaderMap, RecvStream),
}

/// How a call ended: status, message, all trailers.
pub type End = (String, String, HeaderMap);

impl Caller {
    pub fn begin(served: &Served, method: &str) -> Caller {
        Caller::begin_with(served, method, &[])
    }

    pub fn begin_with(served: &Served, method: &str, headers: &[(&'static str, &str)]) -> Caller {
        let (client, pings) = connect(served.address.clone());
        let mut client = wait(client.ready()).unwrap();
        let path = format!("http://{}{method}", served.address);
        let mut request = Request::post(path).header("content-type", "application/grpc").header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (response, requests) = client.send_request(request.body(()).unwrap(), false).unwrap();
        Caller { requests, reply: Reply::Coming(response), read: BytesMut::new(), pings, client }
    }

    /// The head of the reply to a request by another HTTP method.
    pub fn by(verb: http::Method, served: &Served, method: &str) -> http::response::Parts {
        let (client, _pings) = connect(served.address.clone());
        let mut client = wait(client.ready()).unwrap();
        let request = Request::builder().method(verb).uri(format!("http://{}{method}", served.address));
        let request = request.header("content-type", "application/grpc").body(()).unwrap();
        wait(client.send_request(request, true).unwrap().0).unwrap().into_parts().0
    }

    /// Calls a method with one message.
    pub fn ask(served: &Served, method: &str, message: &[u8]) -> Caller {
        let mut caller = Caller::begin(served, method);
        caller.send(message);
        caller.close();
        caller
    }

    /// Sends a message, however long the network takes.
    pub fn send(&mut self, message: &[u8]) {
        self.send_raw(framed(0, message));
    }

    pub fn send_raw(&mut self, bytes: Bytes) {
        self.requests.send_data(bytes, false).unwrap();
    }

    pub fn close(&mut self) {
        self.requests.send_data(Bytes::new(), true).unwrap();
    }

    pub fn reset(&mut self) {
        self.requests.send_reset(Reason::CANCEL);
    }

    /// Waits until the server has seen all that was sent before.
    pub fn ping(&mut self) {
        wait(self.pings.ping(Ping::opaque())).unwrap();
    }

    /// Waits until the server has said that no more calls are to come on this connection.
    pub fn wait_until_told_to_go(&mut self) {
        let until = Instant::now() + PATIENCE;
        while !wait(poll_fn(|context| Poll::Ready(matches!(self.client.poll_ready(context), Poll::Ready(Err(_)))))) {
            assert!(Instant::now() < until, "nobody says so");
            std::thread::yield_now();
        }
    }

    /// As many bytes as the server has room for now, out of many.
    pub fn room(&mut self, many: usize) -> usize {
        self.requests.reserve_capacity(many);
        self.ping();
        wait(poll_fn(|context| {
            let _ = self.requests.poll_capacity(context);
            Poll::Ready(())
        }));
        self.requests.capacity()
    }

    /// The headers that the reply begins with.
    pub fn head(&mut self) -> &HeaderMap {
        if let Reply::Coming(response) = &mut self.reply {
            let (parts, body) = wait(response).unwrap().into_parts();
            assert_eq!(
                (parts.status.as_u16(), &parts.headers["content-type"]),
                (200, &"application/grpc".parse().unwrap())
            );
            self.reply = Reply::Here(parts.headers, body);
        }
        match &self.reply {
            Reply::Here(headers, _) => headers,
            Reply::Coming(_) => unreachable!(),
        }
    }

    fn body(&mut self) -> &mut RecvStream {
        self.head();
        match &mut self.reply {
            Reply::Here(_, body) => body,
            Reply::Coming(_) => unreachable!(),
        }
    }

    /// The next message with its flag; `None` at the end.
    pub fn next_flagged(&mut self) -> Option<(u8, Bytes)> {
        loop {
            let length = self.read.get(1..5).map(|mut prefix| prefix.get_u32() as usize);
            if let Some(length) = length.filter(|length| self.read.len() >= 5 + length) {
                let flag = self.read.get_u8();
                self.read.advance(4);
                return Some((flag, self.read.split_to(length).freeze()));
            }
            let body = self.body();
            let data = wait(body.data())?.unwrap();
            body.flow_control().release_capacity(data.len()).unwrap();
            self.read.extend_from_slice(&data);
        }
    }

    pub fn next(&mut self) -> Option<Bytes> {
        self.next_flagged().map(|(_, message)| message)
    }

    /// Reads to the end; why the reply broke off, if it did.
    pub fn broken(&mut self) -> Option<Reason> {
        loop {
            let body = self.body();
            match wait(body.data())? {
                Ok(data) => body.flow_control().release_capacity(data.len()).unwrap(),
                Err(error) => return error.reason(),
            }
        }
    }

    /// How the call ended; no message comes before.
    pub fn end(&mut self) -> End {
        assert_eq!(self.next(), None);
        let trailers = wait(self.body().trailers()).unwrap();
        // A reply without messages may be one block of headers.
        let trailers = trailers.unwrap_or_else(|| self.head().clone());
        let text = |name: &str| trailers.get(name).map_or("", |value| value.to_str().unwrap()).to_string();
        (text("grpc-status"), text("grpc-message"), trailers)
    }

    /// Status and text at the end.
    pub fn status(&mut self) -> (String, String) {
        let (status, message, _) = self.end();
        (status, message)
    }
}

pub fn framed(flag: u8, message: &[u8]) -> Bytes {
    let mut framed = BytesMut::new();
    framed.put_u8(flag);
    framed.put_u32(message.len() as u32);
    framed.extend_from_slice(message);
    framed.freeze()
}
