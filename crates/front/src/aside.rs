//! Work that would keep the other calls of a network thread waiting is done beside it, on a few threads kept for that.

use std::future::{pending, Future};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};

use salver_engine::Permit;
use tokio::task::{spawn_blocking, JoinError, JoinHandle};

/// Work on this many bytes would keep the other calls of a network thread waiting.
pub const LENGTHY: usize = 64 * 1024;

/// Does the work here if it is short, else elsewhere.
pub async fn aside<T: Send + 'static>(bytes: usize, work: impl FnOnce() -> T + Send + 'static) -> T {
    match bytes < LENGTHY {
        true => work(),
        false => elsewhere(work).await,
    }
}

/// Does the work on a thread that may take its time. Work that has not begun when nobody waits for it any more is not done.
pub async fn elsewhere<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match Doing(spawn_blocking(work)).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            // As if it had been done here.
            Ok(panic) => resume_unwind(panic),
            // The threads end, and with them whoever waits here.
            Err(_) => pending().await,
        },
    }
}

/// The same for work on what a permit holds: that stays held until the work is done or forgotten, also when nobody waits for
/// it any more.
pub async fn elsewhere_held<T: Send + 'static>(
    permit: &mut Permit,
    work: impl FnOnce(&mut Permit) -> T + Send + 'static,
) -> T {
    let mut held = permit.split();
    let (done, held) = elsewhere(move || {
        let done = work(&mut held);
        (done, held)
    })
    .await;
    permit.join(held);
    done
}

/// The same for work that may be short, which is done here.
pub async fn aside_held<T: Send + 'static>(
    permit: &mut Permit,
    bytes: usize,
    work: impl FnOnce(&mut Permit) -> T + Send + 'static,
) -> T {
    match bytes < LENGTHY {
        true => work(permit),
        false => elsewhere_held(permit, work).await,
    }
}

struct Doing<T>(JoinHandle<T>);

impl<T> Future for Doing<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl<T> Drop for Doing<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::channel;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use salver_engine::Admission;
    use tokio::runtime::{Builder, Runtime};
    use tokio::time::timeout;

    use super::*;

    /// One that has a single thread for such work.
    fn runtime() -> Runtime {
        Builder::new_current_thread().enable_time().max_blocking_threads(1).build().unwrap()
    }

    #[test]
    fn work_that_nobody_waits_for_is_not_begun_and_holds_its_memory_until_it_is_forgotten() {
        let (runtime, admission) = (runtime(), Admission::new(1, 1000));
        let (go, busy) = channel::<()>();
        let begun = Arc::new(AtomicBool::new(false));
        runtime.block_on(async {
            let first = tokio::task::spawn_blocking(move || busy.recv().ok());
            let mut permit = admission.admit().unwrap();
            permit.grow(1000).unwrap();
            let begins = Arc::clone(&begun);
            let work = elsewhere_held(&mut permit, move |_| begins.store(true, Ordering::Relaxed));
            assert!(timeout(Duration::ZERO, work).await.is_err());
            drop(permit);
            assert_eq!((admission.calls(), admission.bytes()), (0, 1000));
            drop(go);
            first.await.unwrap();
        });
        let until = Instant::now() + Duration::from_secs(20);
        while admission.bytes() > 0 && Instant::now() < until {
            std::thread::yield_now();
        }
        assert_eq!((admission.bytes(), begun.load(Ordering::Relaxed)), (0, false));
    }

    #[test]
    fn what_work_holds_is_given_back_to_who_waited() {
        let admission = Admission::new(1, 1000);
        runtime().block_on(async {
            let mut permit = admission.admit().unwrap();
            permit.grow(600).unwrap();
            let (refused, grown) = elsewhere_held(&mut permit, |held| (held.grow(500), held.grow(400))).await;
            assert!(refused.is_err() && grown.is_ok());
            assert_eq!(admission.bytes(), 1000);
        });
        assert_eq!((admission.calls(), admission.bytes()), (0, 0));
    }
}
