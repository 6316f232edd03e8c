//! One call that is answered message by message, in any protocol that can: from its exchange to the engine and back.

use std::future::poll_fn;
use std::task::{ready, Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use salver_core::{Answer, Code, Error, Item, Method, Part, Servable, Tensor};
use salver_engine::Permit;
use salver_wire::{Body, Streamed};

use crate::call::{ask, find, Facts};
use crate::http::body::Source;
use crate::metrics::Meter;
use crate::net::arrivals::{Arrivals, Arrived, Ongoing};
use crate::net::desk;
use crate::outgoing::keep;
use crate::shared::Shared;

/// A call on its way. Dropping it cancels the call if it is not over.
pub struct Sequence<E> {
    exchange: E,
    call: Ongoing,
    method: usize,
    /// What the protocol's transport makes of a message.
    frame: fn(Body) -> Body,
    tally: Tally,
}

/// What a call is metered by, once, at its end.
struct Tally {
    meter: Meter,
    began: Instant,
    received: usize,
    sent: usize,
    over: bool,
}

impl<E: Streamed> Sequence<E> {
    /// Puts the call of an exchange in flight, whose answer comes by `arrivals`; or gives it back with why not.
    pub fn begin(
        shared: &Shared,
        mut exchange: E,
        facts: Facts<'_>,
        arrivals: &Arrivals,
    ) -> Result<Sequence<E>, (E, Error)> {
        let Facts { protocol, began, received, .. } = facts;
        let (version, method) = match find(shared, &exchange) {
            Ok(found) => found,
            Err(error) => {
                shared.metrics.calls.refused(protocol, error.code());
                return Err((exchange, error));
            }
        };
        let meter = shared.metrics.calls.meter(&version, method, protocol);
        let mut tally = Tally { meter, began, received, sent: 0, over: false };
        match prepare(&mut exchange, version.servable(), method, facts) {
            Ok((call, streaming)) => {
                let call = arrivals.submit(version, call, streaming);
                Ok(Sequence { exchange, call, method, frame: |message| message, tally })
            }
            Err(error) => {
                tally.end(error.code());
                Err((exchange, error))
            }
        }
    }

    /// The same, each of its messages framed so.
    pub fn framed(self, frame: fn(Body) -> Body) -> Sequence<E> {
        Sequence { frame, ..self }
    }

    /// Keeps the call's permit, which it had to be begun under, until all of its answer has arrived.
    pub fn hold(&self, permit: Permit) {
        self.call.hold(permit);
    }

    /// Names the call among those whose answers arrive at one place.
    pub fn ticket(&self) -> u64 {
        self.call.ticket
    }

    /// Whether items are answered one by one.
    pub fn is_streaming(&self) -> bool {
        self.contract().is_some_and(|method| method.sequence)
    }

    pub fn is_over(&self) -> bool {
        self.tally.over
    }

    fn contract(&self) -> Option<&Method> {
        self.call.version.servable().methods.get(self.method)
    }

    /// The messages for what has arrived.
    pub fn take(&mut self, arrived: Arrived) -> Body {
        let Arrived { items, done, permit, .. } = arrived;
        self.call.took(items.len(), done);
        let mut body = match self.is_streaming() {
            true => items.into_iter().flat_map(|item| self.next(item)).collect(),
            false => self.whole(Answer { items }),
        };
        if done && !self.tally.over {
            body.extend(self.end());
        }
        keep(permit, &mut body);
        body
    }

    fn whole(&mut self, answer: Answer) -> Body {
        match answer.into_columns() {
            Ok(columns) => self.item(columns, true),
            Err(error) => self.fail(&error),
        }
    }

    /// The message for an item of a sequence, unless the sequence is over.
    fn next(&mut self, item: Item) -> Body {
        match item.outcome {
            _ if self.tally.over => Body::new(),
            Ok(columns) if columns.is_empty() && item.last => self.end(),
            Ok(columns) => self.item(columns, item.last),
            Err(error) => self.fail(&error),
        }
    }

    fn item(&mut self, columns: Vec<Tensor>, last: bool) -> Body {
        let servable = self.call.version.servable();
        let method = self.contract().ok_or_else(|| Error::internal("an item of no method"));
        match method.and_then(|method| self.exchange.item(servable, method, columns, last)) {
            Ok(message) => self.message(message, last.then_some(Code::Ok)),
            Err(error) => self.fail(&error),
        }
    }

    fn end(&mut self) -> Body {
        let message = self.exchange.ended(self.call.version.servable());
        self.message(message, Some(Code::Ok))
    }

    /// Ends the call with an error; the message that says so.
    fn fail(&mut self, error: &Error) -> Body {
        let message = self.exchange.failed(error);
        self.message(message, Some(error.code()))
    }

    /// Ends the call with an error that is told otherwise.
    pub fn cut_off(mut self, error: &Error) {
        self.tally.end(error.code());
    }

    /// A message, if there is one, and perhaps how the call has ended with it.
    fn message(&mut self, message: Body, end: Option<Code>) -> Body {
        let body = if message.is_empty() { message } else { (self.frame)(message) };
        self.tally.sent += body.iter().map(Bytes::len).sum::<usize>();
        if let Some(code) = end {
            self.tally.end(code);
        }
        body
    }
}

/// What an exchange asks of a method, and whether its answer comes item by item.
fn prepare<E: Streamed>(
    exchange: &mut E,
    servable: &Servable,
    method: usize,
    facts: Facts<'_>,
) -> Result<(desk::Call, bool), Error> {
    let call = ask(exchange, servable, method, facts)?;
    let streaming = servable.methods.get(method).is_some_and(|method| method.sequence);
    let rows: usize = call.parts.iter().map(Part::rows).sum();
    match streaming && rows != 1 {
        true => Err(Error::malformed("request", format!("a sequence answers a single row, but {rows} were sent"))),
        false => Ok((call, streaming)),
    }
}

impl Tally {
    fn end(&mut self, code: Code) {
        if !self.over {
            self.over = true;
            self.meter.finished(code, self.began.elapsed(), self.received, self.sent);
        }
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}

/// A reply that is one call's answer, message by message.
pub struct Stream<E> {
    sequence: Sequence<E>,
    arrivals: Arrivals,
    /// What was taken in before the reply began.
    first: Option<Arrived>,
}

impl<E: Streamed> Stream<E> {
    /// Puts the call of an exchange in flight, or gives it back with why not.
    pub fn begin(shared: &Shared, exchange: E, facts: Facts<'_>) -> Result<Stream<E>, (E, Error)> {
        let arrivals = Arrivals::new(shared);
        let sequence = Sequence::begin(shared, exchange, facts, &arrivals)?;
        Ok(Stream { sequence, arrivals, first: None })
    }

    /// The same, with the call's permit, which it had to be begun under.
    pub fn holding(self, permit: Permit) -> Stream<E> {
        self.sequence.hold(permit);
        self
    }

    /// Waits for the first of the answer; an error if it is one.
    pub async fn begun(mut self) -> Result<Stream<E>, (E, Error)> {
        let first = poll_fn(|context| self.arrivals.poll(context)).await;
        match first.items.first().map(|item| &item.outcome) {
            Some(Err(error)) => {
                let (error, Sequence { exchange, mut call, mut tally, .. }) = (error.clone(), self.sequence);
                call.took(1, first.done);
                tally.end(error.code());
                Err((exchange, error))
            }
            _ => Ok(Stream { first: Some(first), ..self }),
        }
    }
}

impl<E: Streamed + Send> Source for Stream<E> {
    fn poll_chunks(&mut self, context: &mut Context<'_>) -> Poll<Option<Body>> {
        while !self.sequence.is_over() {
            let arrived = match self.first.take() {
                Some(first) => first,
                None => ready!(self.arrivals.poll(context)),
            };
            let body = self.sequence.take(arrived);
            if !body.is_empty() {
                return Poll::Ready(Some(body));
            }
        }
        Poll::Ready(None)
    }
}
