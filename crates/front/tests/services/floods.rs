//! Peers that break HTTP/2's manners: each connection has its bounds, and ends there.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use salver_front::services::local::{Received, Sent};

use crate::caller::Caller;
use crate::client::PATIENCE;
use crate::served::{ok, served, Served};

pub const HEADERS: u8 = 1;
const DATA: u8 = 0;
const RESET: u8 = 3;
pub const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

/// More of anything than is let pass.
const FLOOD: u32 = 50_000;

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The headers of a call of `/s.S/in`.
fn headers(stream: u32, flags: u8) -> Vec<u8> {
    headers_of("/s.S/in", stream, flags)
}

/// The headers of a call, without Huffman or any table.
pub fn headers_of(path: &str, stream: u32, flags: u8) -> Vec<u8> {
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "x"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    let mut block = Vec::new();
    for (name, value) in fields {
        block.extend([0, name.len() as u8]);
        block.extend(name.bytes());
        block.push(value.len() as u8);
        block.extend(value.bytes());
    }
    frame(HEADERS, flags, stream, &block)
}

pub fn connect(served: &Served) -> TcpStream {
    let mut socket = TcpStream::connect(&served.address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    socket.write_all(&frame(SETTINGS, 0, 0, &[])).unwrap();
    socket
}

/// Sends until the server takes no more; whether that came before the flood's end.
fn flood(socket: &mut TcpStream, mut drop: impl FnMut(u32) -> Vec<u8>) -> bool {
    (0..FLOOD).any(|number| socket.write_all(&drop(number)).is_err()) || was_ended(socket)
}

/// Whether the server says goodbye with an error, or is gone.
fn was_ended(socket: &mut TcpStream) -> bool {
    let mut head = [0; 9];
    loop {
        if let Err(error) = socket.read_exact(&mut head) {
            return matches!(
                error.kind(),
                ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
            );
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let mut payload = vec![0; length];
        if socket.read_exact(&mut payload).is_err() {
            return true;
        }
        if head[3] == GOAWAY {
            return payload[4..8] != [0; 4];
        }
    }
}

/// Whoever floods, others are served.
pub fn others_are_served(served: &Served) {
    let mut caller = Caller::ask(served, "/s.S/unary", b"still");
    let call = served.take();
    assert_eq!(call.receive(), Received::Message("still".into()));
    call.finish(None, ok());
    assert_eq!(caller.status().0, "0");
    served.wait_until_idle();
}

#[test]
fn calls_that_are_reset_as_they_begin_are_bounded() {
    let served = served();
    let mut socket = connect(&served);
    let ended = flood(&mut socket, |number| {
        let stream = 2 * number + 1;
        [headers(stream, 4), frame(RESET, 0, stream, &8u32.to_be_bytes())].concat()
    });
    assert!(ended);
    assert!(served.queue.calls() <= 100, "what waits is bounded");
    others_are_served(&served);
}

#[test]
fn frames_that_hold_nothing_are_bounded() {
    let served = served();
    let mut socket = connect(&served);
    socket.write_all(&headers(1, 4)).unwrap();
    let call = served.take();
    assert!(flood(&mut socket, |_| frame(DATA, 0, 1, &[])));
    assert_eq!(call.receive(), Received::Over);
    assert_eq!(call.try_send("x".into(), true), Sent::Over);
    call.abandon();
    others_are_served(&served);
}

#[test]
fn headers_that_never_end_are_bounded() {
    let served = served();
    let mut socket = connect(&served);
    socket.write_all(&headers(1, 0)).unwrap();
    assert!(flood(&mut socket, |_| frame(CONTINUATION, 0, 1, &[0, 1, b'a', 1, b'b'])));
    others_are_served(&served);
}

#[test]
fn pings_and_settings_of_a_client_who_does_not_read_stop_it() {
    for (kind, payload) in [(PING, vec![0; 8]), (SETTINGS, vec![0, 3, 0, 0, 0, 100])] {
        let served = served();
        let mut socket = connect(&served);
        socket.set_nonblocking(true).unwrap();
        let burst = frame(kind, 0, 0, &payload).repeat(1000);
        // Its answers fill the sockets between, and then no more of it is read.
        let mut sent = 0;
        while sent < 1 << 28 {
            match socket.write(&burst[sent % burst.len()..]) {
                Ok(written) => sent += written,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    others_are_served(&served);
                    break;
                }
            }
        }
        assert!(sent < 1 << 28, "nothing stops it");
    }
}
