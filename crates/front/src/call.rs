//! One call, in any protocol: from its exchange to the engine and back.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use salver_core::{Answer, Code, Error, Method, Part, Servable};
use salver_engine::{clock, Permit, Version};
use salver_wire::{details, Body, Exchange, GrpcReply, HttpReply, Target};
use tokio::time::timeout_at;

use crate::metrics::Protocol;
use crate::net::desk;
use crate::outgoing::{hold_large, keep};
use crate::shared::Shared;

/// The facts of a call that no protocol changes.
pub struct Facts<'a> {
    pub protocol: Protocol,
    pub began: Instant,
    pub deadline: Option<Instant>,
    /// Bytes of the request.
    pub received: usize,
    pub headers: &'a HeaderMap,
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
    let Facts { protocol, began, deadline, received, .. } = facts;
    let asked = match method.sequence {
        false => ask(&mut exchange, servable, index, facts),
        true => Err(only_as_a_stream(servable, method)),
    };
    let rows = asked.as_ref().map_or(0, |call| call.parts.iter().map(Part::rows).sum());
    let outcome = match asked {
        Ok(call) if call.parts.is_empty() => Ok(Answer::default()),
        Ok(call) => run(&version, call, deadline).await,
        Err(error) => Err(error),
    };
    let outcome = outcome.and_then(|answer| Ok((hold_large(&shared.outgoing, &answer.items)?, answer)));
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
    let meter = shared.metrics.calls.meter(&version, index, protocol);
    meter.asked(rows);
    meter.finished(code, began.elapsed(), received, sent);
    reply
}

/// Whom an exchange is for: a version, and the index of its method.
pub fn find<E: Exchange>(shared: &Shared, exchange: &E) -> Result<(Arc<Version>, usize), Error> {
    find_target(shared, &exchange.target()?)
}

/// The same for a target by itself. A label that no version has may be a version's number.
pub fn find_target(shared: &Shared, target: &Target<'_>) -> Result<(Arc<Version>, usize), Error> {
    let routes = shared.router.load();
    let labelled = target.label.map(|label| {
        let number = routes.resolve_label(target.servable, label);
        number.or_else(|error| target.labelled_number().ok_or(error))
    });
    let version = labelled.transpose()?.or(target.version);
    routes.resolve(target.servable, version, target.method, target.dotted)
}

/// What an exchange asks of a method.
pub fn ask<E: Exchange>(
    exchange: &mut E,
    servable: &Servable,
    method: usize,
    facts: Facts<'_>,
) -> Result<desk::Call, Error> {
    let contract = servable.methods.get(method).ok_or_else(|| Error::internal("a call of no method"))?;
    let parts = exchange.parts(servable, contract)?;
    facts.permit.grow(excess(&parts, facts.received))?;
    let details = wants_details(servable, contract).then(|| {
        let headers = facts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        details(headers, &exchange.parameters()).into()
    });
    let left = |deadline: Instant| clock::after(deadline.saturating_duration_since(Instant::now()));
    Ok(desk::Call { method, parts, deadline: facts.deadline.map(left), details })
}

/// How much more memory the parts take than the request did: a short text takes more for its place than for itself.
fn excess(parts: &[Part], received: usize) -> u64 {
    let weight: usize = parts.iter().map(Part::weight).sum();
    weight.saturating_sub(received) as u64
}

fn wants_details(servable: &Servable, method: &Method) -> bool {
    method.plan.steps.iter().any(|step| servable.stages.get(step.stage).is_some_and(|stage| stage.context))
}

fn only_as_a_stream(servable: &Servable, method: &Method) -> Error {
    let (servable, method) = (&servable.name, &method.name);
    Error::Unsupported {
        what: format!(
            "method '{method}' of servable '{servable}' answers with a sequence, which this request cannot take; \
             send plain JSON with the header 'Accept: text/event-stream', or use ModelStreamInfer of KServe V2"
        ),
    }
}

async fn run(version: &Arc<Version>, call: desk::Call, deadline: Option<Instant>) -> Result<Answer, Error> {
    let in_flight = desk::submit(Arc::clone(version), call);
    match deadline {
        None => in_flight.await,
        Some(deadline) => timeout_at(deadline.into(), in_flight).await.unwrap_or(Err(Error::DeadlineExceeded)),
    }
}

/// The code of an answer: that of its first error if no row succeeded.
fn code_of(answer: &Answer) -> Code {
    let mut errors = answer.items.iter().map(|item| item.outcome.as_ref().err());
    match errors.next() {
        Some(Some(first)) if errors.all(|error| error.is_some()) => first.code(),
        _ => Code::Ok,
    }
}
