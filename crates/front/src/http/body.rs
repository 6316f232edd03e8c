use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use salver_wire::Body as Chunks;
use tokio::sync::mpsc::UnboundedReceiver;

/// A reply's body: chunks that are all there, or messages that come with time; then trailers, for gRPC.
pub struct ReplyBody {
    chunks: VecDeque<Bytes>,
    more: Option<UnboundedReceiver<Bytes>>,
    trailers: Option<HeaderMap>,
}

impl ReplyBody {
    pub fn empty() -> ReplyBody {
        ReplyBody { chunks: VecDeque::new(), more: None, trailers: None }
    }

    pub fn chunks(chunks: Chunks) -> ReplyBody {
        ReplyBody { chunks: chunks.into_iter().filter(|chunk| !chunk.is_empty()).collect(), ..ReplyBody::empty() }
    }

    /// Messages as they come; the body ends when their sender is dropped.
    pub fn stream(more: UnboundedReceiver<Bytes>) -> ReplyBody {
        ReplyBody { more: Some(more), ..ReplyBody::empty() }
    }

    pub fn with_trailers(mut self, trailers: HeaderMap) -> ReplyBody {
        self.trailers = Some(trailers);
        self
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(chunk) = self.chunks.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        if let Some(more) = &mut self.more {
            match more.poll_recv(context) {
                Poll::Ready(Some(chunk)) => return Poll::Ready(Some(Ok(Frame::data(chunk)))),
                Poll::Ready(None) => self.more = None,
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.is_empty() && self.more.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.more {
            Some(_) => SizeHint::default(),
            None => SizeHint::with_exact(self.chunks.iter().map(|chunk| chunk.len() as u64).sum()),
        }
    }
}
