use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

/// Why a body cannot be read on.
pub type Broken = Box<dyn std::error::Error + Send + Sync>;

/// A request's body: as it comes from the network, or what a protocol makes of that.
pub enum RequestBody {
    Plain(Incoming),
    Made(Pin<Box<dyn Body<Data = Bytes, Error = Broken> + Send>>),
}

impl RequestBody {
    pub fn made(body: impl Body<Data = Bytes, Error = Broken> + Send + 'static) -> RequestBody {
        RequestBody::Made(Box::pin(body))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match &mut *self {
            RequestBody::Plain(body) => {
                Pin::new(body).poll_frame(context).map(|frame| frame.map(|frame| frame.map_err(Broken::from)))
            }
            RequestBody::Made(body) => body.as_mut().poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            RequestBody::Plain(body) => body.is_end_stream(),
            RequestBody::Made(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            RequestBody::Plain(body) => body.size_hint(),
            RequestBody::Made(body) => body.size_hint(),
        }
    }
}
