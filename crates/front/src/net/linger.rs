//! Staying awake for a moment after the last reply.
//!
//! Who asks one thing after the other asks again as soon as the answer is there, and a core that has gone to sleep in between takes
//! longer to wake than many a call takes. So where callers have come back at once for some time, the thread goes on looking for
//! the next of them before it sleeps. A thread with calls in flight never does: its core may be their worker's. And whoever else wants
//! the core meanwhile, as a worker that has just answered does, has it.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::yield_now;

/// How long a thread looks for the next caller.
const MOMENT: Duration = Duration::from_micros(200);
/// So many callers must have come back within a moment before one is waited for; twice as many after waits in vain.
const FEWEST: u32 = 16;
const MOST: u32 = 4096;
/// A wait in vain costs what so many earn that were not.
const VAIN: i32 = 4;
/// The most that waits can have earned. Who has earned nothing waits in vain but once.
const CREDIT: i32 = 8;

thread_local! {
    static HABIT: RefCell<Habit> = RefCell::new(Habit::default());
}

/// How callers of one thread have come and gone.
struct Habit {
    busy: u32,
    /// How many have come, ever.
    callers: u64,
    quiet_since: Option<Instant>,
    /// Callers who came back within a moment; each who did not halves it.
    quick: u32,
    /// How many it takes.
    wanted: u32,
    /// What waiting has been worth of late.
    credit: i32,
    expecting: Arc<Notify>,
}

impl Default for Habit {
    fn default() -> Habit {
        Habit {
            busy: 0,
            callers: 0,
            quiet_since: None,
            quick: 0,
            wanted: FEWEST,
            credit: 0,
            expecting: Arc::new(Notify::new()),
        }
    }
}

impl Habit {
    fn came(&mut self, now: impl FnOnce() -> Instant) {
        self.busy += 1;
        self.callers += 1;
        if let Some(since) = self.quiet_since.take() {
            let quick = now().duration_since(since) <= MOMENT;
            self.quick = if quick { (self.quick + 1).min(self.wanted * 4) } else { self.quick / 2 };
        }
    }

    /// Whether to look for the next caller.
    fn went(&mut self, now: impl FnOnce() -> Instant) -> bool {
        self.busy -= 1;
        if self.busy > 0 {
            return false;
        }
        self.quiet_since = Some(now());
        self.quick >= self.wanted
    }

    fn rewarded(&mut self) {
        self.credit += 1;
        if self.credit > CREDIT {
            self.credit = CREDIT;
            self.wanted = (self.wanted / 2).max(FEWEST);
        }
    }

    fn disappointed(&mut self) {
        self.credit -= VAIN;
        if self.credit < 0 {
            (self.credit, self.quick) = (0, 0);
            self.wanted = (self.wanted * 2).min(MOST);
        }
    }
}

fn with_habit<T>(work: impl FnOnce(&mut Habit) -> T) -> Option<T> {
    HABIT.try_with(|habit| work(&mut habit.borrow_mut())).ok()
}

/// A call that this thread is at, until this is dropped.
pub struct Busy(());

impl Busy {
    pub fn begin() -> Busy {
        with_habit(|habit| habit.came(Instant::now));
        Busy(())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        with_habit(|habit| {
            if habit.went(Instant::now) {
                habit.expecting.notify_one();
            }
        });
    }
}

/// Keeps this thread awake whenever that is likely to pay, for ever. All others that are ready have their turn meanwhile.
pub async fn linger() {
    let Some(expecting) = with_habit(|habit| Arc::clone(&habit.expecting)) else { return };
    loop {
        expecting.notified().await;
        // Who has just answered has its things to tidy up, and then sleeps.
        std::thread::yield_now();
        // What was told may be of one who left earlier: somebody else may be here by now.
        let Some(Some(before)) = with_habit(|habit| (habit.busy == 0).then_some(habit.callers)) else { continue };
        // The next may have come and gone by the time of another look.
        let is_alone = || with_habit(|habit| habit.callers == before) == Some(true);
        let until = Instant::now() + MOMENT;
        while is_alone() && Instant::now() < until {
            yield_now().await;
        }
        with_habit(if is_alone() { Habit::disappointed } else { Habit::rewarded });
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Builder;

    use super::*;

    /// Callers who come back after so long; whether the next would be waited for.
    fn after(habit: &mut Habit, callers: u32, pause: Duration) -> bool {
        let mut now = habit.quiet_since.unwrap_or_else(Instant::now);
        (0..callers).fold(false, |_, _| {
            now += pause;
            habit.came(|| now);
            habit.went(|| now)
        })
    }

    #[test]
    fn callers_who_come_back_at_once_are_waited_for() {
        let mut habit = Habit::default();
        assert!(!after(&mut habit, FEWEST, MOMENT), "the first of them came to a thread that had nobody");
        assert!(after(&mut habit, 1, MOMENT));
    }

    #[test]
    fn callers_who_take_their_time_are_not() {
        let mut habit = Habit::default();
        assert!(!after(&mut habit, 1000, MOMENT * 2));
        assert!(after(&mut habit, FEWEST, MOMENT));
        assert!(!after(&mut habit, 1, MOMENT * 2));
    }

    #[test]
    fn one_who_is_late_now_and_then_changes_nothing() {
        let mut habit = Habit::default();
        after(&mut habit, 100, MOMENT);
        (0..CREDIT).for_each(|_| habit.rewarded());
        for _ in 0..10 {
            assert!(after(&mut habit, 1, MOMENT * 2));
            habit.disappointed();
            assert!(after(&mut habit, 19, MOMENT));
            (0..19).for_each(|_| habit.rewarded());
        }
    }

    #[test]
    fn nobody_is_waited_for_while_calls_are_in_flight() {
        let mut habit = Habit::default();
        habit.came(Instant::now);
        assert!(!after(&mut habit, 1000, Duration::ZERO));
    }

    /// Runs on a thread, and with a habit, of its own.
    fn alone<T: Send>(work: impl AsyncFnOnce() -> T + Send) -> T {
        let run = || Builder::new_current_thread().enable_time().build().unwrap().block_on(work());
        std::thread::scope(|scope| scope.spawn(run).join().unwrap())
    }

    /// What a habit wants, and has to its credit, once somebody was here for whom to wait, and then whoever `next` is. `linger`
    /// has some moments, and as long as it takes if it is to change what is wanted.
    fn habit_after(next: fn() -> Option<Busy>, wanted: u32) -> (u32, i32) {
        alone(async || {
            tokio::spawn(linger());
            yield_now().await;
            let first = Busy::begin();
            with_habit(|habit| habit.quick = habit.wanted);
            drop(first);
            let (_next, began) = (next(), Instant::now());
            let habit = || with_habit(|habit| (habit.wanted, habit.credit)).unwrap();
            let patience = || if habit().0 == wanted { MOMENT * 5 } else { Duration::from_secs(20) };
            while began.elapsed() < patience() {
                yield_now().await;
            }
            habit()
        })
    }

    #[test]
    fn whoever_is_here_is_not_waited_for() {
        assert_eq!(habit_after(|| Some(Busy::begin()), FEWEST), (FEWEST, 0));
    }

    #[test]
    fn whoever_does_not_come_back_was_waited_for_in_vain() {
        assert_eq!(habit_after(|| None, 2 * FEWEST), (2 * FEWEST, 0));
    }

    #[test]
    fn vain_waits_make_the_next_ever_rarer() {
        let mut habit = Habit::default();
        assert!(after(&mut habit, FEWEST + 1, MOMENT));
        habit.disappointed();
        assert!(!after(&mut habit, FEWEST, MOMENT));
        assert!(after(&mut habit, FEWEST, MOMENT));
        (0..100).for_each(|_| habit.disappointed());
        assert!(after(&mut habit, MOST, MOMENT), "but it does not end for good");
        (0..100).for_each(|_| habit.rewarded());
        assert_eq!(habit.wanted, FEWEST);
    }
}
