//! `grpc.health.v1`: the server as a whole under the empty name, and each servable and each service of a user's own
//! under its own.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use prost::Message;
use salver_core::Error;
use salver_wire::Body;
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver, UnboundedSender};

use super::message::frame_message;
use crate::http::body::Source;
use crate::shared::Shared;

#[derive(Clone, PartialEq, Message)]
struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
enum Status {
    Unknown = 0,
    Serving = 1,
    NotServing = 2,
    ServiceUnknown = 3,
}

#[derive(Clone, PartialEq, Message)]
struct HealthCheckResponse {
    #[prost(enumeration = "Status", tag = "1")]
    status: i32,
}

/// The names under which TensorFlow Serving knows itself as a whole.
const SERVICES: [&str; 2] = ["ModelService", "PredictionService"];

fn parse(message: Bytes) -> Result<String, Error> {
    let request = HealthCheckRequest::decode(message);
    Ok(request.map_err(|error| Error::malformed("HealthCheckRequest", error))?.service)
}

fn status(shared: &Shared, service: &str) -> Status {
    let serving = |good: bool| if good { Status::Serving } else { Status::NotServing };
    match shared.router.load().entries().get(service) {
        Some(entry) => serving(!shared.is_draining() && !entry.versions.is_empty()),
        None if service.is_empty() || SERVICES.contains(&service) => serving(shared.is_ready()),
        None if is_own(shared, service) => serving(!shared.is_draining()),
        None => Status::ServiceUnknown,
    }
}

/// Whether it is a service of a user's own.
fn is_own(shared: &Shared, service: &str) -> bool {
    shared.services.load().methods().any(|method| method.names().0 == service)
}

fn render(status: Status) -> Body {
    Body::from_iter([Bytes::from(HealthCheckResponse { status: status.into() }.encode_to_vec())])
}

pub fn check(shared: &Shared, message: Bytes) -> Result<Body, Error> {
    let service = parse(message)?;
    match status(shared, &service) {
        Status::ServiceUnknown => Err(Error::UnknownServable { servable: service }),
        status => Ok(render(status)),
    }
}

/// Framed messages: the status now and at each change, until the caller leaves or the server stops.
pub fn watch(shared: Arc<Shared>, message: Bytes) -> Result<impl Source, Error> {
    let service = parse(message)?;
    let (sender, receiver) = unbounded_channel();
    tokio::spawn(tell(shared, service, sender));
    Ok(Statuses(receiver))
}

struct Statuses(UnboundedReceiver<Body>);

impl Source for Statuses {
    fn poll_chunks(&mut self, context: &mut Context<'_>) -> Poll<Option<Body>> {
        self.0.poll_recv(context)
    }
}

async fn tell(shared: Arc<Shared>, service: String, sender: UnboundedSender<Body>) {
    let (mut changes, mut stopping) = (shared.changes(), shared.stopping());
    let mut told = None;
    loop {
        let now = status(&shared, &service);
        if told != Some(now) {
            told = Some(now);
            if sender.send(frame_message(render(now))).is_err() {
                return;
            }
        }
        tokio::select! {
            // A last change is told before the end.
            biased;
            changed = changes.changed() => if changed.is_err() { return },
            _ = stopping.wait_for(|stop| *stop) => return,
            () = sender.closed() => return,
        }
    }
}
