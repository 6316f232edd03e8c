//! gRPC's length-prefixed messages: one flag byte, four of length, then the message.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::HeaderMap;
use http_body::Body;
use http_body_util::BodyExt;
use salver_core::{aligned, Error};
use salver_engine::{Admission, Permit};
use salver_wire::Body as Chunks;

use crate::http::compression::{too_large, worthwhile, Encoding};
use crate::http::receive::Pieces;
use crate::shared::Shared;

const PREFIX: usize = 5;
/// What a prefix can say.
const LONGEST: u64 = u32::MAX as u64;

/// The encoding that a request's messages may be in.
pub fn request_encoding(headers: &HeaderMap) -> Result<Option<Encoding>, Error> {
    match headers.get("grpc-encoding") {
        None => Ok(None),
        Some(name) => Encoding::named(name.to_str().unwrap_or("?")),
    }
}

/// Reads the one message of a unary request, decompressed.
///
/// A message that comes in several pieces is gathered so
/// that its end is aligned, and with it the tensor that it most likely ends with.
pub async fn read_message<B>(mut pieces: Pieces<'_, B>, encoding: Option<Encoding>, limit: u64) -> Result<Bytes, Error>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    let mut start = BytesMut::new();
    let (prefix, first) = loop {
        let Some(data) = pieces.next().await? else {
            return Err(match start.is_empty() {
                // As gRPC's own servers have it.
                true => Error::Unsupported { what: "the method takes exactly one message, but none was sent".into() },
                false => Error::malformed("gRPC request", "it ended before its message did"),
            });
        };
        if start.is_empty() && data.len() >= PREFIX {
            break split_prefix(data, limit)?;
        }
        start.extend_from_slice(&data);
        if start.len() >= PREFIX {
            break split_prefix(start.freeze(), limit)?;
        }
    };
    let message = gather(&mut pieces, prefix.length, first).await?;
    prefix.plain(message, encoding, pieces.permit).await
}

/// The messages of a stream of requests, one after the other.
pub struct Messages<B> {
    body: B,
    encoding: Option<Encoding>,
    /// What has arrived and is not read.
    rest: Bytes,
}

/// One message of a stream, under a permit: that of the call that it asks for, or of its bytes alone.
pub struct Arrived {
    pub message: Bytes,
    pub permit: Permit,
}

impl<B> Messages<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    pub fn new(body: B, encoding: Option<Encoding>) -> Messages<B> {
        Messages { body, encoding, rest: Bytes::new() }
    }

    /// Waits for the next message, however long it takes to begin; `None` at the end.
    ///
    /// The inner error is of a message that was not let in, and is skipped. After any other error there are no more.
    pub async fn next(&mut self, shared: &Shared) -> Result<Option<Result<Arrived, Error>>, Error> {
        let Some(prefix) = self.prefix(shared.settings.max_message_bytes).await? else { return Ok(None) };
        match shared.admission.knock() {
            Ok(permit) => {
                let mut arrived = self.message(shared, prefix, permit).await?;
                let entered = arrived.permit.enter();
                Ok(Some(entered.map(|()| arrived)))
            }
            Err(error) => {
                self.skip(prefix.length).await?;
                Ok(Some(Err(error)))
            }
        }
    }

    /// The same for messages of one call, which is in already. After an error there are no more.
    pub async fn next_held(&mut self, shared: &Shared) -> Result<Option<Arrived>, Error> {
        let Some(prefix) = self.prefix(shared.settings.max_message_bytes).await? else { return Ok(None) };
        self.message(shared, prefix, shared.admission.hold(0)?).await.map(Some)
    }

    /// The same for messages of a reply, however large they are: their memory is that of replies on their way.
    pub async fn next_of_reply(&mut self, shared: &Shared) -> Result<Option<Arrived>, Error> {
        let Some(prefix) = self.prefix(LONGEST).await? else { return Ok(None) };
        self.message(shared, prefix, shared.outgoing.hold(0)?).await.map(Some)
    }

    async fn message(&mut self, shared: &Shared, prefix: Prefix, mut permit: Permit) -> Result<Arrived, Error> {
        let pieces = Pieces::new(&mut self.body, &mut permit, shared.settings.header_timeout());
        let message = part(pieces, &mut self.rest, prefix.length).await?;
        let message = prefix.plain(message, self.encoding, &mut permit).await?;
        Ok(Arrived { message, permit })
    }

    async fn prefix(&mut self, limit: u64) -> Result<Option<Prefix>, Error> {
        while self.rest.len() < PREFIX {
            match self.piece().await? {
                Some(data) if self.rest.is_empty() => self.rest = data,
                Some(data) => self.rest = [&self.rest[..], &data].concat().into(),
                None if self.rest.is_empty() => return Ok(None),
                None => return Err(Error::malformed("gRPC request", "it ended before its message did")),
            }
        }
        let (prefix, rest) = split_prefix(std::mem::take(&mut self.rest), limit)?;
        self.rest = rest;
        Ok(Some(prefix))
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, Error> {
        match self.body.frame().await {
            None => Ok(None),
            Some(Ok(frame)) => Ok(Some(frame.into_data().unwrap_or_default())),
            Some(Err(error)) => Err(Error::malformed("request body", error)),
        }
    }

    async fn skip(&mut self, length: usize) -> Result<(), Error> {
        let mut missing = length;
        loop {
            missing -= self.rest.split_to(missing.min(self.rest.len())).len();
            if missing == 0 {
                return Ok(());
            }
            self.rest = self.piece().await?.ok_or_else(|| lacks(missing, length))?;
        }
    }
}

/// The next `length` bytes, the first of which are in `rest`; what comes after them is left there.
async fn part<B>(mut pieces: Pieces<'_, B>, rest: &mut Bytes, length: usize) -> Result<Bytes, Error>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    let first = rest.split_to(length.min(rest.len()));
    pieces.permit.grow(first.len() as u64)?;
    if first.len() == length {
        return Ok(first);
    }
    let mut gathered = aligned(length, length);
    gathered.extend_from_slice(&first);
    while gathered.len() < length {
        let missing = length - gathered.len();
        let mut data = pieces.next().await?.ok_or_else(|| lacks(missing, length))?;
        gathered.extend_from_slice(&data.split_to(missing.min(data.len())));
        *rest = data;
    }
    Ok(gathered.freeze())
}

fn lacks(missing: usize, length: usize) -> Error {
    Error::malformed("gRPC request", format!("its message lacks {missing} of its {length} bytes"))
}

struct Prefix {
    compressed: bool,
    length: usize,
    /// What the message may be at most, also when it is unpacked.
    limit: u64,
}

impl Prefix {
    /// The message as it was before it was compressed.
    async fn plain(self, message: Bytes, encoding: Option<Encoding>, permit: &mut Permit) -> Result<Bytes, Error> {
        match (self.compressed, encoding) {
            (false, _) => Ok(message),
            (true, Some(encoding)) => encoding.decompress(message, self.limit, permit).await,
            (true, None) => {
                Err(Error::malformed("gRPC request", "its message is compressed, but no grpc-encoding is given"))
            }
        }
    }
}

fn split_prefix(mut data: Bytes, limit: u64) -> Result<(Prefix, Bytes), Error> {
    let flag = data.get_u8();
    let length = data.get_u32() as usize;
    if flag > 1 {
        return Err(Error::malformed("gRPC request", format!("its message begins with the flag {flag}, not 0 or 1")));
    }
    if length as u64 > limit {
        return Err(too_large(length as u64, limit));
    }
    Ok((Prefix { compressed: flag == 1, length, limit }, data))
}

async fn gather<B>(pieces: &mut Pieces<'_, B>, length: usize, first: Bytes) -> Result<Bytes, Error>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    let surplus = || Error::malformed("gRPC request", "it holds more than the one message that this method takes");
    let whole = first.len() == length;
    if first.len() > length {
        return Err(surplus());
    }
    // Only address space is taken for what was announced; pages and permit follow what has arrived.
    let mut gathered = if whole { BytesMut::new() } else { aligned(length, length) };
    if !whole {
        gathered.extend_from_slice(&first);
    }
    let mut missing = length - first.len();
    while let Some(data) = pieces.next().await? {
        missing = missing.checked_sub(data.len()).ok_or_else(surplus)?;
        gathered.extend_from_slice(&data);
    }
    match missing {
        0 if whole => Ok(first),
        0 => Ok(gathered.freeze()),
        _ => Err(lacks(missing, length)),
    }
}

/// A reply's message with its prefix, as it is.
///
/// Small chunks are merged with the prefix, so that a small reply is one piece.
pub fn frame_message(body: Chunks) -> Chunks {
    prefixed(0, body)
}

/// A reply's message with its prefix, compressed if that is worthwhile.
pub async fn frame_compressed(body: Chunks, encoding: Encoding, outgoing: &Arc<Admission>) -> Result<Chunks, Error> {
    if !worthwhile(&body) {
        return Ok(prefixed(0, body));
    }
    let (used, body) = encoding.compress(body, outgoing).await?;
    Ok(prefixed(u8::from(used.is_some()), body))
}

fn prefixed(flag: u8, body: Chunks) -> Chunks {
    let length: usize = body.iter().map(Bytes::len).sum();
    let mut chunks = body.into_iter().peekable();
    let merged = chunks.next_if(|chunk| chunk.len() <= MERGED).unwrap_or_default();
    let mut head = BytesMut::with_capacity(PREFIX + merged.len());
    head.put_u8(flag);
    head.put_u32(length as u32);
    head.extend_from_slice(&merged);
    std::iter::once(head.freeze()).chain(chunks).collect()
}

/// Chunks up to this size are copied behind the prefix rather than sent by themselves.
const MERGED: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::Full;
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use std::time::Duration;

    fn block<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
    }

    async fn read_from<B>(body: B, encoding: Option<Encoding>, limit: u64) -> Result<Bytes, Error>
    where
        B: Body<Data = Bytes, Error = Infallible> + Unpin,
    {
        let mut permit = Admission::new(1, 1 << 20).admit()?;
        let pieces = Pieces::new(body, &mut permit, Duration::from_secs(10));
        read_message(pieces, encoding, limit).await
    }

    fn read(pieces: &[&[u8]], limit: u64) -> Result<Bytes, Error> {
        let pieces = pieces.iter().map(|piece| Bytes::copy_from_slice(piece)).collect();
        block(read_from(Cut(pieces), None, limit))
    }

    /// A body that arrives piece by piece.
    struct Cut(VecDeque<Bytes>);

    impl Body for Cut {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.pop_front().map(|piece| Ok(http_body::Frame::data(piece))))
        }
    }

    #[test]
    fn a_message_is_read_however_it_is_cut() {
        let bytes = b"\0\0\0\0\x04abcd";
        for cut in 0..bytes.len() {
            assert_eq!(read(&[&bytes[..cut], &bytes[cut..]], 100).unwrap(), "abcd", "cut at {cut}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(read(&single, 100).unwrap(), "abcd");
    }

    #[test]
    fn a_message_in_pieces_ends_aligned() {
        let message = [vec![0, 0, 0, 0, 201], vec![7; 201]].concat();
        let read = read(&[&message[..20], &message[20..]], 1000).unwrap();
        assert_eq!((read.as_ptr() as usize + read.len()) % 64, 0);
    }

    #[test]
    fn broken_messages_say_what_is_wrong() {
        let cases: &[(&[u8], &str)] = &[
            (b"", "exactly one message"),
            (b"\0\0\0", "ended before"),
            (b"\0\0\0\0\x05abc", "lacks 2 of its 5 bytes"),
            (b"\0\0\0\0\x01abc", "more than the one message"),
            (b"\x07\0\0\0\x01a", "flag 7"),
            (b"\x01\0\0\0\x01a", "no grpc-encoding"),
            (b"\0\0\0\x10\0a", "4096 bytes, more than the limit of 100; --max-message-mib"),
        ];
        for (bytes, wanted) in cases {
            let error = read(&[bytes], 100).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }

    #[test]
    fn replies_carry_their_prefix() {
        let small = frame_message(Chunks::from_iter([Bytes::from_static(b"abc")]));
        assert_eq!(small.as_slice(), [Bytes::from_static(b"\0\0\0\0\x03abc")]);
        let large = frame_message(Chunks::from_iter([Bytes::from(vec![0; 8000])]));
        assert_eq!((large.len(), &large[0][..]), (2, &b"\0\0\0\x1f\x40"[..]));
        let empty = frame_message(Chunks::new());
        assert_eq!(empty.as_slice(), [Bytes::from_static(b"\0\0\0\0\0")]);
    }

    #[test]
    fn large_replies_are_compressed_when_asked() {
        let outgoing = Admission::new(1, 1 << 20);
        let framed = |size| {
            let body = Chunks::from_iter([Bytes::from(vec![0; size])]);
            block(frame_compressed(body, Encoding::Deflate, &outgoing)).unwrap()
        };
        assert_eq!(framed(10)[0][0], 0);
        let packed = framed(8000);
        assert_eq!(packed[0][0], 1);
        let body = Bytes::from(packed.concat());
        let plain = block(read_from(Full::new(body), Some(Encoding::Deflate), 10_000)).unwrap();
        assert_eq!(plain.len(), 8000);
    }
}
