use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::{self, Thread};
use std::time::Instant;

/// Threads that wait. The one that came last is woken first: what it works with is still at hand.
#[derive(Default)]
pub struct Sleepers(Vec<Arc<Sleeper>>);

pub struct Sleeper {
    thread: Thread,
    woken: AtomicBool,
}

impl Sleepers {
    /// Lets the current thread sleep, once it calls [`Sleeper::sleep`].
    pub fn add(&mut self) -> Arc<Sleeper> {
        let sleeper = Arc::new(Sleeper { thread: thread::current(), woken: AtomicBool::new(false) });
        self.0.push(Arc::clone(&sleeper));
        sleeper
    }

    /// Takes one out, who is to be woken without any lock.
    pub fn pop(&mut self) -> Option<Arc<Sleeper>> {
        self.0.pop()
    }

    pub fn wake_all(self) {
        self.0.iter().for_each(|sleeper| sleeper.wake());
    }

    /// Takes this one out; false if it was taken out before, and so will be woken or has been.
    pub fn remove(&mut self, sleeper: &Arc<Sleeper>) -> bool {
        let found = self.0.iter().position(|other| Arc::ptr_eq(other, sleeper));
        found.map(|place| self.0.remove(place)).is_some()
    }
}

impl Sleeper {
    pub fn wake(&self) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }

    /// Sleeps until woken; false if the time was up before.
    pub fn sleep(&self, until: Option<Instant>) -> bool {
        while !self.woken.load(Ordering::Acquire) {
            match until {
                None => thread::park(),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    thread::park_timeout(left);
                }
            }
        }
        true
    }
}
