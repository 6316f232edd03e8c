use std::future::{poll_fn, Future};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use salver_core::{Code, Error};
use tokio::time::{sleep_until, Sleep};

use super::local::{Answers, Opening};
use super::rows::{RowsCall, RowsReply};
use super::workers::{Calling, Outward};
use super::{Backend, Event, Request, Status};
use crate::metrics::Meter;
use crate::shared::Shared;

/// The reply to a call, as it comes. Dropping it before its end cancels the call.
///
/// It ends by itself when the call's deadline has passed or the server stops, whatever its handler does.
pub struct Reply {
    source: Source,
    deadline: Option<Deadline>,
    shared: Arc<Shared>,
    stopping: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    tally: Tally,
}

enum Source {
    Local(Answers),
    Calling(Calling),
    Rows(Box<RowsReply>),
    Over,
}

enum Deadline {
    At(Instant),
    Timer(Pin<Box<Sleep>>),
}

/// What a call is metered by, once, at its end.
struct Tally {
    meter: Meter,
    began: Instant,
    received: Arc<AtomicUsize>,
    sent: usize,
    over: bool,
}

impl Reply {
    pub(super) fn begin(shared: &Arc<Shared>, request: Request) -> Result<Reply, Status> {
        let Request { method, protocol, began, deadline, .. } = &request;
        let meter = shared.metrics.calls.own_meter(method, *protocol);
        let received = Arc::new(AtomicUsize::new(0));
        let mut tally = Tally { meter, began: *began, received, sent: 0, over: false };
        let deadline = deadline.map(Deadline::At);
        let Request { method, protocol, headers, peer, messages, permit, deadline: at, .. } = request;
        let messages = messages.counted(&tally.received);
        let begun = match &method.backend {
            Backend::Local(queue) => {
                let opening = Opening { method: Arc::clone(&method), headers, peer, deadline: at, permit };
                Answers::begin(shared, queue, opening, messages).map(Source::Local)
            }
            Backend::Workers(workers) => {
                let outward = Outward { method: Arc::clone(&method), headers, peer, deadline: at, permit, messages };
                Ok(Source::Calling(Calling::begin(shared, workers, outward)))
            }
            Backend::Rows(rows) => {
                let (began, deadline) = (tally.began, at);
                let call = RowsCall { rows, protocol, began, deadline, headers, messages, permit };
                RowsReply::begin(shared, call).map(Box::new).map(Source::Rows)
            }
        };
        match begun {
            Ok(source) => Ok(Reply { source, deadline, shared: Arc::clone(shared), stopping: None, tally }),
            Err(status) => {
                tally.end(status.code);
                Err(status)
            }
        }
    }

    /// The next event; none may be asked for after the end.
    pub async fn next(&mut self) -> Event {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// The same, in the way of [`std::task`].
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        let polled = match &mut self.source {
            Source::Local(answers) => answers.poll(context),
            Source::Calling(calling) => calling.poll(context),
            Source::Rows(rows) => rows.poll(context),
            Source::Over => return Poll::Pending,
        };
        let event = match polled {
            Poll::Ready(event) => event,
            Poll::Pending => match self.interruption(context) {
                Some(error) => Event::End(Status::from(&error)),
                None => return Poll::Pending,
            },
        };
        match &event {
            Event::Metadata { .. } => {}
            Event::Message { bytes, .. } => self.tally.sent += bytes.len(),
            Event::End(status) => {
                self.tally.end(status.code);
                self.source = Source::Over;
            }
        }
        Poll::Ready(event)
    }

    /// Ready when the call has ended by itself although nobody could be told of it.
    pub fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if matches!(self.source, Source::Over) {
            return Poll::Pending;
        }
        let Some(error) = self.interruption(context) else { return Poll::Pending };
        self.tally.end(error.code() as u32);
        self.source = Source::Over;
        Poll::Ready(())
    }

    /// Why the call should end now.
    fn interruption(&mut self, context: &mut Context<'_>) -> Option<Error> {
        if let Some(Deadline::At(at)) = self.deadline {
            self.deadline = Some(Deadline::Timer(Box::pin(sleep_until(at.into()))));
        }
        if let Some(Deadline::Timer(timer)) = &mut self.deadline {
            if timer.as_mut().poll(context).is_ready() {
                return Some(Error::DeadlineExceeded);
            }
        }
        let shared = &self.shared;
        let stopping = self.stopping.get_or_insert_with(|| {
            let mut stopping = shared.stopping();
            Box::pin(async move {
                // A server that is gone has stopped too.
                let _ = stopping.wait_for(|stop| *stop).await;
            })
        });
        stopping.as_mut().poll(context).is_ready().then_some(Error::Draining)
    }
}

impl Tally {
    fn end(&mut self, code: u32) {
        if !std::mem::replace(&mut self.over, true) {
            let received = self.received.load(Ordering::Relaxed);
            self.meter.finished(Code::of(code), self.began.elapsed(), received, self.sent);
        }
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.end(Code::Cancelled as u32);
    }
}
