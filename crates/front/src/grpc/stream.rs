//! `ModelStreamInfer`: requests that come with time, each answered by one message or a sequence of them.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{ready, Context, Poll};
use std::time::Instant;

use http::HeaderMap;
use salver_core::Error;
use salver_wire::kserve::grpc::{refused_message, Infer};
use salver_wire::kserve::grpc_status;
use salver_wire::{Body, GrpcReply, Streamed};
use tokio::time::{sleep_until, Sleep};

use super::message::{frame_message, Arrived as Request, Messages};
use super::write_status;
use crate::call::Facts;
use crate::http::body::Source;
use crate::http::request_body::RequestBody;
use crate::metrics::Protocol;
use crate::net::arrivals::{Arrivals, Arrived};
use crate::sequence::Sequence;
use crate::shared::Shared;

/// The reply to a stream of requests.
///
/// Calls run as they come. Sequences are answered as their items come, the other calls in the order of their
/// requests. As many calls are in flight as a connection may have streams; until there is room, no more is read.
pub struct Conversation {
    shared: Arc<Shared>,
    headers: HeaderMap,
    deadline: Option<Deadline>,
    stopping: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Until all requests are read.
    reading: Option<Pin<Box<dyn Future<Output = Read> + Send>>>,
    arrivals: Arrivals,
    open: HashMap<u64, Open>,
    /// The replies that must keep their order, from number `given` on; `None` for one that is not there yet.
    ordered: VecDeque<Option<Body>>,
    given: u64,
    trailers: Option<HeaderMap>,
}

struct Deadline {
    at: Instant,
    timer: Pin<Box<Sleep>>,
}

/// A call in flight.
struct Open {
    sequence: Sequence<Infer>,
    /// Its number among the replies that must keep their order.
    place: Option<u64>,
}

/// What was read, and what to read on from.
type Read = (Messages<RequestBody>, Result<Option<Result<Request, Error>>, Error>);

async fn read(shared: Arc<Shared>, mut messages: Messages<RequestBody>) -> Read {
    let read = messages.next(&shared).await;
    (messages, read)
}

impl Conversation {
    pub fn new(
        shared: Arc<Shared>,
        headers: HeaderMap,
        deadline: Option<Instant>,
        messages: Messages<RequestBody>,
    ) -> Conversation {
        let mut stopping = shared.stopping();
        let stopping = Box::pin(async move {
            // A server that is gone has stopped too.
            let _ = stopping.wait_for(|stop| *stop).await;
        });
        Conversation {
            deadline: deadline.map(|at| Deadline { at, timer: Box::pin(sleep_until(at.into())) }),
            stopping,
            reading: Some(Box::pin(read(Arc::clone(&shared), messages))),
            arrivals: Arrivals::new(&shared),
            open: HashMap::new(),
            ordered: VecDeque::new(),
            given: 0,
            trailers: None,
            shared,
            headers,
        }
    }

    /// Reads the next request if there is room and it is there; whether there was one.
    fn read_next(&mut self, context: &mut Context<'_>) -> bool {
        let full = self.open.len().max(self.ordered.len()) >= self.shared.settings.max_streams as usize;
        let Some(reading) = self.reading.as_mut().filter(|_| !full) else { return false };
        let Poll::Ready((messages, read)) = reading.as_mut().poll(context) else { return false };
        self.reading = None;
        match read {
            Ok(None) => return true,
            Ok(Some(Ok(request))) => self.begin(request),
            Ok(Some(Err(error))) => self.refuse_unread(&error),
            Err(error) => self.end(&error),
        }
        if self.trailers.is_none() {
            self.reading = Some(Box::pin(self::read(Arc::clone(&self.shared), messages)));
        }
        true
    }

    fn begin(&mut self, request: Request) {
        let Request { message, mut permit } = request;
        let (began, deadline) = (Instant::now(), self.deadline.as_ref().map(|deadline| deadline.at));
        let received = message.len();
        let exchange = match Infer::parse(message) {
            Ok(exchange) => exchange,
            Err(error) => return self.refuse_unread(&error),
        };
        let protocol = Protocol::KserveGrpc;
        let facts = Facts { protocol, began, deadline, received, headers: &self.headers, permit: &mut permit };
        match Sequence::begin(&self.shared, exchange, facts, &self.arrivals) {
            Ok(sequence) => {
                let place = (!sequence.is_streaming()).then(|| self.given + self.ordered.len() as u64);
                self.ordered.extend(place.map(|_| None));
                let sequence = sequence.framed(frame_message);
                sequence.hold(permit);
                self.open.insert(sequence.ticket(), Open { sequence, place });
            }
            Err((exchange, error)) => self.refuse(exchange.failed(&error)),
        }
    }

    /// Answers a request with an error, in its turn.
    fn refuse(&mut self, message: Body) {
        self.ordered.push_back(Some(frame_message(message)));
    }

    /// Answers a request of which nothing is known.
    fn refuse_unread(&mut self, error: &Error) {
        self.shared.metrics.calls.refused(Protocol::KserveGrpc, error.code());
        self.refuse(refused_message(error));
    }

    /// What may be sent now that something has arrived.
    fn arrived(&mut self, arrived: Arrived) -> Body {
        let Entry::Occupied(mut entry) = self.open.entry(arrived.ticket) else { return Body::new() };
        let Open { sequence, place, .. } = entry.get_mut();
        let (body, place) = (sequence.take(arrived), *place);
        if sequence.is_over() {
            entry.remove();
        }
        let place = place.and_then(|place| self.ordered.get_mut((place - self.given) as usize));
        match place {
            None => body,
            Some(place) => {
                *place = Some(body);
                self.in_order()
            }
        }
    }

    /// What may be sent of the replies that must keep their order.
    fn in_order(&mut self) -> Body {
        let mut ready = Body::new();
        while self.ordered.front().is_some_and(Option::is_some) {
            ready.extend(self.ordered.pop_front().flatten().unwrap_or_default());
            self.given += 1;
        }
        ready
    }

    /// Ends the stream before its time.
    fn end(&mut self, error: &Error) {
        self.open.drain().for_each(|(_, open)| open.sequence.cut_off(error));
        self.reading = None;
        let GrpcReply { code, message, .. } = grpc_status(error, "");
        self.close(code, &message);
    }

    fn close(&mut self, code: u32, message: &str) {
        let mut trailers = HeaderMap::with_capacity(2);
        write_status(&mut trailers, code, message);
        self.trailers = Some(trailers);
    }

    fn is_answered(&self) -> bool {
        self.reading.is_none() && self.open.is_empty() && self.ordered.is_empty()
    }

    /// Why the stream should end now.
    fn interruption(&mut self, context: &mut Context<'_>) -> Option<Error> {
        let late = self.deadline.as_mut().is_some_and(|deadline| deadline.timer.as_mut().poll(context).is_ready());
        match late {
            true => Some(Error::DeadlineExceeded),
            false => self.stopping.as_mut().poll(context).is_ready().then_some(Error::Draining),
        }
    }
}

impl Source for Conversation {
    fn poll_chunks(&mut self, context: &mut Context<'_>) -> Poll<Option<Body>> {
        while self.trailers.is_none() {
            if self.read_next(context) {
                continue;
            }
            let ready = self.in_order();
            if !ready.is_empty() {
                return Poll::Ready(Some(ready));
            }
            if self.is_answered() {
                self.close(0, "");
            } else if let Some(error) = self.interruption(context) {
                self.end(&error);
            } else {
                let arrived = ready!(self.arrivals.poll(context));
                let body = self.arrived(arrived);
                if !body.is_empty() {
                    return Poll::Ready(Some(body));
                }
            }
        }
        Poll::Ready(None)
    }

    fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(error) = self.interruption(context) else { return Poll::Pending };
        self.end(&error);
        Poll::Ready(())
    }

    fn trailers(&mut self) -> Option<HeaderMap> {
        self.trailers.take()
    }
}
