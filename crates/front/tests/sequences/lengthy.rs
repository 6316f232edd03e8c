//! Requests and answers that take long to read and write keep no other caller waiting.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use h2::Ping;

use crate::client::{connect, wait};
use crate::lane::{words, PATIENCE};
use crate::served::{served_with, Answer, Served};

/// Each of them is six letters of JSON.
const LETTERS: usize = 5_000_000;

/// Waits until the server has read all that was sent.
fn wait_until_read(served: &Served, sent: usize) {
    let until = Instant::now() + PATIENCE;
    while served.metric("salver_in_flight_bytes").is_none_or(|bytes| bytes.parse::<usize>().unwrap() < sent) {
        assert!(Instant::now() < until, "it is not read");
    }
}

#[test]
fn others_are_answered_while_a_long_document_is_read_and_written() {
    let served = served_with(|settings| {
        (settings.max_message_bytes, settings.max_bytes_in_flight) = (1 << 26, 1 << 30);
    });
    let (_client, mut pings) = connect(served.address.clone());
    let document = format!(r#"{{"x":"{}"}}"#, r"\u0001".repeat(LETTERS));
    let (answered, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (reading, writing) = thread::scope(|scope| {
        scope.spawn(|| {
            let until = Instant::now() + PATIENCE;
            while !done.load(Ordering::Acquire) && Instant::now() < until {
                wait(pings.ping(Ping::opaque())).unwrap();
                answered.fetch_add(1, Ordering::AcqRel);
            }
        });
        let mut socket = TcpStream::connect(&served.address).unwrap();
        let length = document.len();
        write!(socket, "POST /servables/story/echo HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n").unwrap();
        socket.write_all(&document.as_bytes()[..length - 1]).unwrap();
        wait_until_read(&served, length - 1);
        let before = answered.load(Ordering::Acquire);
        socket.write_all(b"}").unwrap();
        let batch = served.lane.take();
        let read = answered.load(Ordering::Acquire);
        served.lane.finish(&batch, Ok(words(&[&"\u{1}".repeat(LETTERS)])));
        let answer = Answer::read(socket);
        let written = answered.load(Ordering::Acquire);
        done.store(true, Ordering::Release);
        assert_eq!(answer.status, 200);
        (read - before, written - read)
    });
    // On the network thread itself it would be one or two each time.
    assert!(reading > 9 && writing > 9, "{reading} while it was read, {writing} until it was written");
}
