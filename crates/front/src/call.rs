//! One call, in any protocol: from its exchange to the engine and back.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use salver_core::{Answer, Code, Error, Method, Part, Servable};
use salver_engine::{clock, Permit, Version};
use salver_wire::{details, Body, Exchange, GrpcReply, HttpReply, Target};
use tokio::time::timeout_at;

use crate::aside::{elsewhere, elsewhere_held, LENGTHY};
use crate::metrics::Protocol;
use crate::net::desk;
use crate::outgoing::{hold_large, keep, weight};
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
pub async fn call<E>(shared: &Shared, exchange: E, facts: Facts<'_>) -> E::Reply
where
    E: Exchange + Send + 'static,
    E::Reply: Reply + Send + 'static,
{
    let found = find(shared, &exchange);
    let (version, index) = match found {
        Ok(found) => found,
        Err(error) => {
            shared.metrics.calls.refused(facts.protocol, error.code());
            return exchange.refuse(&error);
        }
    };
    let Facts { protocol, began, deadline, received, headers, .. } = facts;
    let text = is_text(protocol, headers);
    let (exchange, asked) = asked(exchange, &version, index, facts).await;
    let rows = asked.as_ref().map_or(0, |call| call.parts.iter().map(Part::rows).sum());
    let outcome = match asked {
        Ok(call) if call.parts.is_empty() => Ok(Answer::default()),
        Ok(call) => run(&version, call, deadline).await,
        Err(error) => Err(error),
    };
    let (code, mut reply) = match outcome {
        Ok(answer) => answered(shared, exchange, (&version, index), answer, text).await,
        Err(error) => (error.code(), exchange.refuse(&error)),
    };
    let sent = reply.body().iter().map(Bytes::len).sum();
    let meter = shared.metrics.calls.meter(&version, index, protocol);
    meter.asked(rows);
    meter.finished(code, began.elapsed(), received, sent);
    reply
}

/// What an exchange asks of a method, which is read here if that is soon done.
async fn asked<E>(
    mut exchange: E,
    version: &Arc<Version>,
    index: usize,
    facts: Facts<'_>,
) -> (E, Result<desk::Call, Error>)
where
    E: Exchange + Send + 'static,
{
    let servable = version.servable();
    let method = match servable.methods.get(index) {
        Some(method) if !method.sequence => method,
        Some(method) => return (exchange, Err(only_as_a_stream(servable, method))),
        None => return (exchange, Err(Error::internal("a route to a method that is not there"))),
    };
    let parts = if is_lengthy(letters(facts.protocol, facts.headers, facts.received), facts.received) {
        let version = Arc::clone(version);
        let read = move |_: &mut Permit| {
            let (servable, methods) = (version.servable(), &version.servable().methods);
            let parts = methods.get(index).map(|method| exchange.parts(servable, method));
            (exchange, parts.unwrap_or_else(|| Err(Error::internal("a call of no method"))))
        };
        let (back, parts) = elsewhere_held(facts.permit, read).await;
        exchange = back;
        parts
    } else {
        exchange.parts(servable, method)
    };
    let asked = parts.and_then(|parts| ready(&exchange, (servable, index), parts, facts));
    (exchange, asked)
}

/// An answer in an exchange's words, which is written here if that is soon done, and its code.
async fn answered<E>(
    shared: &Shared,
    exchange: E,
    (version, index): (&Arc<Version>, usize),
    answer: Answer,
    text: bool,
) -> (Code, E::Reply)
where
    E: Exchange + Send + 'static,
    E::Reply: Reply + Send + 'static,
{
    let weight = weight(&answer.items);
    let held = match hold_large(&shared.outgoing, weight) {
        Ok(held) => held,
        Err(error) => return (error.code(), exchange.refuse(&error)),
    };
    let (code, version) = (code_of(&answer), Arc::clone(version));
    let write = move || {
        let servable = version.servable();
        let mut reply = match servable.methods.get(index) {
            Some(method) => exchange.answer(servable, method, answer),
            None => exchange.refuse(&Error::internal("an answer of no method")),
        };
        keep(held, reply.body());
        reply
    };
    match is_lengthy(if text { weight } else { 0 }, weight) {
        true => (code, elsewhere(write).await),
        false => (code, write()),
    }
}

/// Where a request of KServe over HTTP says how much of it is JSON; the rest is tensors.
pub const JSON_LENGTH: &str = "inference-header-content-length";

/// How many bytes of a request are text, number by number, which takes much longer to read than tensors.
pub fn letters(protocol: Protocol, headers: &HeaderMap, received: usize) -> usize {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match protocol {
        Protocol::KserveHttp => match header(JSON_LENGTH) {
            Some(length) => length.parse().map_or(0, |length: usize| length.min(received)),
            None => received,
        },
        Protocol::Json | Protocol::TensorflowHttp(_) if header("content-type").is_some_and(is_binary) => 0,
        Protocol::Json | Protocol::TensorflowHttp(_) | Protocol::MindsporeHttp => received,
        _ => 0,
    }
}

/// Whether answers are text: who sends tensors to KServe over HTTP wants them back.
fn is_text(protocol: Protocol, headers: &HeaderMap) -> bool {
    match protocol {
        Protocol::KserveHttp => !headers.contains_key(JSON_LENGTH),
        Protocol::Json | Protocol::TensorflowHttp(_) | Protocol::MindsporeHttp => true,
        _ => false,
    }
}

fn is_binary(kind: &str) -> bool {
    ["image/", "application/octet-stream", "application/x-protobuf"].iter().any(|binary| kind.starts_with(binary))
}

/// So many bytes are lengthy also where most of them are passed on as they are.
const MANY: usize = 1 << 20;

/// Whether reading or writing so many bytes, so much of it text, would keep the other calls of a network thread waiting.
pub fn is_lengthy(text: usize, bytes: usize) -> bool {
    text >= LENGTHY || bytes >= MANY
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
    ready(exchange, (servable, method), parts, facts)
}

/// The call of a method with these parts.
fn ready<E: Exchange>(
    exchange: &E,
    (servable, method): (&Servable, usize),
    parts: Vec<Part>,
    facts: Facts<'_>,
) -> Result<desk::Call, Error> {
    let contract = servable.methods.get(method).ok_or_else(|| Error::internal("a call of no method"))?;
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

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|&(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn what_is_text_is_told_by_the_protocol_and_what_callers_say_of_it() {
        let tensors = headers(&[(JSON_LENGTH, "200")]);
        let [image, json] = ["image/png", "application/json"].map(|kind| headers(&[("content-type", kind)]));
        let cases = [
            (Protocol::KserveGrpc, &json, 0, false),
            (Protocol::KserveHttp, &json, 1000, true),
            (Protocol::KserveHttp, &tensors, 200, false),
            (Protocol::Json, &json, 1000, true),
            (Protocol::Json, &image, 0, true),
            (Protocol::MindsporeHttp, &image, 1000, true),
        ];
        for (protocol, headers, wanted, text) in cases {
            assert_eq!((letters(protocol, headers, 1000), is_text(protocol, headers)), (wanted, text), "{protocol:?}");
        }
    }
}
