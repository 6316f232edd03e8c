//! Answers that are taken as they come.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use salver_core::{Answer, Error, Item};
use salver_engine::{Admission, Delivery, Permit, Version};
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver, UnboundedSender};
use tokio::time::sleep_until;

use super::desk::{give_up, is_waiting, send, Call, Waiting};
use crate::outgoing::hold;
use crate::shared::Shared;

/// So many items are taken before a sequence is told of it. It may run ahead by more, so it never waits for this.
const HANDFUL: u32 = 16;

/// Where the answers of some calls arrive, all those of one reply.
///
/// What waits here is bounded: a sequence stops until some of its items are taken, and the memory of all of them
/// counts as that of replies on their way.
pub struct Arrivals {
    sender: UnboundedSender<Arrived>,
    receiver: UnboundedReceiver<Arrived>,
    outgoing: Arc<Admission>,
    reading: Arc<Reading>,
    patience: Duration,
}

/// Whether a reply is being read.
#[derive(Debug)]
struct Reading {
    unread: AtomicUsize,
    since: Mutex<Instant>,
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
    sender: UnboundedSender<Arrived>,
    outgoing: Arc<Admission>,
    reading: Arc<Reading>,
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
        let reading = Arc::new(Reading { unread: AtomicUsize::new(0), since: Mutex::new(Instant::now()) });
        Arrivals {
            sender,
            receiver,
            outgoing: Arc::clone(&shared.outgoing),
            reading,
            patience: shared.settings.reply_timeout(),
        }
    }

    /// Puts a call in flight. With `streaming` its items arrive one by one, otherwise all at once. If they are not taken
    /// for too long the call is cancelled: it would hold what others wait for.
    pub fn submit(&self, version: Arc<Version>, call: Call, streaming: bool) -> Ongoing {
        let (sender, outgoing, reading) = (self.sender.clone(), Arc::clone(&self.outgoing), Arc::clone(&self.reading));
        let line = Line { streaming, version: Arc::clone(&version), sender, outgoing, reading };
        let ticket = send(&version, call, Waiting::Line(Box::new(line)));
        if streaming {
            let (sender, reading) = (self.sender.clone(), Arc::clone(&self.reading));
            tokio::spawn(mind(ticket, Arc::clone(&version), sender, reading, self.patience));
        }
        Ongoing { ticket, version, open: true, taken: 0 }
    }

    /// The next of what has arrived.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Arrived> {
        match self.receiver.poll_recv(context) {
            Poll::Ready(Some(arrived)) => {
                self.reading.taken();
                Poll::Ready(arrived)
            }
            // It never ends, because it has a sender of its own.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Reading {
    fn arrived(&self) {
        if self.unread.fetch_add(1, Ordering::Relaxed) == 0 {
            self.progress();
        }
    }

    fn taken(&self) {
        self.unread.fetch_sub(1, Ordering::Relaxed);
        self.progress();
    }

    fn progress(&self) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn since(&self) -> Instant {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something waits that nobody has taken for so long.
    fn has_stalled(&self, patience: Duration) -> bool {
        self.unread.load(Ordering::Relaxed) > 0 && self.since().elapsed() >= patience
    }
}

/// Cancels a call of this thread when its reply is not read any more; its reader finds why, should it come back.
async fn mind(
    ticket: u64,
    version: Arc<Version>,
    sender: UnboundedSender<Arrived>,
    reading: Arc<Reading>,
    patience: Duration,
) {
    while is_waiting(ticket) {
        if reading.has_stalled(patience) {
            give_up(ticket, &version);
            let items = Answer::failed([1], &Error::DeadlineExceeded).items;
            // It may have left just now.
            let _ = sender.send(Arrived { ticket, items, done: true, permit: None });
            return;
        }
        // What stalls later is found one turn later.
        let next = reading.since().max(Instant::now() - patience / 2) + patience;
        sleep_until(next.into()).await;
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
        self.reading.arrived();
        // Who has left in the meantime needs no answer.
        let _ = self.sender.send(arrived);
        room
    }
}

impl Ongoing {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_arrived_can_be_left_unread() {
        let reading = Reading { unread: AtomicUsize::new(0), since: Mutex::new(Instant::now()) };
        assert!(!reading.has_stalled(Duration::ZERO), "nothing has come yet");
        reading.arrived();
        assert!(reading.has_stalled(Duration::ZERO));
        assert!(!reading.has_stalled(Duration::from_secs(600)), "there is time");
        reading.taken();
        assert!(!reading.has_stalled(Duration::ZERO), "all is read");
    }
}
