use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{ready, Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming as FromWorker;
use salver_wire::Body as Chunks;

use crate::grpc::message::frame_message;
use crate::services::{Incoming, Message, Messages, Status};

/// What comes out of a body besides its data.
pub struct Aside<T>(Arc<Mutex<Option<T>>>);

impl<T> Aside<T> {
    pub fn new() -> Aside<T> {
        Aside(Arc::default())
    }

    pub fn share(&self) -> Aside<T> {
        Aside(Arc::clone(&self.0))
    }

    pub fn put(&self, value: T) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
    }

    pub fn take(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

type Read = (Box<dyn Incoming>, Result<Option<Message>, Status>);

/// A caller's messages on their way to a worker.
pub struct Forwarded {
    ready: Chunks,
    reading: Option<Pin<Box<dyn Future<Output = Read> + Send>>>,
    /// Why the caller's messages cannot be read on.
    failed: Aside<Status>,
}

async fn read(mut incoming: Box<dyn Incoming>) -> Read {
    let read = incoming.next().await;
    (incoming, read)
}

impl Forwarded {
    pub fn new(messages: Messages, failed: Aside<Status>) -> Forwarded {
        match messages {
            Messages::One(bytes) => {
                Forwarded { ready: frame_message(Chunks::from_iter([bytes])), reading: None, failed }
            }
            Messages::Stream(incoming) => {
                Forwarded { ready: Chunks::new(), reading: Some(Box::pin(read(incoming))), failed }
            }
        }
    }
}

/// The caller broke off; the worker's stream is reset.
#[derive(Debug)]
pub struct BrokenOff;

impl std::fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the caller's messages cannot be read")
    }
}

impl std::error::Error for BrokenOff {}

impl Body for Forwarded {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        loop {
            if !self.ready.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(self.ready.remove(0)))));
            }
            let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
            let (incoming, message) = ready!(reading.as_mut().poll(context));
            self.reading = None;
            match message {
                Ok(Some(message)) => {
                    self.ready = frame_message(Chunks::from_iter([message.bytes]));
                    self.reading = Some(Box::pin(read(incoming)));
                }
                Ok(None) => return Poll::Ready(None),
                Err(status) => {
                    self.failed.put(status);
                    return Poll::Ready(Some(Err(BrokenOff)));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ready.is_empty() && self.reading.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.reading {
            Some(_) => SizeHint::default(),
            None => SizeHint::with_exact(self.ready.iter().map(|chunk| chunk.len() as u64).sum()),
        }
    }
}

/// A worker's reply, whose trailers are put aside.
pub struct Reply {
    pub body: FromWorker,
    pub trailers: Aside<HeaderMap>,
}

impl Body for Reply {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match ready!(Pin::new(&mut self.body).poll_frame(context)) {
            Some(Ok(frame)) => match frame.into_trailers() {
                Ok(trailers) => {
                    self.trailers.put(trailers);
                    Poll::Ready(None)
                }
                Err(frame) => Poll::Ready(Some(Ok(frame))),
            },
            end => Poll::Ready(end),
        }
    }
}
