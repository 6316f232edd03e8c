//! One call, in any protocol: from its exchange to the engine and back.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use salver_core::{Answer, Code, Error, Part, Tensor};
use salver_engine::{clock, Permit, Version};
use salver_wire::{Body, Exchange, GrpcReply, HttpReply};
use tokio::time::timeout_at;

use crate::metrics::Protocol;
use crate::net::desk;
use crate::shared::Shared;

/// The facts of a call that no protocol changes.
pub struct Facts<'a> {
    pub protocol: Protocol,
    pub began: Instant,
    pub deadline: Option<Instant>,
    /// Bytes of the request.
    pub received: usize,
    /// Holds what was received; what that takes beyond its bytes once it is read is added to it.
    pub permit: &'a mut Permit,
}

/// A reply of any protocol.
pub trait Reply {
    fn body(&mut self) -> &mut Body;
}

impl Reply for GrpcReply {
    fn body(&mut self) -> &mut Body {
        &mut self.body
    }
}

impl Reply for HttpReply {
    fn body(&mut self) -> &mut Body {
        &mut self.body
    }
}

/// Answers or refuses one exchange. Dropping the future cancels the call.
pub async fn call<E>(shared: &Shared, mut exchange: E, facts: Facts<'_>) -> E::Reply
where
    E: Exchange,
    E::Reply: Reply,
{
    let (version, index) = match find(shared, &exchange) {
        Ok(found) => found,
        Err(error) => {
            shared.metrics.calls.refused(facts.protocol, error.code());
            return exchange.refuse(&error);
        }
    };
    let servable = version.servable();
    let Some(method) = servable.methods.get(index) else {
        return exchange.refuse(&Error::internal("a route to a method that is not there"));
    };
    let outcome = match exchange.parts(servable, method) {
        Ok(parts) if parts.is_empty() => Ok(Answer::default()),
        Ok(parts) => match facts.permit.grow(excess(&parts, facts.received)) {
            Ok(()) => run(&version, index, parts, facts.deadline).await,
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    let outcome = outcome.and_then(|answer| Ok((hold(shared, &answer)?, answer)));
    let (code, mut reply) = match outcome {
        Ok((held, answer)) => {
            let code = code_of(&answer);
            let mut reply = exchange.answer(servable, method, answer);
            keep(held, reply.body());
            (code, reply)
        }
        Err(error) => (error.code(), exchange.refuse(&error)),
    };
    let sent = reply.body().iter().map(Bytes::len).sum();
    let meter = shared.metrics.calls.meter(&version, index, facts.protocol);
    meter.finished(code, facts.began.elapsed(), facts.received, sent);
    reply
}

/// Replies from here on, and chunks of them, are counted until they are sent.
const LARGE: usize = 16 * 1024;

/// A permit for a large answer, so that what callers ask for and do not read is bounded.
fn hold(shared: &Shared, answer: &Answer) -> Result<Option<Permit>, Error> {
    let columns = answer.items.iter().filter_map(|item| item.outcome.as_ref().ok()).flatten();
    let weight: usize = columns.map(Tensor::weight).sum();
    if weight < LARGE {
        return Ok(None);
    }
    let mut permit = shared.outgoing.admit()?;
    permit.grow(weight as u64)?;
    Ok(Some(permit))
}

/// Ties the permit to the reply's large chunks: it is given back when the last of them is sent, or dropped.
fn keep(permit: Option<Permit>, body: &mut Body) {
    let Some(permit) = permit.map(Arc::new) else { return };
    for chunk in body.iter_mut().filter(|chunk| chunk.len() >= LARGE) {
        let bytes = std::mem::take(chunk);
        *chunk = Bytes::from_owner(Held { bytes, _permit: Arc::clone(&permit) });
    }
}

struct Held {
    bytes: Bytes,
    _permit: Arc<Permit>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// How much more memory the parts take than the request did: a short text takes more for its place than for itself.
fn excess(parts: &[Part], received: usize) -> u64 {
    let weight: usize = parts.iter().map(Part::weight).sum();
    weight.saturating_sub(received) as u64
}

fn find<E: Exchange>(shared: &Shared, exchange: &E) -> Result<(Arc<Version>, usize), Error> {
    let target = exchange.target()?;
    shared.router.load().resolve(target.servable, target.version, target.method, target.dotted)
}

async fn run(
    version: &Arc<Version>,
    method: usize,
    parts: Vec<Part>,
    deadline: Option<Instant>,
) -> Result<Answer, Error> {
    let Some(deadline) = deadline else {
        return desk::submit(Arc::clone(version), method, parts, None).await;
    };
    let in_engine_time = clock::after(deadline.saturating_duration_since(Instant::now()));
    let in_flight = desk::submit(Arc::clone(version), method, parts, Some(in_engine_time));
    timeout_at(deadline.into(), in_flight).await.unwrap_or(Err(Error::DeadlineExceeded))
}

/// The code of an answer: that of its first error if no row succeeded.
fn code_of(answer: &Answer) -> Code {
    let mut errors = answer.items.iter().map(|item| item.outcome.as_ref().err());
    match errors.next() {
        Some(Some(first)) if errors.all(|error| error.is_some()) => first.code(),
        _ => Code::Ok,
    }
}
