//! Reading request bodies, piece by piece and within limits.

use std::future::{poll_fn, Future};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use salver_core::{aligned, Error};
use salver_engine::Permit;
use tokio::time::timeout;

use super::compression::{too_large, Encoding};
use crate::settings::Settings;

/// A request's body, read under its permit.
///
/// Each piece is taken from the permit as it arrives, and must arrive within `stall` of the one before.
pub struct Pieces<'a, B> {
    pub body: B,
    pub permit: &'a mut Permit,
    pub stall: Duration,
}

impl<B> Pieces<'_, B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    /// The next frame, or `None` at the end. A timer is set only if it has not arrived yet.
    async fn frame(&mut self) -> Result<Option<Result<Frame<Bytes>, B::Error>>, Error> {
        let mut frame = self.body.frame();
        let now = poll_fn(|context| Poll::Ready(Pin::new(&mut frame).poll(context))).await;
        if let Poll::Ready(frame) = now {
            return Ok(frame);
        }
        let stalled =
            |_| Error::malformed("request body", "it stopped arriving; --header-timeout-s bounds its pauses too");
        timeout(self.stall, frame).await.map_err(stalled)
    }

    /// The next piece of data, or `None` at the end of the request.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            if self.body.is_end_stream() {
                return Ok(None);
            }
            match self.frame().await? {
                None => return Ok(None),
                Some(Err(error)) => return Err(Error::malformed("request body", error)),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => continue,
                    Ok(data) => {
                        self.permit.grow(data.len() as u64)?;
                        return Ok(Some(data));
                    }
                    Err(_trailers) => continue,
                },
            }
        }
    }
}

/// Reads a whole HTTP body, decompressed. Several pieces are gathered so that the end is aligned, and with it
/// the tensor that a binary request most likely ends with.
pub async fn read_body<B>(
    body: &mut B,
    encoding: Option<Encoding>,
    settings: &Settings,
    permit: &mut Permit,
) -> Result<Bytes, Error>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    let limit = settings.max_message_bytes;
    let announced = body.size_hint().exact();
    if let Some(size) = announced.filter(|&size| size > limit) {
        return Err(too_large(size, limit));
    }
    let whole = announced.unwrap_or(0) as usize;
    let mut pieces = Pieces { body, permit, stall: settings.header_timeout() };
    let mut first = pieces.next().await?.unwrap_or_default();
    if first.len() < whole || announced.is_none() {
        first = gather(&mut pieces, first, whole, limit).await?;
    }
    let Some(encoding) = encoding else { return Ok(first) };
    let plain = encoding.decompress(first, limit).await?;
    permit.grow(plain.len() as u64)?;
    Ok(plain)
}

/// Reads on for a while what nobody wants, so that a client over HTTP/1 that is still sending gets to read its
/// refusal instead of a reset connection.
pub async fn discard<B>(body: B, settings: Settings)
where
    B: Body<Data = Bytes> + Unpin,
{
    let limit = settings.max_message_bytes;
    let reading = async move {
        let (mut body, mut read) = (body, 0);
        while let Some(Ok(frame)) = body.frame().await {
            read += frame.data_ref().map_or(0, Bytes::len) as u64;
            if read > limit {
                break;
            }
        }
    };
    // Whoever has not finished by then is cut off.
    let _ = timeout(settings.header_timeout(), reading).await;
}

async fn gather<B>(pieces: &mut Pieces<'_, B>, first: Bytes, whole: usize, limit: u64) -> Result<Bytes, Error>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    // Only address space is taken for what was announced; pages and permit follow what has arrived.
    let mut gathered: BytesMut = aligned(whole, whole);
    gathered.extend_from_slice(&first);
    while let Some(data) = pieces.next().await? {
        let size = gathered.len() as u64 + data.len() as u64;
        if size > limit {
            return Err(too_large(size, limit));
        }
        gathered.extend_from_slice(&data);
    }
    Ok(gathered.freeze())
}
