//! Reading request bodies, piece by piece and within limits.

use std::future::{poll_fn, Future};
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use salver_core::{aligned, Error};
use salver_engine::Permit;
use tokio::time::timeout;

use super::compression::{too_large, Encoding};
use crate::net::pace::Pace;
use crate::settings::Settings;

/// A request's body, read under its permit.
///
/// Each piece is taken from the permit as it arrives, and they must keep a pace.
pub struct Pieces<'a, B> {
    body: B,
    pub permit: &'a mut Permit,
    pace: Pace,
}

impl<'a, B> Pieces<'a, B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    pub fn new(body: B, permit: &'a mut Permit, longest: Duration) -> Self {
        Pieces { body, permit, pace: Pace::new(longest) }
    }

    /// The next frame, or `None` at the end. A timer is set only if it has not arrived yet.
    async fn frame(&mut self) -> Result<Option<Result<Frame<Bytes>, B::Error>>, Error> {
        let mut frame = self.body.frame();
        let now = poll_fn(|context| Poll::Ready(Pin::new(&mut frame).poll(context))).await;
        if let Poll::Ready(frame) = now {
            return Ok(frame);
        }
        let stalled =
            |_| Error::malformed("request body", "it stopped arriving; --header-timeout-s bounds its pauses too");
        self.permit.wait()?;
        let began = Instant::now();
        let frame = timeout(self.pace.left(), frame).await.map_err(stalled)?;
        self.pace.paused(began.elapsed());
        Ok(frame)
    }

    fn arrived(&mut self, bytes: usize) -> Result<(), Error> {
        self.pace.moved(bytes);
        self.permit.grow(bytes as u64)
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
                        self.arrived(data.len())?;
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
    let mut pieces = Pieces::new(body, permit, settings.header_timeout());
    let mut first = pieces.next().await?.unwrap_or_default();
    if first.len() < whole || announced.is_none() {
        first = gather(&mut pieces, first, whole, limit).await?;
    }
    let Some(encoding) = encoding else { return Ok(first) };
    encoding.decompress(first, limit, permit).await
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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::task::Context;

    use salver_engine::Admission;
    use tokio::time::{sleep, Sleep};

    use super::*;

    /// Single bytes with a pause before each.
    struct Drops {
        left: usize,
        pause: Duration,
        sleep: Pin<Box<Sleep>>,
    }

    impl Body for Drops {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            std::task::ready!(self.sleep.as_mut().poll(context));
            if self.left == 0 {
                return Poll::Ready(None);
            }
            self.left -= 1;
            self.sleep = Box::pin(sleep(self.pause));
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b".")))))
        }
    }

    #[test]
    fn a_body_that_comes_in_drops_does_not_keep_its_call_open() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut permit = Admission::new(1, 1000).admit().unwrap();
            let pause = Duration::from_millis(20);
            let body = Drops { left: 50, pause, sleep: Box::pin(sleep(pause)) };
            let mut pieces = Pieces::new(body, &mut permit, 10 * pause);
            let refused = loop {
                match pieces.next().await {
                    Ok(Some(_)) => continue,
                    end => break end,
                }
            };
            assert!(matches!(refused, Err(Error::Malformed { what: "request body", .. })), "{refused:?}");
        });
    }
}
