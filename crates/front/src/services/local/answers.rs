use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use http::HeaderMap;
use salver_engine::Permit;
use tokio::task::AbortHandle;

use super::call::Call;
use super::home::{submit, told};
use super::queue::Queue;
use crate::net::peer::Peer;
use crate::services::{Event, Incoming, Message, Messages, Method, Status};
use crate::shared::Shared;

/// What is known of a call when it begins.
pub struct Opening {
    pub method: Arc<Method>,
    pub headers: HeaderMap,
    pub peer: Arc<Peer>,
    pub deadline: Option<Instant>,
    pub permit: Permit,
}

/// The network's end of a call. Dropping it tells the handler that the caller has left, unless all was answered.
pub struct Answers {
    call: Arc<Call>,
    pump: Option<AbortHandle>,
}

impl Answers {
    pub fn begin(
        shared: &Arc<Shared>,
        queue: &Arc<Queue>,
        opening: Opening,
        messages: Messages,
    ) -> Result<Answers, Status> {
        let place = queue.admit()?;
        let call = Call::new(opening, place, Arc::clone(&shared.outgoing), told());
        let pump = match messages {
            Messages::One(bytes) => {
                call.arrive(Message { bytes, permit: None }, true);
                None
            }
            Messages::Stream(incoming) => Some(tokio::spawn(pump(Arc::clone(&call), incoming)).abort_handle()),
        };
        submit(queue, Arc::clone(&call));
        Ok(Answers { call, pump })
    }

    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        self.call.poll_leaving(context)
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        if let Some(pump) = &self.pump {
            pump.abort();
        }
        self.call.leave();
    }
}

/// Reads a caller's messages while there is room for them.
async fn pump(call: Arc<Call>, mut incoming: Box<dyn Incoming>) {
    while call.room().await {
        match incoming.next().await {
            Ok(Some(message)) => call.arrive(message, false),
            Ok(None) => return call.half_close(),
            Err(status) => return call.fail(status),
        }
    }
}
