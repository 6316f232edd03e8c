//! Calls that are answered by worker processes, each of which serves the same services on a Unix socket of its own.
//!
//! Towards them this server is a gRPC client over HTTP/2. A call goes to the worker with the fewest calls, and of several
//! to the one that has been given the fewest; what its caller does not read, or its handler does not take, is held back by
//! HTTP/2 itself. When a worker's connection ends its callers are told at once, and it ends when the worker does not answer
//! pings. If nobody is at its socket any more the worker is lost, and asked no more until it is added again; if somebody
//! is, but says nothing, others are asked first until it does.

mod body;
mod call;
mod connection;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;

use arc_swap::ArcSwap;

pub(super) use call::{Calling, Outward};

/// The worker processes of some services.
#[derive(Default)]
pub struct Workers(ArcSwap<Vec<Arc<Worker>>>);

/// One process, as long as it lives.
pub struct Worker {
    socket: PathBuf,
    calls: AtomicUsize,
    /// How many calls it has been given before.
    begun: AtomicUsize,
    /// It was there when it was last heard of, and is waited for.
    silent: AtomicBool,
    lost: AtomicBool,
}

impl Workers {
    /// The process behind this socket is ready. Whatever was behind it before is forgotten.
    pub fn add(&self, socket: &Path) {
        // It is as old as the others, lest it get all calls until it is.
        let begun = self.0.load().iter().map(|worker| worker.begun.load(Ordering::Relaxed)).max().unwrap_or(0);
        let (calls, begun) = (AtomicUsize::new(0), AtomicUsize::new(begun));
        let (silent, lost) = (AtomicBool::new(false), AtomicBool::new(false));
        let added = Arc::new(Worker { socket: socket.into(), calls, begun, silent, lost });
        self.0.rcu(|all| {
            let others = all.iter().filter(|worker| worker.socket != socket && !worker.is_lost());
            others.chain([&added]).cloned().collect::<Vec<_>>()
        });
    }

    /// The process behind this socket gets no more calls; those that it has go on.
    pub fn remove(&self, socket: &Path) {
        self.0.rcu(|all| all.iter().filter(|worker| worker.socket != socket).cloned().collect::<Vec<_>>());
    }

    /// The sockets of those that get calls.
    pub fn sockets(&self) -> Vec<PathBuf> {
        self.0.load().iter().filter(|worker| !worker.is_lost()).map(|worker| worker.socket.clone()).collect()
    }

    /// A place at the worker that has the fewest calls, of those that are not passed over.
    fn choose(&self, passed_over: &[Arc<Worker>]) -> Option<Place> {
        let all = self.0.load();
        let passed = |worker: &Arc<Worker>| passed_over.iter().any(|other| Arc::ptr_eq(other, worker));
        let ready = all.iter().filter(|worker| !worker.is_lost() && !passed(worker));
        let worker = ready.min_by_key(|worker| worker.load())?;
        worker.calls.fetch_add(1, Ordering::Relaxed);
        worker.begun.fetch_add(1, Ordering::Relaxed);
        Some(Place(Arc::clone(worker)))
    }
}

impl Worker {
    /// The less of it, the sooner it gets a call.
    fn load(&self) -> (bool, usize, usize) {
        let silent = self.silent.load(Ordering::Acquire);
        (silent, self.calls.load(Ordering::Relaxed), self.begun.load(Ordering::Relaxed))
    }

    fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    fn lose(&self) {
        self.lost.store(true, Ordering::Release);
    }
}

/// A call's place at a worker.
struct Place(Arc<Worker>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}
