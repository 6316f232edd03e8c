use std::pin::Pin;
use std::task::{ready, Context, Poll};

use bytes::Bytes;
use h2::{Reason, RecvStream};
use http::header::CONTENT_LENGTH;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

/// Why a body cannot be read on.
pub type Broken = Box<dyn std::error::Error + Send + Sync>;

/// A request's body: as it comes from the network, or what a protocol makes of that.
pub enum RequestBody {
    Http1(Incoming),
    Http2(Stream),
    Made(Pin<Box<dyn Body<Data = Bytes, Error = Broken> + Send>>),
}

/// A body that comes over HTTP/2.
pub struct Stream {
    frames: RecvStream,
    /// What is missing of the length that was announced, if one was.
    left: Option<u64>,
    /// Whether only trailers can follow.
    ended: bool,
}

impl RequestBody {
    pub fn http2(frames: RecvStream, headers: &HeaderMap) -> RequestBody {
        let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let left = announced.or(frames.is_end_stream().then_some(0));
        RequestBody::Http2(Stream { frames, left, ended: false })
    }

    pub fn made(body: impl Body<Data = Bytes, Error = Broken> + Send + 'static) -> RequestBody {
        RequestBody::Made(Box::pin(body))
    }
}

type Polled = Poll<Option<Result<Frame<Bytes>, Broken>>>;

impl Stream {
    fn poll_frame(&mut self, context: &mut Context<'_>) -> Polled {
        if !self.ended {
            match ready!(self.frames.poll_data(context)) {
                Some(Ok(data)) => {
                    // It fails where the stream has ended, which the next turn finds.
                    let _ = self.frames.flow_control().release_capacity(data.len());
                    self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Err(error)) => return Poll::Ready(broken(error)),
                None => self.ended = true,
            }
        }
        Poll::Ready(match ready!(self.frames.poll_trailers(context)) {
            Ok(trailers) => trailers.map(Frame::trailers).map(Ok),
            Err(error) => broken(error),
        })
    }
}

/// A client that has its answer may stop sending with a reset without an error (RFC 9113, section 8.1).
fn broken(error: h2::Error) -> Option<Result<Frame<Bytes>, Broken>> {
    (error.reason() != Some(Reason::NO_ERROR)).then(|| Err(error.into()))
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Polled {
        match &mut *self {
            RequestBody::Http1(body) => {
                Pin::new(body).poll_frame(context).map(|frame| frame.map(|frame| frame.map_err(Broken::from)))
            }
            RequestBody::Http2(stream) => stream.poll_frame(context),
            RequestBody::Made(body) => body.as_mut().poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            RequestBody::Http1(body) => body.is_end_stream(),
            RequestBody::Http2(stream) => stream.frames.is_end_stream(),
            RequestBody::Made(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            RequestBody::Http1(body) => body.size_hint(),
            RequestBody::Http2(stream) => stream.left.map(SizeHint::with_exact).unwrap_or_default(),
            RequestBody::Made(body) => body.size_hint(),
        }
    }
}
