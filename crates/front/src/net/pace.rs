//! How slowly a peer may send and read.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{sleep_until, Instant, Sleep};

/// The slowest that anything may go on for long, in bytes a second.
const SLOWEST: u32 = 1024;

/// How long a peer may still keep somebody waiting.
///
/// All pauses together may last `longest`; each byte that moves makes up for as much as it is worth at the slowest pace, so
/// that nothing can be kept open by drops.
pub struct Pace {
    longest: Duration,
    left: Duration,
}

impl Pace {
    pub fn new(longest: Duration) -> Pace {
        Pace { longest, left: longest }
    }

    pub fn left(&self) -> Duration {
        self.left
    }

    pub fn paused(&mut self, pause: Duration) {
        self.left = self.left.saturating_sub(pause);
    }

    pub fn moved(&mut self, bytes: usize) {
        if self.left < self.longest {
            let worth = Duration::from_secs(bytes as u64) / SLOWEST;
            self.left = self.longest.min(self.left.saturating_add(worth));
        }
    }
}

/// A pace with a timer, which is made when somebody first has to wait: who never does pays nothing.
pub struct Stall {
    pace: Pace,
    since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Stall {
    pub fn new(longest: Duration) -> Stall {
        Stall { pace: Pace::new(longest), since: None, timer: None }
    }

    /// Nothing moves now. Ready when that has been so for too long.
    pub fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.since.is_none() {
            let now = Instant::now();
            self.since = Some(now);
            let until = now + self.pace.left();
            match &mut self.timer {
                Some(timer) => timer.as_mut().reset(until),
                None => self.timer = Some(Box::pin(sleep_until(until))),
            }
        }
        self.timer.as_mut().map_or(Poll::Pending, |timer| timer.as_mut().poll(context))
    }

    /// So much has moved; nobody waits any more.
    pub fn moved(&mut self, bytes: usize) {
        if let Some(since) = self.since.take() {
            self.pace.paused(since.elapsed());
        }
        self.pace.moved(bytes);
    }

    /// What was waited for is there, and the next has all its time.
    pub fn done(&mut self) {
        self.since = None;
        self.pace.left = self.pace.longest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_moves_makes_up_for_pauses() {
        let mut pace = Pace::new(10 * SECOND);
        for _ in 0..1000 {
            pace.paused(9 * SECOND);
            assert_eq!(pace.left(), SECOND);
            pace.moved(9 * SLOWEST as usize);
            assert_eq!(pace.left(), 10 * SECOND);
        }
        pace.moved(usize::MAX);
        assert_eq!(pace.left(), 10 * SECOND, "nobody saves up");
    }

    #[test]
    fn drops_do_not() {
        let mut pace = Pace::new(10 * SECOND);
        for _ in 0..11 {
            pace.paused(SECOND);
            pace.moved(1);
        }
        assert!(pace.left() < SECOND);
    }

    #[tokio::test]
    async fn a_stall_is_over_when_nothing_has_moved_for_long() {
        let mut stall = Stall::new(Duration::from_millis(20));
        for _ in 0..3 {
            std::future::poll_fn(|context| stall.poll_over(context)).await;
            stall.done();
        }
    }
}
