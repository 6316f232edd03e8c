//! What other threads have for a link's thread, and how it is woken for it.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::event::{eventfd, EventfdFlags};
use salver_engine::{BatchId, Delivery, Mailbox, Note};

/// The letter box of one link.
pub struct Post {
    pub wake: OwnedFd,
    asleep: AtomicBool,
    rung: AtomicBool,
    stop: AtomicBool,
    notes: Mutex<Vec<(BatchId, Note)>>,
    deliveries: Mutex<Vec<Delivery>>,
}

impl Post {
    pub fn new() -> io::Result<Arc<Post>> {
        let wake = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        let (asleep, rung, stop) = Default::default();
        Ok(Arc::new(Post { wake, asleep, rung, stop, notes: Mutex::default(), deliveries: Mutex::default() }))
    }

    /// Asks the thread to end.
    pub fn end(&self) {
        self.stop.store(true, Ordering::SeqCst);
        self.ring();
    }

    pub fn ending(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// Before the thread sleeps: whether nothing has come since it last looked. It must say when it is awake.
    pub fn may_sleep(&self) -> bool {
        self.asleep.store(true, Ordering::SeqCst);
        !self.rung.swap(false, Ordering::SeqCst)
    }

    pub fn awake(&self) {
        self.asleep.store(false, Ordering::SeqCst);
        // There is nothing to read unless somebody rang.
        let _ = rustix::io::read(&self.wake, &mut [0; 8]);
        self.rung.store(false, Ordering::SeqCst);
    }

    pub fn notes(&self) -> Vec<(BatchId, Note)> {
        take(&self.notes)
    }

    pub fn deliveries(&self) -> Vec<Delivery> {
        take(&self.deliveries)
    }
}

fn take<T>(letters: &Mutex<Vec<T>>) -> Vec<T> {
    std::mem::take(&mut *letters.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Post {
    /// Wakes the link's thread.
    pub fn ring(&self) {
        self.rung.store(true, Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst) {
            // It cannot overflow: the thread reads it whenever it wakes.
            let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
        }
    }

    pub fn tell(&self, batch: BatchId, note: Note) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push((batch, note));
        self.ring();
    }
}

impl Mailbox for Post {
    fn deliver(&self, deliveries: Vec<Delivery>) {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner).extend(deliveries);
        self.ring();
    }
}
