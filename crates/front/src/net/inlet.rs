//! Reading HTTP/2 from a client: a frame that was begun must go on, and nobody is read for longer than others can wait.

use std::io;
use std::pin::Pin;
use std::task::{ready, Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};

use super::frame::{Head, PREFACE};
use super::pace::Stall;

/// So much is read before others have their turn: many small frames take long to look at.
const RATION: usize = 256 * 1024;

/// A stream of HTTP/2 from a client, beginning with the preface.
pub struct Inlet<S> {
    stream: S,
    place: Place,
    stall: Stall,
    /// What was read since others had their turn.
    taken: usize,
}

impl<S> Inlet<S> {
    /// Reading fails when a frame, or a block of headers, pauses for longer than `patience` before it is whole.
    pub fn new(stream: S, patience: Duration) -> Inlet<S> {
        Inlet { stream, place: Place::default(), stall: Stall::new(patience), taken: 0 }
    }

    fn took(&mut self, bytes: &[u8]) {
        self.taken += bytes.len();
        match self.place.advance(bytes) {
            true => self.stall.done(),
            false => self.stall.moved(bytes.len()),
        }
    }

    /// Nothing has come; an error if that is too long ago.
    fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        self.taken = 0;
        if self.place.is_between() {
            return Poll::Pending;
        }
        ready!(self.stall.poll_over(context));
        let text = "a frame stopped arriving; --header-timeout-s bounds its pauses";
        Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, text))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Inlet<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.taken >= RATION {
            self.taken = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = into.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, into) {
            Poll::Ready(Ok(())) => {
                self.took(&into.filled()[before..]);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.poll_late(context).map(Err),
        }
    }
}

super::write_through!(Inlet);

/// Where in its frames a stream is.
struct Place {
    head: [u8; Head::SIZE],
    /// How much of the next frame's head is there.
    known: usize,
    /// What is missing of a payload.
    left: usize,
    /// Whether a block of headers is to go on in the next frame.
    open: bool,
}

impl Default for Place {
    fn default() -> Place {
        Place { head: [0; Head::SIZE], known: 0, left: PREFACE, open: false }
    }
}

impl Place {
    /// Whether nothing is begun and not ended.
    fn is_between(&self) -> bool {
        self.known == 0 && self.left == 0 && !self.open
    }

    /// Goes on by what has come; whether anything was ended by it.
    fn advance(&mut self, mut bytes: &[u8]) -> bool {
        let mut ended = false;
        while !bytes.is_empty() {
            let missing = if self.left > 0 { self.left } else { Head::SIZE - self.known };
            let (now, later) = bytes.split_at(missing.min(bytes.len()));
            if self.left > 0 {
                self.left -= now.len();
            } else {
                self.head[self.known..self.known + now.len()].copy_from_slice(now);
                self.known += now.len();
                self.enter();
            }
            ended |= self.is_between();
            bytes = later;
        }
        ended
    }

    /// Enters the next frame if its head is there.
    fn enter(&mut self) {
        if self.known == Head::SIZE {
            let head = Head::of(self.head);
            (self.known, self.left) = (0, head.length);
            self.open = head.is_open(self.open);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::Arc;
    use std::task::{Wake, Waker};

    use tokio::io::{empty, repeat, AsyncReadExt};

    use super::super::frame::{CONTINUATION, HEADERS};
    use super::*;

    const END_HEADERS: u8 = 4;

    fn frame(kind: u8, flags: u8, length: u8) -> Vec<u8> {
        [&[0, 0, length, kind, flags, 0, 0, 0, 1][..], &vec![7; length.into()]].concat()
    }

    #[test]
    fn a_stream_is_between_its_frames_only_where_it_is() {
        let frames = [
            (vec![b'.'; PREFACE], true),
            (frame(4, 0, 0), true),
            (frame(0, 0, 20), true),
            (frame(HEADERS, 0, 5), false),
            (frame(CONTINUATION, 0, 0), false),
            (frame(CONTINUATION, END_HEADERS, 3), true),
            (frame(HEADERS, END_HEADERS, 3), true),
        ];
        for piece in [1, 2, 8, 1000] {
            let mut place = Place::default();
            for (bytes, ends) in &frames {
                for (at, now) in bytes.chunks(piece).enumerate() {
                    let last = (at + 1) * piece >= bytes.len();
                    let ended = place.advance(now);
                    assert_eq!((ended, place.is_between()), (last && *ends, last && *ends), "{bytes:?}");
                }
            }
        }
    }

    #[derive(Default)]
    struct Calls(AtomicUsize);

    impl Wake for Calls {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn others_have_their_turn_however_much_there_is_to_read() {
        let calls = Arc::new(Calls::default());
        let waker = Waker::from(Arc::clone(&calls));
        let mut context = Context::from_waker(&waker);
        let mut inlet = Inlet::new(repeat(0), Duration::from_secs(1));
        let mut space = vec![0; 10_000];
        for turn in 1..=3 {
            let mut read = 0;
            loop {
                let mut into = ReadBuf::new(&mut space);
                match Pin::new(&mut inlet).poll_read(&mut context, &mut into) {
                    Poll::Ready(result) => result.unwrap(),
                    Poll::Pending => break,
                }
                read += into.filled().len();
                assert!(read < 2 * RATION, "nobody else has a turn");
            }
            assert!(read >= RATION);
            assert_eq!(calls.0.load(Ordering::Relaxed), turn, "it goes on by itself");
        }
    }

    #[tokio::test]
    async fn what_ends_within_a_frame_ends_for_its_reader_too() {
        let mut inlet = Inlet::new(empty(), Duration::from_secs(1));
        assert_eq!(inlet.read(&mut [0; 8]).await.unwrap(), 0);
    }
}
