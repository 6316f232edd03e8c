use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use salver_core::{Code, Error};

use super::bell::Bell;
use super::call::{Call, Ending, Stage};
use crate::services::Status;

/// Calls that wait for a thread of this process.
///
/// Any number of threads may `take` them, or one event loop asks for `events`.
pub struct Queue {
    state: Mutex<State>,
    /// Told when there is a call to take.
    ready: Condvar,
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
    idle: usize,
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
        let (ready, ended) = (Condvar::new(), Condvar::new());
        let (bell, live, closed) = (Bell::default(), AtomicU64::new(0), AtomicBool::new(false));
        Arc::new(Queue { state: Mutex::default(), ready, ended, bell, limit, live, closed, behind_front })
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
        self.wake_one(&mut state);
    }

    /// Wakes a thread if there is a call for it and none is on its way.
    fn wake_one(&self, state: &mut State) {
        if !state.waiting.is_empty() && state.idle > 0 && !state.waking {
            state.waking = true;
            self.ready.notify_one();
        }
    }

    /// Takes the oldest call, for a thread. `woken` says that `wait` has returned since the last time.
    pub fn take(&self, woken: bool) -> Taken {
        let mut state = self.lock();
        state.waking &= !woken;
        while let Some(call) = state.waiting.pop_front() {
            if call.take(Stage::Thread) {
                // While this one is answered, another may be.
                self.wake_one(&mut state);
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
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut state = self.lock();
        state.idle += 1;
        let mut in_time = true;
        while in_time && state.waiting.is_empty() && !state.closed {
            // Whoever was woken and finds nothing is on its way no more.
            state.waking = false;
            state = match deadline {
                None => self.ready.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    in_time = !left.is_zero();
                    self.ready.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        state.idle -= 1;
        if !in_time {
            // It may have been woken all the same.
            state.waking = false;
            self.wake_one(&mut state);
        }
        in_time
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
        self.ready.notify_all();
        self.ended.notify_all();
        self.bell.ring();
        drop(state);
        waiting.iter().for_each(refuse);
    }
}

impl State {
    fn is_quiet(&self) -> bool {
        self.waiting.is_empty() && self.news.is_empty()
    }
}

fn refuse(call: &Arc<Call>) {
    call.fail(Status::from(&Error::Draining));
}
