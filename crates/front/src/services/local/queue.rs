use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use salver_core::{Code, Error};

use super::bell::Bell;
use super::call::{Call, Stage};
use super::sleepers::Sleepers;
use super::Ending;
use crate::services::Status;

/// Calls that wait for a thread of this process.
///
/// Any number of threads may `take` them, or one event loop asks for `events`.
pub struct Queue {
    state: Mutex<State>,
    /// Told when there are endings to run.
    ended: Condvar,
    bell: Bell,
    limit: u64,
    live: AtomicU64,
    closed: AtomicBool,
    behind_front: bool,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Arc<Call>>,
    /// How many of those have been left by their callers.
    departed: usize,
    news: Vec<(Arc<Call>, News)>,
    endings: Vec<Ending>,
    /// Threads that wait for a call.
    idle: Sleepers,
    /// Whether one of them has been woken and has not looked yet.
    waking: bool,
    closed: bool,
    ended_by_somebody: bool,
}

/// What happened to a call of an event loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    Begun,
    /// There is a message, or the end of them, where there was none.
    Readable,
    /// There is room where there was none.
    Writable,
    /// The caller has left, or the call was ended for its handler.
    Ended,
}

/// What there is to take.
pub enum Taken {
    Call(Arc<Call>),
    Nothing,
    Closed,
}

/// A call's place among those that there may be at once.
pub struct Place(Arc<Queue>);

impl Place {
    pub(super) fn queue(&self) -> &Arc<Queue> {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let last = self.0.live.fetch_sub(1, Ordering::AcqRel) == 1;
        if last && self.0.closed.load(Ordering::Acquire) {
            // Whoever runs endings may stop now; with the lock it cannot be about to wait.
            let _state = self.0.lock();
            self.0.ended.notify_all();
        }
    }
}

impl Queue {
    /// A queue of at most so many calls that wait or are being answered.
    pub fn new(limit: u64) -> Arc<Queue> {
        Queue::of(limit, false)
    }

    /// The same for calls that a server hands on, and nobody else: it is believed who made them.
    pub fn behind_front(limit: u64) -> Arc<Queue> {
        Queue::of(limit, true)
    }

    fn of(limit: u64, behind_front: bool) -> Arc<Queue> {
        let (ended, bell) = (Condvar::new(), Bell::default());
        let (live, closed) = (AtomicU64::new(0), AtomicBool::new(false));
        Arc::new(Queue { state: Mutex::default(), ended, bell, limit, live, closed, behind_front })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn admit(self: &Arc<Self>) -> Result<Place, Status> {
        if self.live.fetch_add(1, Ordering::AcqRel) >= self.limit {
            drop(Place(Arc::clone(self)));
            return Err(Status::new(Code::ResourceExhausted, "Concurrent RPC limit exceeded!"));
        }
        Ok(Place(Arc::clone(self)))
    }

    /// Whether who made a call is what its headers say.
    pub(super) fn is_behind_front(&self) -> bool {
        self.behind_front
    }

    /// Calls that wait or are being answered.
    pub fn calls(&self) -> u64 {
        self.live.load(Ordering::Acquire)
    }

    pub(super) fn put(&self, calls: Vec<Arc<Call>>) {
        let mut state = self.lock();
        if state.closed {
            drop(state);
            return calls.iter().for_each(refuse);
        }
        let first = state.is_quiet();
        state.waiting.extend(calls);
        if first {
            self.bell.ring();
        }
        wake_one(state);
    }

    /// Takes the oldest call, for a thread. `woken` says that `wait` has returned since the last time.
    pub fn take(&self, woken: bool) -> Taken {
        let mut state = self.lock();
        state.waking &= !woken;
        while let Some(call) = state.waiting.pop_front() {
            if call.take(Stage::Thread) {
                // While this one is answered, another may be.
                wake_one(state);
                return Taken::Call(call);
            }
            state.departed = state.departed.saturating_sub(1);
        }
        if state.closed {
            return Taken::Closed;
        }
        Taken::Nothing
    }

    /// Waits until there may be something to take; false if the time was up before.
    pub fn wait(&self, timeout: Option<Duration>) -> bool {
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut state = self.lock();
        if !state.waiting.is_empty() || state.closed {
            return true;
        }
        let sleeper = state.idle.add();
        drop(state);
        // Who is woken just as the time is up has been woken.
        sleeper.sleep(until) || !self.lock().idle.remove(&sleeper)
    }

    /// What becomes readable when there are events.
    pub fn descriptor(&self) -> io::Result<RawFd> {
        self.bell.descriptor()
    }

    /// What happened since the last time, for an event loop. It has the calls that have begun.
    pub fn events(&self) -> Vec<(Arc<Call>, News)> {
        let mut state = self.lock();
        self.bell.silence();
        let mut events = std::mem::take(&mut state.news);
        let begun = state.waiting.drain(..).filter(|call| call.take(Stage::Loop));
        events.extend(begun.map(|call| (call, News::Begun)));
        state.departed = 0;
        events
    }

    pub(super) fn tell(&self, call: Arc<Call>, news: News) {
        let mut state = self.lock();
        let first = state.is_quiet();
        state.news.push((call, news));
        if first {
            self.bell.ring();
        }
    }

    /// A call that waits has been left by its caller.
    pub(super) fn departed(&self) {
        let mut state = self.lock();
        state.departed += 1;
        // They are looked for only when there are so many that it is worth it.
        if state.departed > 16 + state.waiting.len() / 2 {
            state.departed = 0;
            state.waiting.retain(|call| call.is_active());
        }
    }

    pub(super) fn end(&self, endings: Vec<Ending>) {
        if !endings.is_empty() {
            self.lock().endings.extend(endings);
            self.ended.notify_one();
        }
    }

    /// True the first time: somebody is to run endings from now on.
    pub fn first_ending(&self) -> bool {
        !std::mem::replace(&mut self.lock().ended_by_somebody, true)
    }

    /// Waits for what is to be run because calls are over; `None` once closed, when there are no calls any more.
    pub fn endings(&self) -> Option<Vec<Ending>> {
        let mut state = self.lock();
        while state.endings.is_empty() && !(state.closed && self.calls() == 0) {
            state = self.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Some(std::mem::take(&mut state.endings)).filter(|endings| !endings.is_empty())
    }

    /// Lets nothing in any more and refuses what waits; calls that were taken go on.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        self.closed.store(true, Ordering::Release);
        let waiting = std::mem::take(&mut state.waiting);
        let idle = std::mem::take(&mut state.idle);
        self.ended.notify_all();
        self.bell.ring();
        drop(state);
        idle.wake_all();
        waiting.iter().for_each(refuse);
    }
}

/// Wakes a thread if there is a call for it and none is on its way.
fn wake_one(mut state: MutexGuard<'_, State>) {
    if state.waiting.is_empty() || state.waking {
        return;
    }
    let sleeper = state.idle.pop();
    state.waking = sleeper.is_some();
    drop(state);
    // Without the lock, which it wants first of all.
    sleeper.into_iter().for_each(|sleeper| sleeper.wake());
}

impl State {
    fn is_quiet(&self) -> bool {
        self.waiting.is_empty() && self.news.is_empty()
    }
}

fn refuse(call: &Arc<Call>) {
    call.fail(Status::from(&Error::Draining));
}
