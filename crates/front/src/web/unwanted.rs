use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::runtime::Handle;

use crate::http::receive::discard;
use crate::http::request_body::{Broken, RequestBody};
use crate::settings::Settings;

/// A body over HTTP/1 that is read on for a while if it is dropped before its end, so that a client who is still sending
/// gets to read the reply.
pub struct Read {
    body: Option<RequestBody>,
    settings: Settings,
}

impl Read {
    pub fn new(body: RequestBody, settings: Settings) -> Read {
        Read { body: Some(body), settings }
    }
}

impl Body for Read {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = Pin::new(body).poll_frame(context);
        if matches!(frame, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for Read {
    fn drop(&mut self) {
        let unread = self.body.take().filter(|body| !body.is_end_stream());
        if let (Some(body), Ok(runtime)) = (unread, Handle::try_current()) {
            runtime.spawn(discard(body, self.settings.clone()));
        }
    }
}
