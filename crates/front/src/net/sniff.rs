//! Finding out what a client speaks from the first bytes it sends.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    Http1,
    Http2,
}

/// Reads until it is clear whether this is HTTP/2, and gives the stream with those bytes still in it.
pub async fn sniff<S: AsyncRead + Unpin>(mut stream: S) -> io::Result<(Speaks, Rewound<S>)> {
    let mut seen = [0; PREFACE.len()];
    let mut length = 0;
    while length < PREFACE.len() && seen[..length] == PREFACE[..length] {
        match stream.read(&mut seen[length..]).await? {
            0 => break,
            read => length += read,
        }
    }
    let speaks = if &seen[..] == PREFACE { Speaks::Http2 } else { Speaks::Http1 };
    Ok((speaks, Rewound { seen, read: 0, length, stream, heard: Heard::default() }))
}

/// Whether anything has come over a stream since somebody last asked.
#[derive(Clone, Default)]
pub struct Heard(Arc<AtomicBool>);

impl Heard {
    pub fn anything(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

/// A stream whose first bytes, read already, are read again.
pub struct Rewound<S> {
    seen: [u8; PREFACE.len()],
    read: usize,
    length: usize,
    stream: S,
    heard: Heard,
}

impl<S> Rewound<S> {
    pub fn heard(&self) -> Heard {
        self.heard.clone()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Rewound<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.read == self.length {
            let polled = Pin::new(&mut self.stream).poll_read(context, into);
            if polled.is_ready() {
                self.heard.0.store(true, Ordering::Relaxed);
            }
            return polled;
        }
        let end = self.length.min(self.read + into.remaining());
        into.put_slice(&self.seen[self.read..end]);
        self.read = end;
        Poll::Ready(Ok(()))
    }
}

super::write_through!(Rewound);

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    async fn sniffed(sent: &[u8]) -> (Speaks, Vec<u8>) {
        let (mut client, server) = tokio::io::duplex(4);
        let write = async {
            client.write_all(sent).await.unwrap();
            client.shutdown().await.unwrap();
        };
        let read = async {
            let (speaks, mut stream) = sniff(server).await.unwrap();
            let mut all = Vec::new();
            stream.read_to_end(&mut all).await.unwrap();
            (speaks, all)
        };
        tokio::join!(write, read).1
    }

    #[tokio::test]
    async fn http_versions_are_told_apart_and_no_byte_is_lost() {
        let http2 = [PREFACE, b"and more"].concat();
        let cases: [(&[u8], Speaks); 6] = [
            (&http2, Speaks::Http2),
            (b"GET / HTTP/1.1\r\n\r\n", Speaks::Http1),
            (b"PRI * HTTP/1.1\r\n\r\n", Speaks::Http1),
            (b"PUT / HTTP/1.1\r\n\r\n", Speaks::Http1),
            (b"PRI", Speaks::Http1),
            (b"", Speaks::Http1),
        ];
        for (sent, wanted) in cases {
            assert_eq!(sniffed(sent).await, (wanted, sent.to_vec()));
        }
    }
}
