use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use salver_wire::Body as Chunks;

/// A reply's body: chunks that are all there, or that come with time; then trailers, for gRPC.
pub struct ReplyBody {
    chunks: VecDeque<Bytes>,
    more: Option<Box<dyn Source>>,
    trailers: Option<HeaderMap>,
}

/// Where chunks come from with time. It is dropped when the client leaves.
pub trait Source: Send {
    /// The next chunks, or `None` at the end. It is asked when there is room for them.
    fn poll_chunks(&mut self, context: &mut Context<'_>) -> Poll<Option<Chunks>>;

    /// Ready when nobody waits for the rest any more. It is asked while there is no room.
    fn poll_over(&mut self, _context: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    /// Trailers that only the end has told. Asked once, at the end.
    fn trailers(&mut self) -> Option<HeaderMap> {
        None
    }
}

impl ReplyBody {
    pub fn empty() -> ReplyBody {
        ReplyBody { chunks: VecDeque::new(), more: None, trailers: None }
    }

    pub fn chunks(chunks: Chunks) -> ReplyBody {
        ReplyBody { chunks: chunks.into_iter().filter(|chunk| !chunk.is_empty()).collect(), ..ReplyBody::empty() }
    }

    /// Chunks as they come.
    pub fn stream(more: impl Source + 'static) -> ReplyBody {
        ReplyBody { more: Some(Box::new(more)), ..ReplyBody::empty() }
    }

    pub fn with_trailers(mut self, trailers: HeaderMap) -> ReplyBody {
        self.trailers = Some(trailers);
        self
    }
}

/// What a body gives next.
pub enum Piece {
    /// Some bytes, and whether they are the last and no trailers follow.
    Data(Bytes, bool),
    Trailers(HeaderMap),
    /// It has ended.
    Nothing,
}

impl Piece {
    /// Bytes of data.
    pub fn size(&self) -> usize {
        match self {
            Piece::Data(data, _) => data.len(),
            Piece::Trailers(_) | Piece::Nothing => 0,
        }
    }
}

impl ReplyBody {
    /// The next piece, unless it is still to come, or longer than `most`.
    pub fn ready(&mut self, most: usize) -> Option<Piece> {
        if self.next_size() > most {
            return None;
        }
        match (self.chunks.pop_front(), &self.more) {
            (Some(chunk), _) => Some(Piece::Data(chunk, self.is_end_stream())),
            (None, Some(_)) => None,
            (None, None) => Some(self.trailers.take().map_or(Piece::Nothing, Piece::Trailers)),
        }
    }

    /// The length of the next piece, as far as it is there.
    pub fn next_size(&self) -> usize {
        self.chunks.front().map_or(0, Bytes::len)
    }

    /// Waits for the next piece, which is cut to `most`.
    pub fn poll_piece(&mut self, context: &mut Context<'_>, most: usize) -> Poll<Piece> {
        loop {
            if let Some(piece) = self.ready(most) {
                return Poll::Ready(piece);
            }
            if let Some(chunk) = self.chunks.front_mut() {
                return Poll::Ready(Piece::Data(chunk.split_to(most), false));
            }
            let Some(more) = &mut self.more else { return Poll::Ready(Piece::Nothing) };
            match ready!(more.poll_chunks(context)) {
                Some(chunks) => self.chunks.extend(chunks.into_iter().filter(|chunk| !chunk.is_empty())),
                None => {
                    let trailers = more.trailers();
                    self.more = None;
                    self.trailers = trailers.or(self.trailers.take());
                }
            }
        }
    }

    /// Ready when nobody waits for the rest any more.
    pub fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.more.as_mut().map_or(Poll::Pending, |more| more.poll_over(context))
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.poll_piece(context, usize::MAX).map(|piece| match piece {
            Piece::Data(data, _) => Some(Ok(Frame::data(data))),
            Piece::Trailers(trailers) => Some(Ok(Frame::trailers(trailers))),
            Piece::Nothing => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.is_empty() && self.more.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.more, &self.trailers) {
            // With trailers the length says nothing, and gRPC's clients would see it as metadata.
            (Some(_), _) | (_, Some(_)) => SizeHint::default(),
            (None, None) => SizeHint::with_exact(self.chunks.iter().map(|chunk| chunk.len() as u64).sum()),
        }
    }
}
