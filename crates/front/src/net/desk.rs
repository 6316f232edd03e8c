//! One network thread's calls in flight.
//!
//! New calls are gathered while whatever else is ready on the thread has its turn, and go to the engine in one burst;
//! answers come back in bursts too and are handed out here. So neither side is woken for every call. The desk is
//! the thread's own and needs no lock; only its inbox is shared.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use salver_core::{Answer, Error, Part};
use salver_engine::{Caller, Delivery, Mailbox, NewCall, Permit, Version};
use tokio::sync::{oneshot, Notify};

use super::arrivals::Line;
use super::burst;
use super::inbox::Inbox;
use crate::services::local::open_home;

/// A burst goes to the engine when it is this large, even if others have not had their turn.
const LARGEST_BURST: usize = 256;

thread_local! {
    static DESK: RefCell<Option<Desk>> = const { RefCell::new(None) };
}

impl Mailbox for Inbox<Delivery> {
    fn deliver(&self, deliveries: Vec<Delivery>) {
        self.put(deliveries);
    }
}

struct Desk {
    inbox: Arc<Inbox<Delivery>>,
    next_ticket: Cell<u64>,
    burst: RefCell<Vec<(Arc<Version>, NewCall<Caller>)>>,
    /// Told of a burst's first call.
    begun: Arc<Notify>,
    waiting: RefCell<HashMap<u64, Waiting>>,
}

/// What a call asks for.
pub struct Call {
    /// Index into the servable's methods.
    pub method: usize,
    pub parts: Vec<Part>,
    /// In the engine's time.
    pub deadline: Option<u64>,
    /// For methods that want to know about callers.
    pub details: Option<Arc<str>>,
}

/// Who waits for a call's answer.
pub(super) enum Waiting {
    /// Somebody who wants it whole.
    Answer(oneshot::Sender<Answer>),
    /// Somebody who takes it as it comes, if it is a sequence.
    Line(Box<Line>),
}

/// Sets up the desk of this thread and the tasks that run it. `number` tells its tickets from other threads'.
///
/// Must be called within the thread's runtime, which has this one thread.
pub fn open_desk(number: u16) {
    let (inbox, begun) = (Arc::new(Inbox::default()), Arc::new(Notify::new()));
    tokio::spawn(hand_out(Arc::clone(&inbox)));
    tokio::spawn(hand_over(Arc::clone(&begun)));
    let next_ticket = Cell::new(u64::from(number) << 48);
    let desk = Desk { inbox, next_ticket, burst: RefCell::default(), begun, waiting: RefCell::default() };
    DESK.with(|slot| *slot.borrow_mut() = Some(desk));
    open_home();
}

fn with_desk<T>(work: impl FnOnce(&Desk) -> T) -> Option<T> {
    DESK.try_with(|slot| slot.try_borrow().ok().and_then(|desk| desk.as_ref().map(work))).ok().flatten()
}

/// Hands out answers as they arrive, for ever.
async fn hand_out(inbox: Arc<Inbox<Delivery>>) {
    loop {
        let deliveries = inbox.take().await;
        with_desk(|desk| desk.hand_out(deliveries));
    }
}

/// Sends the calls gathered so far to the engine, for ever.
///
/// This task's turn comes after that of all tasks that were ready when the burst began. It must not be put off until
/// nothing is ready: a client who never stops sending could then keep everybody's calls from ever being run.
async fn hand_over(begun: Arc<Notify>) {
    loop {
        begun.notified().await;
        with_desk(Desk::flush);
    }
}

/// Puts a call in flight. Dropping the future cancels the call.
pub fn submit(version: Arc<Version>, call: Call) -> InFlight {
    let (sender, receiver) = oneshot::channel();
    InFlight { ticket: send(&version, call, Waiting::Answer(sender)), version, receiver, answered: false }
}

/// Puts a call in flight; its ticket. Whoever waits must `give_up` a call whose answer is not complete.
pub(super) fn send(version: &Arc<Version>, call: Call, waiting: Waiting) -> u64 {
    // Every network thread has a desk.
    with_desk(|desk| desk.submit(Arc::clone(version), call, waiting)).unwrap_or(0)
}

/// Keeps a call's permit for as long as something is still to arrive of its answer.
pub(super) fn hold_call(ticket: u64, permit: Permit) {
    with_desk(|desk| {
        if let Some(Waiting::Line(line)) = desk.waiting.borrow_mut().get_mut(&ticket) {
            line.call = Some(permit);
        }
    });
}

/// Cancels a call. Nothing arrives for it any more.
pub(super) fn give_up(ticket: u64, version: &Version) {
    with_desk(|desk| desk.forget(ticket, version));
}

impl Desk {
    fn submit(&self, version: Arc<Version>, call: Call, waiting: Waiting) -> u64 {
        let ticket = self.next_ticket.get() + 1;
        self.next_ticket.set(ticket);
        let streaming = matches!(&waiting, Waiting::Line(line) if line.streaming);
        self.waiting.borrow_mut().insert(ticket, waiting);
        let caller: Caller = self.inbox.clone();
        let Call { method, parts, deadline, details } = call;
        let call = NewCall { ticket, method, parts, deadline, details, streaming, caller };
        let gathered = {
            let mut burst = self.burst.borrow_mut();
            burst.push((version, call));
            burst.len()
        };
        match gathered {
            1 => self.begun.notify_one(),
            LARGEST_BURST.. => self.flush(),
            _ => {}
        }
        ticket
    }

    fn flush(&self) {
        let burst = std::mem::take(&mut *self.burst.borrow_mut());
        burst::hand_over(burst, |version, calls| version.submit(calls));
    }

    fn hand_out(&self, deliveries: Vec<Delivery>) {
        let mut waiting = self.waiting.borrow_mut();
        for delivery in deliveries {
            let Delivery { ticket, items, done } = delivery;
            if done {
                match waiting.remove(&ticket) {
                    // A caller who has left in the meantime needs no answer.
                    Some(Waiting::Answer(sender)) => drop(sender.send(Answer { items })),
                    Some(Waiting::Line(line)) => drop(line.deliver(Delivery { ticket, items, done })),
                    None => {}
                }
            } else if let Some(Waiting::Line(line)) = waiting.get(&ticket) {
                if !line.deliver(Delivery { ticket, items, done }) {
                    line.version.cancel(ticket);
                    waiting.remove(&ticket);
                }
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
            give_up(self.ticket, &self.version);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use salver_core::{Contract, DType, Method, Plan, Port, Servable, Shape, Source, Tensor};
    use tokio::runtime::Builder;
    use tokio::time::timeout;

    use super::*;

    /// Its only method answers with its input, without a stage.
    fn echo() -> Arc<Version> {
        let port = |name: &str| Port {
            name: name.into(),
            dtype: Some(DType::U8),
            dims: Some(vec![]),
            optional: false,
            json: false,
        };
        let contract = Contract { inputs: vec![port("x")], outputs: vec![port("y")], batched: true };
        let plan = Plan { steps: vec![], outputs: vec![Source::Input(0)] };
        let methods = vec![Method { name: "echo".into(), contract, plan, sequence: false, origin: None }];
        Version::new(Servable {
            name: "s".into(),
            version: 1,
            runtime: "none".into(),
            methods,
            stages: vec![],
            services: vec![],
        })
        .unwrap()
    }

    fn row(value: u8) -> Vec<Part> {
        let column = Tensor::fixed(DType::U8, Shape::new([1]), Bytes::from(vec![value])).unwrap();
        vec![Part::new(1, vec![column]).unwrap()]
    }

    fn within_time(work: impl Future<Output = ()>) {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async { timeout(Duration::from_secs(20), work).await.unwrap() });
    }

    async fn answered(value: u8) -> bool {
        let call = Call { method: 0, parts: row(value), deadline: None, details: None };
        let answer = submit(echo(), call).await.unwrap();
        answer.items[0].outcome.as_ref().unwrap()[0].bytes() == [value]
    }

    #[test]
    fn calls_that_come_together_get_their_own_answers() {
        within_time(async {
            open_desk(3);
            let calls: Vec<_> = (0..=255).chain(0..=255).map(|value| tokio::spawn(answered(value))).collect();
            for call in calls {
                assert!(call.await.unwrap());
            }
        });
    }

    #[test]
    fn a_call_is_answered_although_the_thread_is_never_idle() {
        let restless = std::future::poll_fn(|context: &mut Context<'_>| -> Poll<()> {
            context.waker().wake_by_ref();
            Poll::Pending
        });
        within_time(async {
            open_desk(0);
            tokio::spawn(restless);
            assert!(tokio::spawn(answered(7)).await.unwrap());
        });
    }
}
