//! Answers that are taken as they come.

use std::sync::Arc;
use std::task::{Context, Poll};

use salver_core::{Answer, Item};
use salver_engine::{Admission, Delivery, Permit, Version};
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver, UnboundedSender};

use super::desk::{give_up, hold_call, send, Call, Waiting};
use crate::outgoing::hold;
use crate::shared::Shared;

/// So many items are taken before a sequence is told of it. It may run ahead by more, so it never waits for this.
const HANDFUL: u32 = 16;

/// Where the answers of some calls arrive, all those of one reply.
///
/// What waits here is bounded: a sequence stops until some of its items are taken, their memory counts as that of
/// replies on their way, and who does not take them for too long is given up with all its calls (`http2.rs`,
/// `outlet.rs`).
pub struct Arrivals {
    sender: UnboundedSender<Arrived>,
    receiver: UnboundedReceiver<Arrived>,
    outgoing: Arc<Admission>,
}

/// Something of a call's answer.
pub struct Arrived {
    pub ticket: u64,
    pub items: Vec<Item>,
    /// Whether it is the last of this call.
    pub done: bool,
    /// Holds the items' memory.
    pub permit: Option<Permit>,
}

/// The desk's end.
pub(super) struct Line {
    pub streaming: bool,
    pub version: Arc<Version>,
    /// The call's place among those in flight, until all of its answer has arrived.
    pub call: Option<Permit>,
    sender: UnboundedSender<Arrived>,
    outgoing: Arc<Admission>,
}

/// A call in flight. Dropping it cancels the call, unless its last items have arrived.
pub struct Ongoing {
    pub ticket: u64,
    pub version: Arc<Version>,
    /// Whether there are more to come.
    open: bool,
    /// Items that were taken and not told of.
    taken: u32,
}

impl Arrivals {
    pub fn new(shared: &Shared) -> Arrivals {
        let (sender, receiver) = unbounded_channel();
        Arrivals { sender, receiver, outgoing: Arc::clone(&shared.outgoing) }
    }

    /// Puts a call in flight. With `streaming` its items arrive one by one, otherwise all at once.
    pub fn submit(&self, version: Arc<Version>, call: Call, streaming: bool) -> Ongoing {
        let (sender, outgoing) = (self.sender.clone(), Arc::clone(&self.outgoing));
        let line = Line { streaming, version: Arc::clone(&version), call: None, sender, outgoing };
        let ticket = send(&version, call, Waiting::Line(Box::new(line)));
        Ongoing { ticket, version, open: true, taken: 0 }
    }

    /// The next of what has arrived.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Arrived> {
        match self.receiver.poll_recv(context) {
            Poll::Ready(Some(arrived)) => Poll::Ready(arrived),
            // It never ends, because it has a sender of its own.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Line {
    /// Passes items on; whether there is room for more. If not, the last was an error that says so.
    pub fn deliver(&self, delivery: Delivery) -> bool {
        let Delivery { ticket, items, done } = delivery;
        let arrived = match hold(&self.outgoing, &items) {
            Ok(permit) => Arrived { ticket, items, done, permit: Some(permit) },
            Err(error) => Arrived { ticket, items: Answer::failed([1], &error).items, done: true, permit: None },
        };
        let room = arrived.permit.is_some();
        // Who has left in the meantime needs no answer.
        let _ = self.sender.send(arrived);
        room
    }
}

impl Ongoing {
    /// Keeps the call's permit until all of the answer has arrived, or the call is cancelled. What has arrived and is
    /// not taken keeps nobody out: it holds memory of its own.
    pub fn hold(&self, permit: Permit) {
        hold_call(self.ticket, permit);
    }

    /// Something of this call was taken.
    pub fn took(&mut self, items: usize, done: bool) {
        self.open &= !done;
        self.taken += items as u32;
        if self.open && self.taken >= HANDFUL {
            self.version.credit(self.ticket, std::mem::take(&mut self.taken));
        }
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        if self.open {
            give_up(self.ticket, &self.version);
        }
    }
}
