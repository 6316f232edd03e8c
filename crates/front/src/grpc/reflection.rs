//! `grpc.reflection.v1` and `v1alpha`: one request after the other, each answered by one message.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{ready, Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Response};
use salver_core::{Code, Error};
use salver_wire::reflection::answer;
use salver_wire::Body;
use tokio::time::timeout;

use super::message::{frame_message, request_encoding, Arrived, Messages};
use super::service::grpc_response;
use super::write_status;
use crate::aside::elsewhere_held;
use crate::http::body::{ReplyBody, Source};
use crate::http::compression::too_large;
use crate::http::request_body::RequestBody;
use crate::outgoing::page;
use crate::services::Status;
use crate::shared::Shared;

/// A request holds a name or two.
const LARGEST_REQUEST: u64 = 4 * 1024;
/// So many intervals of keep-alive a stream may stay without a request.
const IDLE_INTERVALS: u32 = 10;

/// Serves `ServerReflectionInfo`.
pub fn serve(shared: &Arc<Shared>, headers: &HeaderMap, body: RequestBody) -> Response<ReplyBody> {
    let encoding = request_encoding(headers).map_err(|error| Status::from(&error));
    let turn = encoding.map(|encoding| turn(Arc::clone(shared), Messages::new(body, encoding)));
    let (turn, end) = match turn {
        Ok(turn) => (Some(turn), None),
        Err(status) => (None, Some(status)),
    };
    let mut stopping = shared.stopping();
    let stopping = Box::pin(async move {
        // A server that is gone has stopped too.
        let _ = stopping.wait_for(|stop| *stop).await;
    });
    grpc_response(ReplyBody::stream(Mirror { shared: Arc::clone(shared), turn, stopping, end }))
}

type Turn = Pin<Box<dyn Future<Output = (Messages<RequestBody>, Result<Option<Body>, Status>)> + Send>>;

/// The replies to a stream of requests. No request is read before the reply to the one before it is on its way.
struct Mirror {
    shared: Arc<Shared>,
    turn: Option<Turn>,
    stopping: Pin<Box<dyn Future<Output = ()> + Send>>,
    end: Option<Status>,
}

/// Reads a request and answers it.
fn turn(shared: Arc<Shared>, mut messages: Messages<RequestBody>) -> Turn {
    Box::pin(async move {
        let answered = match request(&shared, &mut messages).await {
            Ok(Some(arrived)) => reply(shared, arrived).await.map(Some).map_err(|error| Status::from(&error)),
            Ok(None) => Ok(None),
            Err(status) => Err(status),
        };
        (messages, answered)
    })
}

async fn request(shared: &Shared, messages: &mut Messages<RequestBody>) -> Result<Option<Arrived>, Status> {
    let longest = shared.settings.keep_alive() * IDLE_INTERVALS;
    let idle = |_| {
        let text = format!("no request came for {} s; begin another stream for the next", longest.as_secs());
        Status::new(Code::Unavailable, text)
    };
    let arrived = timeout(longest, messages.next_held(shared)).await.map_err(idle)?;
    match arrived.map_err(|error| Status::from(&error))? {
        Some(arrived) if arrived.message.len() as u64 > LARGEST_REQUEST => {
            Err(Status::from(&too_large(arrived.message.len() as u64, LARGEST_REQUEST)))
        }
        arrived => Ok(arrived),
    }
}

/// The files of the built-in services are compiled when they are first asked for, beside the network threads.
async fn reply(shared: Arc<Shared>, arrived: Arrived) -> Result<Body, Error> {
    let Arrived { message, mut permit } = arrived;
    let answered = elsewhere_held(&mut permit, move |_| {
        let index = shared.services.load().index(shared.built_in()?);
        page(&shared.pages, Body::from_iter([Bytes::from(answer(&index, message)?)]))
    });
    Ok(frame_message(answered.await?))
}

impl Source for Mirror {
    fn poll_chunks(&mut self, context: &mut Context<'_>) -> Poll<Option<Body>> {
        let Some(turn) = &mut self.turn else { return Poll::Ready(None) };
        if self.stopping.as_mut().poll(context).is_ready() {
            (self.turn, self.end) = (None, Some(Status::from(&Error::Draining)));
            return Poll::Ready(None);
        }
        let (messages, answered) = ready!(turn.as_mut().poll(context));
        self.turn = None;
        Poll::Ready(match answered {
            Ok(Some(reply)) => {
                self.turn = Some(self::turn(Arc::clone(&self.shared), messages));
                Some(reply)
            }
            Ok(None) => None,
            Err(status) => {
                self.end = Some(status);
                None
            }
        })
    }

    fn trailers(&mut self) -> Option<HeaderMap> {
        let Status { code, message, .. } = self.end.take().unwrap_or_default();
        let mut trailers = HeaderMap::with_capacity(2);
        write_status(&mut trailers, code, &message);
        Some(trailers)
    }
}
