use std::future::poll_fn;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use salver_core::Code;
use salver_engine::{Admission, Permit};

use super::answers::Opening;
use super::backlog::Backlog;
use super::home::Told;
use super::queue::{News, Place, Queue};
use super::{Ending, Received, Sent, TooLate};
use crate::http::compression::Encoding;
use crate::net::caller::Caller;
use crate::net::peer::Peer;
use crate::outgoing::counted;
use crate::services::{Event, Message, Method, Status};

/// A call that a thread of this process answers, seen from both sides.
pub struct Call {
    pub method: Arc<Method>,
    pub headers: HeaderMap,
    pub peer: Arc<Peer>,
    pub deadline: Option<Instant>,
    queue: Arc<Queue>,
    told: Arc<Told>,
    outgoing: Arc<Admission>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    arrived: Backlog<Message>,
    half_closed: bool,
    /// The task that reads messages, if it waits for room.
    pump: Option<Waker>,

    leaving: Backlog<Event>,
    /// The reply, if it waits for something to leave.
    reply: Option<Waker>,
    /// Whether the network thread has been told to look.
    told: bool,

    /// Whether metadata can be sent no more.
    opened: bool,
    /// Whether the handler, or somebody for it, has ended the call.
    ended: bool,
    /// Whether the caller has left.
    left: bool,
    stage: Stage,
    /// What the event loop has been told and has not acted on.
    readable: bool,
    writable: bool,
    /// Whether threads wait for `changed`.
    waiting: bool,
    endings: Vec<Ending>,
    held: Option<(Permit, Place)>,
}

/// Who has the call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    #[default]
    Waiting,
    /// A thread that may wait.
    Thread,
    /// An event loop, which is told of everything.
    Loop,
}

impl State {
    fn is_over(&self) -> bool {
        self.ended || self.left
    }
}

impl Call {
    pub(super) fn new(opening: Opening, place: Place, outgoing: Arc<Admission>, told: Arc<Told>) -> Arc<Call> {
        let Opening { method, headers, peer, deadline, permit } = opening;
        let queue = Arc::clone(place.queue());
        let state = Mutex::new(State { held: Some((permit, place)), ..State::default() });
        Arc::new(Call { method, headers, peer, deadline, queue, told, outgoing, state, changed: Condvar::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.waiting = true;
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the lock back, and wakes threads that wait for a change, who want it first of all.
    fn release(&self, mut state: MutexGuard<'_, State>) {
        let wake = std::mem::take(&mut state.waiting);
        drop(state);
        if wake {
            self.changed.notify_all();
        }
    }
}

/// The network's side.
impl Call {
    /// Takes a message in, the last one or not.
    pub(super) fn arrive(self: &Arc<Self>, message: Message, last: bool) {
        self.change_arrived(|state| {
            state.arrived.push(message);
            state.half_closed |= last;
        });
    }

    pub(super) fn half_close(self: &Arc<Self>) {
        self.change_arrived(|state| state.half_closed = true);
    }

    fn change_arrived(self: &Arc<Self>, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        if state.is_over() {
            return;
        }
        change(&mut state);
        let tell = state.stage == Stage::Loop && !std::mem::replace(&mut state.readable, true);
        self.release(state);
        if tell {
            self.queue.tell(Arc::clone(self), News::Readable);
        }
    }

    /// Waits until there is room for a message; false if none is wanted any more.
    pub(super) async fn room(&self) -> bool {
        poll_fn(|context| {
            let mut state = self.lock();
            if state.is_over() {
                return Poll::Ready(false);
            }
            if state.arrived.is_full() {
                state.pump = Some(context.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(true)
        })
        .await
    }

    pub(super) fn poll_leaving(self: &Arc<Self>, context: &mut Context<'_>) -> Poll<Event> {
        let mut state = self.lock();
        let Some(event) = state.leaving.pop() else {
            state.reply = Some(context.waker().clone());
            return Poll::Pending;
        };
        if !state.leaving.is_roomy() {
            return Poll::Ready(event);
        }
        let tell = state.stage == Stage::Loop && std::mem::take(&mut state.writable);
        self.release(state);
        if tell {
            self.queue.tell(Arc::clone(self), News::Writable);
        }
        Poll::Ready(event)
    }

    /// Looks at what a handler has done.
    pub(super) fn attend(&self) {
        let mut state = self.lock();
        state.told = false;
        let reply = if state.leaving.is_empty() { None } else { state.reply.take() };
        let pump = if state.arrived.is_roomy() || state.is_over() { state.pump.take() } else { None };
        drop(state);
        reply.into_iter().chain(pump).for_each(Waker::wake);
    }

    /// The caller has left, or needs nothing more.
    pub(super) fn leave(self: &Arc<Self>) {
        let mut state = self.lock();
        if std::mem::replace(&mut state.left, true) || state.ended {
            return;
        }
        state.arrived.clear();
        state.leaving.clear();
        let (stage, endings) = (state.stage, std::mem::take(&mut state.endings));
        // A handler that is at work holds the call's place until it is done.
        let held = if stage == Stage::Waiting { state.held.take() } else { None };
        self.release(state);
        drop(held);
        self.end_elsewhere(stage, endings);
    }

    /// Ends the call in the handler's place.
    pub(super) fn fail(self: &Arc<Self>, status: Status) {
        if let Some((stage, endings)) = self.try_finish(None, status) {
            self.end_elsewhere(stage, endings);
        }
    }

    /// Tells of a call that ended while its handler was elsewhere.
    fn end_elsewhere(self: &Arc<Self>, stage: Stage, endings: Vec<Ending>) {
        match stage {
            Stage::Waiting => self.queue.departed(),
            Stage::Thread => {}
            Stage::Loop => self.queue.tell(Arc::clone(self), News::Ended),
        }
        self.queue.end(endings);
    }
}

/// The handler's side.
impl Call {
    /// Gives the call to a thread; false if it is over.
    pub(super) fn take(&self, stage: Stage) -> bool {
        let mut state = self.lock();
        state.stage = stage;
        state.readable = state.half_closed || !state.arrived.is_empty();
        !state.is_over()
    }

    /// Where the call came from.
    pub fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// Who made the call.
    pub fn caller(&self) -> Caller {
        let told = self.queue.is_behind_front().then(|| Caller::told(&self.headers)).flatten();
        told.unwrap_or_else(|| self.peer.caller().clone())
    }

    pub fn is_active(&self) -> bool {
        !self.lock().is_over()
    }

    /// The next message, if there is one now.
    pub fn try_receive(self: &Arc<Self>) -> Received {
        self.receive_from(self.lock())
    }

    /// The next message, once there is one.
    pub fn receive(self: &Arc<Self>) -> Received {
        let mut state = self.lock();
        while !state.is_over() && state.arrived.is_empty() && !state.half_closed {
            state = self.wait(state);
        }
        self.receive_from(state)
    }

    fn receive_from(self: &Arc<Self>, mut state: MutexGuard<'_, State>) -> Received {
        if state.is_over() {
            return Received::Over;
        }
        let Some(message) = state.arrived.pop() else {
            state.readable = false;
            return if state.half_closed { Received::End } else { Received::Nothing };
        };
        if state.pump.is_some() && state.arrived.is_roomy() {
            self.tell_home(state);
        }
        Received::Message(message.bytes)
    }

    /// Sends metadata, before any message. False if the call is over; an error if it comes too late.
    pub fn send_metadata(self: &Arc<Self>, headers: HeaderMap, encoding: Option<Encoding>) -> Result<bool, TooLate> {
        let mut state = self.lock();
        if std::mem::replace(&mut state.opened, true) {
            return Err(TooLate);
        }
        if state.is_over() {
            return Ok(false);
        }
        state.leaving.push(Event::Metadata { headers, encoding });
        self.tell_home(state);
        Ok(true)
    }

    /// Sends a message if there is room.
    pub fn try_send(self: &Arc<Self>, bytes: Bytes, compress: bool) -> Sent {
        self.send_to(self.lock(), bytes, compress)
    }

    /// Sends a message once there is room.
    pub fn send(self: &Arc<Self>, bytes: Bytes, compress: bool) -> Sent {
        let mut state = self.lock();
        while !state.is_over() && state.leaving.is_full() {
            state = self.wait(state);
        }
        self.send_to(state, bytes, compress)
    }

    fn send_to(self: &Arc<Self>, mut state: MutexGuard<'_, State>, bytes: Bytes, compress: bool) -> Sent {
        if state.is_over() {
            return Sent::Over;
        }
        if state.leaving.is_full() {
            state.writable = true;
            return Sent::Full;
        }
        state.opened = true;
        match self.counted(bytes) {
            Ok(bytes) => {
                state.leaving.push(Event::Message { bytes, compress });
                self.tell_home(state);
                Sent::Sent
            }
            Err(status) => {
                drop(state);
                self.fail(status);
                Sent::Over
            }
        }
    }

    /// Ends the call, after a last message if there is one; false if it was over.
    pub fn finish(self: &Arc<Self>, message: Option<(Bytes, bool)>, status: Status) -> bool {
        match self.try_finish(message, status) {
            Some((_, endings)) => {
                endings.into_iter().for_each(|ending| ending());
                true
            }
            None => false,
        }
    }

    fn try_finish(self: &Arc<Self>, message: Option<(Bytes, bool)>, status: Status) -> Option<(Stage, Vec<Ending>)> {
        let message =
            message.map(|(bytes, compress)| self.counted(bytes).map(|bytes| Event::Message { bytes, compress }));
        let (message, status) = match message.transpose() {
            Ok(message) => (message, status),
            Err(refused) => (None, refused),
        };
        let mut state = self.lock();
        let held = state.held.take();
        if std::mem::replace(&mut state.ended, true) || state.left {
            // What is held is given back without the lock.
            drop(state);
            return None;
        }
        (state.opened, state.half_closed) = (true, true);
        state.arrived.clear();
        message.into_iter().for_each(|message| state.leaving.push(message));
        state.leaving.push(Event::End(status));
        let ended = (state.stage, std::mem::take(&mut state.endings));
        let told = std::mem::replace(&mut state.told, true);
        self.release(state);
        if !told {
            self.told.put([Arc::clone(self)]);
        }
        drop(held);
        Some(ended)
    }

    /// Says that nobody will answer the call any more.
    pub fn abandon(self: &Arc<Self>) {
        let path = &self.method.path;
        self.finish(None, Status::new(Code::Unknown, format!("the handler of {path} was dropped without an answer")));
    }

    /// Has `ending` run when the call is over; gives it back if it already is.
    pub fn on_end(&self, ending: Ending) -> Result<(), Ending> {
        let mut state = self.lock();
        if state.is_over() {
            return Err(ending);
        }
        state.endings.push(ending);
        Ok(())
    }

    fn counted(&self, bytes: Bytes) -> Result<Bytes, Status> {
        counted(&self.outgoing, bytes).map_err(|error| Status::from(&error))
    }

    /// Has the network thread look, unless it is about to.
    fn tell_home(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        let told = std::mem::replace(&mut state.told, true);
        drop(state);
        if !told {
            self.told.put([Arc::clone(self)]);
        }
    }
}
