//! Users' own services over gRPC.

use std::future::{poll_fn, Future};
use std::mem::take;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::BytesMut;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response};
use salver_core::Error;
use salver_engine::Admission;
use salver_wire::Body as Chunks;
use tokio::time::timeout_at;

use super::message::{frame_compressed, frame_message, read_message, request_encoding, Messages as Framed};
use super::service::{deadline, grpc_response, ACCEPT_ENCODING, ENCODING};
use super::write_status;
use crate::http::body::{ReplyBody, Source};
use crate::http::compression::Encoding;
use crate::http::receive::Pieces;
use crate::http::request_body::RequestBody;
use crate::metrics::Protocol;
use crate::net::peer::Peer;
use crate::services::{begin, Event, Incoming, Message, Messages, Method, Reply, Request, Status};
use crate::shared::Shared;

/// Small messages are sent together up to this size.
const TOGETHER: usize = 16 * 1024;
/// So much of a reply is gathered at once.
const HELPING: usize = 64 * 1024;

/// Serves one call of a method.
pub async fn serve(
    shared: Arc<Shared>,
    method: Arc<Method>,
    peer: Arc<Peer>,
    (parts, body): (Parts, RequestBody),
    began: Instant,
) -> Response<ReplyBody> {
    let accepted = accepted(&parts.headers);
    let protocol = protocol(&parts);
    let request = match read(&shared, method, peer, (parts, body), began).await {
        Ok(request) => request,
        Err(error) => {
            shared.metrics.calls.refused(protocol, error.code());
            return ended(Status::from(&error));
        }
    };
    match begin(&shared, request) {
        Ok(reply) => respond(reply, accepted, &shared.outgoing).await,
        Err(status) => ended(status),
    }
}

/// What the caller speaks: gRPC, unless it was translated.
fn protocol(parts: &Parts) -> Protocol {
    parts.extensions.get().copied().unwrap_or(Protocol::Grpc)
}

async fn read(
    shared: &Arc<Shared>,
    method: Arc<Method>,
    peer: Arc<Peer>,
    (parts, body): (Parts, RequestBody),
    began: Instant,
) -> Result<Request, Error> {
    let protocol = protocol(&parts);
    let headers = parts.headers;
    let mut permit = shared.admission.knock()?;
    let deadline = deadline(&headers, began)?;
    let encoding = request_encoding(&headers)?;
    let messages = if method.client_streams {
        let (messages, shared) = (Framed::new(body, encoding), Arc::clone(shared));
        Messages::Stream(Box::new(Reading { messages, shared }))
    } else {
        let pieces = Pieces::new(body, &mut permit, shared.settings.header_timeout());
        let reading = read_message(pieces, encoding, shared.settings.max_message_bytes);
        Messages::One(match deadline {
            None => reading.await?,
            Some(deadline) => timeout_at(deadline.into(), reading).await.unwrap_or(Err(Error::DeadlineExceeded))?,
        })
    };
    permit.enter()?;
    Ok(Request { method, protocol, began, deadline, headers, peer, messages, permit })
}

/// A caller's messages as they come.
struct Reading {
    messages: Framed<RequestBody>,
    shared: Arc<Shared>,
}

impl Incoming for Reading {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Result<Option<Message>, Status>> + Send + '_>> {
        Box::pin(async {
            let arrived = self.messages.next_held(&self.shared).await.map_err(|error| Status::from(&error))?;
            Ok(arrived.map(|arrived| Message { bytes: arrived.message, permit: Some(arrived.permit) }))
        })
    }
}

/// The encodings that the caller takes.
#[derive(Clone, Copy)]
struct Accepted([bool; Encoding::ALL.len()]);

fn accepted(headers: &HeaderMap) -> Accepted {
    let list = headers.get(ACCEPT_ENCODING).and_then(|list| list.to_str().ok()).unwrap_or_default();
    Accepted(Encoding::ALL.map(|encoding| list.split(',').any(|name| name.trim() == encoding.name())))
}

impl Accepted {
    fn admits(self, encoding: Encoding) -> bool {
        Encoding::ALL.into_iter().zip(self.0).any(|(other, admitted)| other == encoding && admitted)
    }
}

/// The response to a call: its head as soon as the handler has said something.
async fn respond(mut reply: Reply, accepted: Accepted, outgoing: &Arc<Admission>) -> Response<ReplyBody> {
    let mut first = Some(reply.next().await);
    let mut head = HeaderMap::new();
    let mut used = None;
    let mut opened = false;
    if let Some(Event::Metadata { headers, encoding }) = first {
        used = encoding.filter(|&encoding| accepted.admits(encoding));
        (head, opened) = (headers, true);
        first = now(&mut reply).await;
    }
    let body = match first {
        Some(Event::End(status)) if !opened => return ended(status),
        Some(Event::Message { bytes, .. }) if used.is_none() => {
            let framed = frame_message(Chunks::from_iter([bytes]));
            match now(&mut reply).await {
                Some(Event::End(status)) => ReplyBody::chunks(framed).with_trailers(trailers(status)),
                next => ReplyBody::stream(Streaming::new(reply, None, outgoing).beginning(framed).then(next)),
            }
        }
        next => ReplyBody::stream(Streaming::new(reply, used, outgoing).then(next)),
    };
    let mut response = grpc_response(body);
    if let Some(encoding) = used {
        response.headers_mut().insert(ENCODING, HeaderValue::from_static(encoding.name()));
    }
    response.headers_mut().extend(head);
    response
}

/// The next event, if it is there.
async fn now(reply: &mut Reply) -> Option<Event> {
    poll_fn(|context| {
        Poll::Ready(match reply.poll_next(context) {
            Poll::Ready(event) => Some(event),
            Poll::Pending => None,
        })
    })
    .await
}

/// A reply without metadata and messages.
fn ended(status: Status) -> Response<ReplyBody> {
    let mut response = grpc_response(ReplyBody::empty());
    response.headers_mut().extend(trailers(status));
    response
}

fn trailers(status: Status) -> HeaderMap {
    let mut trailers = status.trailers;
    write_status(&mut trailers, status.code, &status.message);
    trailers
}

type Packing = Pin<Box<dyn Future<Output = Result<Chunks, Error>> + Send>>;

/// A reply's messages as they come.
struct Streaming {
    reply: Reply,
    encoding: Option<Encoding>,
    outgoing: Arc<Admission>,
    /// What is ready to be sent.
    ready: Chunks,
    size: usize,
    /// Small messages, one behind the other.
    small: BytesMut,
    /// A message that is being compressed.
    packing: Option<Packing>,
    end: Option<HeaderMap>,
}

impl Streaming {
    fn new(reply: Reply, encoding: Option<Encoding>, outgoing: &Arc<Admission>) -> Streaming {
        let (outgoing, ready, small) = (Arc::clone(outgoing), Chunks::new(), BytesMut::new());
        Streaming { reply, encoding, outgoing, ready, size: 0, small, packing: None, end: None }
    }

    fn beginning(mut self, framed: Chunks) -> Streaming {
        self.add(framed);
        self
    }

    fn then(mut self, event: Option<Event>) -> Streaming {
        event.into_iter().for_each(|event| self.take(event));
        self
    }

    fn take(&mut self, event: Event) {
        match event {
            // It can only be the first.
            Event::Metadata { .. } => {}
            Event::Message { bytes, compress } => {
                let message = Chunks::from_iter([bytes]);
                match self.encoding.filter(|_| compress) {
                    None => self.add(frame_message(message)),
                    Some(encoding) => {
                        let outgoing = Arc::clone(&self.outgoing);
                        let packing = async move { frame_compressed(message, encoding, &outgoing).await };
                        self.packing = Some(Box::pin(packing));
                    }
                }
            }
            Event::End(status) => self.end = Some(trailers(status)),
        }
    }

    fn add(&mut self, framed: Chunks) {
        for chunk in framed {
            self.size += chunk.len();
            if chunk.len() + self.small.len() > TOGETHER {
                self.flush();
            }
            match chunk.len() {
                ..TOGETHER => self.small.extend_from_slice(&chunk),
                _ => self.ready.push(chunk),
            }
        }
    }

    fn flush(&mut self) {
        if !self.small.is_empty() {
            self.ready.push(self.small.split().freeze());
        }
    }

    /// Does what can be done now; false if there is nothing.
    fn advance(&mut self, context: &mut Context<'_>) -> bool {
        if let Some(packing) = &mut self.packing {
            let Poll::Ready(packed) = packing.as_mut().poll(context) else { return false };
            self.packing = None;
            match packed {
                Ok(framed) => self.add(framed),
                Err(error) => self.end = Some(trailers(Status::from(&error))),
            }
            return true;
        }
        match self.reply.poll_next(context) {
            Poll::Ready(event) => self.take(event),
            Poll::Pending => return false,
        }
        true
    }
}

impl Source for Streaming {
    fn poll_chunks(&mut self, context: &mut Context<'_>) -> Poll<Option<Chunks>> {
        while self.end.is_none() && self.size < HELPING && self.advance(context) {}
        self.flush();
        self.size = 0;
        match take(&mut self.ready) {
            ready if !ready.is_empty() => Poll::Ready(Some(ready)),
            _ if self.end.is_some() => Poll::Ready(None),
            _ => Poll::Pending,
        }
    }

    fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.reply.poll_over(context)
    }

    fn trailers(&mut self) -> Option<HeaderMap> {
        self.end.take()
    }
}
