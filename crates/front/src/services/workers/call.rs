use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{header, HeaderMap, HeaderName, HeaderValue, Request, Response};
use hyper::body::Incoming;
use salver_core::{Code, Error};
use salver_engine::Permit;
use tokio::sync::mpsc::{channel, Receiver, Sender};
use tokio::task::AbortHandle;

use super::body::{Aside, Forwarded, Reply};
use super::connection::{connection, is_gone};
use super::{Place, Workers};
use crate::grpc::message::{request_encoding, Messages as Framed};
use crate::grpc::service::ACCEPT_ENCODING;
use crate::net::caller::CALLER;
use crate::net::peer::Peer;
use crate::outgoing::counted;
use crate::services::metadata::is_own;
use crate::services::{Event, Messages, Method, Status};
use crate::shared::Shared;

/// So many messages of a reply wait here before the worker has to.
const AHEAD: usize = 16;

const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// A call on its way to a worker and back. Dropping it cancels the call there, too.
pub struct Calling {
    events: Receiver<Event>,
    task: AbortHandle,
}

/// What is forwarded of a call.
pub struct Outward {
    pub method: Arc<Method>,
    pub headers: HeaderMap,
    pub peer: Arc<Peer>,
    pub deadline: Option<Instant>,
    pub permit: Permit,
    pub messages: Messages,
}

impl Calling {
    pub fn begin(shared: &Arc<Shared>, workers: &Arc<Workers>, outward: Outward) -> Calling {
        let (sender, events) = channel(AHEAD);
        let (shared, workers) = (Arc::clone(shared), Arc::clone(workers));
        let task = tokio::spawn(async move {
            let status = forward(&shared, &workers, outward, &sender).await;
            // Whoever has left needs no answer.
            let _ = sender.send(Event::End(status.unwrap_or_else(|status| status))).await;
        });
        Calling { events, task: task.abort_handle() }
    }

    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        let lost = || Event::End(Status::new(Code::Internal, "a call was dropped without an answer"));
        self.events.poll_recv(context).map(|event| event.unwrap_or_else(lost))
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(
    shared: &Shared,
    workers: &Workers,
    outward: Outward,
    events: &Sender<Event>,
) -> Result<Status, Status> {
    let Outward { method, headers, peer, deadline, permit, messages } = outward;
    let failed = Aside::new();
    let mut request = Request::post(&*method.path).body(Forwarded::new(messages, failed.share()));
    if let Ok(request) = &mut request {
        *request.headers_mut() = onward(headers, deadline);
        request.headers_mut().extend(peer.header().map(|caller| (CALLER, caller)));
    }
    let request = request.map_err(|error| Status::new(Code::Internal, format!("{}: {error}", method.path)))?;
    let (response, place) = match send(shared, workers, &method, request).await {
        Ok(sent) => sent,
        Err(status) => return Err(failed.take().unwrap_or(status)),
    };
    let done = relay(shared, response, events).await;
    drop((place, permit));
    match done {
        Ok(Some(status)) => Ok(status),
        Err(error @ (Error::TooLarge { .. } | Error::Busy { .. })) => Err(Status::from(&error)),
        _ => Err(failed.take().unwrap_or_else(|| lost(&method))),
    }
}

fn lost(method: &Method) -> Status {
    Status::new(Code::Unavailable, format!("the worker that answered {} was lost; call it again", method.path))
}

/// So often a call is offered to workers whose connections end just then.
const ATTEMPTS: usize = 100;

/// Sends a request to the worker with the fewest calls, or to another if it cannot be reached at all. One that is gone is
/// asked no more; of one that cannot be reached for another reason, such as a lack of descriptors here, nothing is known.
async fn send(
    shared: &Shared,
    workers: &Workers,
    method: &Method,
    mut request: Request<Forwarded>,
) -> Result<(Response<Incoming>, Place), Status> {
    let none = || Status::new(Code::Unavailable, format!("no worker is ready to answer {}", method.path));
    let unreached = |error: &io::Error| {
        Status::new(Code::Unavailable, format!("no worker that answers {} can be reached: {error}", method.path))
    };
    let (mut passed_over, mut failed) = (Vec::new(), none());
    for _ in 0..ATTEMPTS {
        let Some(place) = workers.choose(&passed_over) else { return Err(failed) };
        let mut connection = match connection(&place.0, shared.settings.keep_alive()).await {
            Ok(connection) => connection,
            Err(error) if is_gone(&error) => {
                place.0.lose();
                continue;
            }
            Err(error) => {
                failed = unreached(&error);
                passed_over.push(Arc::clone(&place.0));
                continue;
            }
        };
        match connection.sender.try_send_request(request).await {
            Ok(response) => return Ok((response, place)),
            Err(mut error) => {
                if connection.sender.is_closed() {
                    connection.forget(&place.0);
                }
                // What was not sent may be sent elsewhere.
                request = error.take_message().ok_or_else(|| lost(method))?;
            }
        }
    }
    Err(none())
}

/// Hands a reply on, message by message; its status, unless it ends without one.
async fn relay(shared: &Shared, response: Response<Incoming>, events: &Sender<Event>) -> Result<Option<Status>, Error> {
    let (head, body) = response.into_parts();
    if head.headers.contains_key("grpc-status") {
        return Ok(Some(status(head.headers)));
    }
    let encoding = request_encoding(&head.headers)?;
    if events.send(Event::Metadata { headers: own(head.headers), encoding }).await.is_err() {
        return Ok(None);
    }
    let trailers = Aside::new();
    let mut messages = Framed::new(Reply { body, trailers: trailers.share() }, encoding);
    while let Some(arrived) = messages.next_of_reply(shared).await? {
        // What came in is given back for what goes out.
        drop(arrived.permit);
        let bytes = counted(&shared.outgoing, arrived.message)?;
        if events.send(Event::Message { bytes, compress: true }).await.is_err() {
            return Ok(None);
        }
    }
    Ok(trailers.take().map(status))
}

fn status(headers: HeaderMap) -> Status {
    let status = Status::read(&headers).unwrap_or_else(|| Status::new(Code::Unknown, ""));
    Status { trailers: own(headers), ..status }
}

/// The headers that are somebody's own.
fn own(mut headers: HeaderMap) -> HeaderMap {
    let others: Vec<HeaderName> = headers.keys().filter(|name| !is_own(name)).cloned().collect();
    others.into_iter().for_each(|name| drop(headers.remove(name)));
    headers
}

fn onward(mut headers: HeaderMap, deadline: Option<Instant>) -> HeaderMap {
    let accepted = headers.remove(ACCEPT_ENCODING);
    let mut onward = own(headers);
    onward.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    onward.insert(header::TE, HeaderValue::from_static("trailers"));
    if let Some(accepted) = accepted {
        onward.insert(ACCEPT_ENCODING, accepted);
    }
    if let Some(deadline) = deadline {
        onward.insert(TIMEOUT, timeout(deadline.saturating_duration_since(Instant::now())));
    }
    onward
}

/// A time as gRPC writes it: at most eight digits, rounded up.
fn timeout(left: Duration) -> HeaderValue {
    const LARGEST: u128 = 99_999_999;
    let (micros, millis) = (left.as_micros() + 1, left.as_millis() + 1);
    let text = match (micros, millis) {
        (..=LARGEST, _) => format!("{micros}u"),
        (_, ..=LARGEST) => format!("{millis}m"),
        _ => format!("{}S", u128::from(left.as_secs() + 1).min(LARGEST)),
    };
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("0n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::parse_timeout;

    #[test]
    fn times_are_written_so_that_they_are_not_shorter() {
        let cases = [("1u", 0), ("5001u", 5_000), ("99999999u", 99_999_998), ("100001m", 100_000_000)];
        for (text, micros) in cases {
            let left = Duration::from_micros(micros);
            let written = timeout(left);
            assert_eq!(written, text);
            assert!(parse_timeout(written.to_str().unwrap()).unwrap() > left);
        }
        assert_eq!(timeout(Duration::from_secs(1 << 60)), "99999999S");
    }
}
