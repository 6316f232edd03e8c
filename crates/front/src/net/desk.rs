//! One network thread's calls in flight.
//!
//! New calls are gathered while the thread is busy with its sockets and go to the engine in one burst when it has
//! nothing left to do; answers come back in bursts too and are handed out here. So neither side is woken for
//! every call. The desk is the thread's own and needs no lock; only its inbox is shared.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use salver_core::{Answer, Error, Part};
use salver_engine::{Caller, Delivery, Mailbox, NewCall, Version};
use tokio::sync::{oneshot, Notify};

/// A burst goes to the engine when it is this large, even if the thread has more to do.
const LARGEST_BURST: usize = 256;

thread_local! {
    static DESK: RefCell<Option<Desk>> = const { RefCell::new(None) };
}

/// Where a network thread's answers arrive.
#[derive(Default)]
pub struct Inbox {
    deliveries: Mutex<Vec<Delivery>>,
    arrived: Notify,
}

impl Mailbox for Inbox {
    fn deliver(&self, deliveries: Vec<Delivery>) {
        let mut waiting = self.deliveries.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let first = waiting.is_empty();
        waiting.extend(deliveries);
        drop(waiting);
        if first {
            self.arrived.notify_one();
        }
    }
}

impl Inbox {
    fn take(&self) -> Vec<Delivery> {
        std::mem::take(&mut *self.deliveries.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }
}

struct Desk {
    inbox: Arc<Inbox>,
    next_ticket: Cell<u64>,
    burst: RefCell<Vec<(Arc<Version>, NewCall<Caller>)>>,
    waiting: RefCell<HashMap<u64, oneshot::Sender<Answer>>>,
}

/// Sets up this thread's desk. `number` tells its tickets from other threads'.
pub fn open_desk(number: u16, inbox: Arc<Inbox>) {
    let next_ticket = Cell::new(u64::from(number) << 48);
    let desk = Desk { inbox, next_ticket, burst: RefCell::default(), waiting: RefCell::default() };
    DESK.with(|slot| *slot.borrow_mut() = Some(desk));
}

fn with_desk<T>(work: impl FnOnce(&Desk) -> T) -> Option<T> {
    DESK.try_with(|slot| slot.try_borrow().ok().and_then(|desk| desk.as_ref().map(work))).ok().flatten()
}

/// Hands out answers as they arrive, for ever.
pub async fn hand_out(inbox: Arc<Inbox>) {
    loop {
        inbox.arrived.notified().await;
        let deliveries = inbox.take();
        with_desk(|desk| desk.hand_out(deliveries));
    }
}

/// Sends the calls gathered so far to the engine.
pub fn flush() {
    with_desk(Desk::flush);
}

/// Puts a call in flight. Dropping the future cancels the call.
pub fn submit(version: Arc<Version>, method: usize, parts: Vec<Part>, deadline: Option<u64>) -> InFlight {
    let (sender, receiver) = oneshot::channel();
    let ticket = with_desk(|desk| desk.submit(Arc::clone(&version), method, parts, deadline, sender));
    InFlight { ticket: ticket.unwrap_or(0), version, receiver, answered: false }
}

impl Desk {
    fn submit(
        &self,
        version: Arc<Version>,
        method: usize,
        parts: Vec<Part>,
        deadline: Option<u64>,
        sender: oneshot::Sender<Answer>,
    ) -> u64 {
        let ticket = self.next_ticket.get() + 1;
        self.next_ticket.set(ticket);
        self.waiting.borrow_mut().insert(ticket, sender);
        let caller: Caller = self.inbox.clone();
        let call = NewCall { ticket, method, parts, deadline, streaming: false, caller };
        let gathered = {
            let mut burst = self.burst.borrow_mut();
            burst.push((version, call));
            burst.len()
        };
        if gathered >= LARGEST_BURST {
            self.flush();
        }
        ticket
    }

    fn flush(&self) {
        let mut burst = std::mem::take(&mut *self.burst.borrow_mut());
        while let Some((version, _)) = burst.first() {
            let version = Arc::clone(version);
            let (same, rest): (Vec<_>, Vec<_>) = burst.into_iter().partition(|(other, _)| Arc::ptr_eq(other, &version));
            version.submit(same.into_iter().map(|(_, call)| call).collect());
            burst = rest;
        }
    }

    fn hand_out(&self, deliveries: Vec<Delivery>) {
        let mut waiting = self.waiting.borrow_mut();
        for delivery in deliveries {
            if let Some(sender) = waiting.remove(&delivery.ticket) {
                // A caller who has left in the meantime needs no answer.
                let _ = sender.send(Answer { items: delivery.items });
            }
        }
    }

    fn forget(&self, ticket: u64, version: &Version) {
        if self.waiting.borrow_mut().remove(&ticket).is_none() {
            return;
        }
        let mut burst = self.burst.borrow_mut();
        match burst.iter().position(|(_, call)| call.ticket == ticket) {
            Some(unsent) => drop(burst.swap_remove(unsent)),
            None => version.cancel(ticket),
        }
    }
}

/// A call on its way; resolves to its answer.
pub struct InFlight {
    ticket: u64,
    version: Arc<Version>,
    receiver: oneshot::Receiver<Answer>,
    answered: bool,
}

impl Future for InFlight {
    type Output = Result<Answer, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let poll = Pin::new(&mut self.receiver).poll(context);
        self.answered |= poll.is_ready();
        poll.map_err(|_| Error::internal("a call was dropped without an answer"))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if !self.answered {
            with_desk(|desk| desk.forget(self.ticket, &self.version));
        }
    }
}
