//! How urgently a thread wants the processor, in the terms of Linux's scheduler.
//!
//! A thread that has been asleep takes the processor at once from one whose turns are longer than its own (Linux 6.12 and newer), and
//! otherwise waits for the end of that turn, which may be some milliseconds. So threads that answer callers take short turns,
//! and threads that nobody waits for take long ones. Neither gets more or less of the processor by that. An older kernel, or
//! one that forbids it, leaves the thread as it is.

// The one system call of this module, which neither the standard library nor rustix has.
#![allow(unsafe_code)]

use std::mem::size_of;
use std::time::Duration;

use rustix::process::nice;

const SHORT_TURN: Duration = Duration::from_micros(200);
const LONG_TURN: Duration = Duration::from_millis(100);
/// How much work that nobody waits for gives way, as `nice` counts it.
const YIELDING: i32 = 10;
/// Threads that this one starts take turns of the usual length.
const RESET_ON_FORK: u64 = 1;

/// `struct sched_attr` of linux/sched/types.h, as far as its first version has it.
#[repr(C)]
#[derive(Default)]
struct Attributes {
    size: u32,
    /// 0 is the usual one, `SCHED_OTHER`.
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    /// The length of a turn, in nanoseconds.
    runtime: u64,
    deadline: u64,
    period: u64,
}

/// This thread answers callers: it is short, and should be let in between others' turns.
pub fn urgent() {
    take_turns(0, SHORT_TURN, 0);
}

/// Callers do not wait for this thread, but it starts some that they do wait for.
pub fn unhurried() {
    take_turns(0, LONG_TURN, RESET_ON_FORK);
}

/// Nobody waits for this thread, nor for those that it starts. It cannot be taken back.
pub fn yielding() {
    take_turns(YIELDING, LONG_TURN, 0);
}

fn take_turns(nicer: i32, length: Duration, flags: u64) {
    // Where it may not, it takes what it gets; and so below.
    let Ok(nice) = nice(nicer) else { return };
    let (size, runtime) = (size_of::<Attributes>() as u32, length.as_nanos() as u64);
    let attributes = Attributes { size, flags, nice, runtime, ..Attributes::default() };
    // SAFETY: the kernel reads `size` bytes of a struct that outlives the call, and changes nothing but how the calling thread is
    // scheduled.
    let _ = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel says of this thread: nice value, and length of a turn.
    fn turns() -> (i32, u64) {
        let mut attributes = Attributes { size: size_of::<Attributes>() as u32, ..Attributes::default() };
        let size = attributes.size;
        // SAFETY: the kernel writes `size` bytes at most into a struct that is as large.
        let failed = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, size, 0) };
        assert_eq!(failed, 0);
        (attributes.nice, attributes.runtime)
    }

    fn after(change: fn()) -> (i32, u64) {
        let thread = std::thread::spawn(move || {
            change();
            turns()
        });
        thread.join().unwrap()
    }

    #[test]
    fn threads_that_answer_callers_take_shorter_turns_than_those_that_nobody_waits_for() {
        let (usual, answering, managing, loading) = (after(|| ()), after(urgent), after(unhurried), after(yielding));
        assert_eq!((answering.0, managing.0), (usual.0, usual.0));
        assert_eq!(loading.0, (usual.0 + YIELDING).min(19));
        // Kernels that know no lengths say nothing of them.
        assert!(answering.1 <= managing.1, "{answering:?} {managing:?}");
        assert!(answering.1 <= loading.1, "{answering:?} {loading:?}");
    }

    #[test]
    fn what_an_unhurried_thread_starts_takes_turns_as_any_other() {
        let started = std::thread::spawn(|| {
            unhurried();
            after(|| ())
        });
        assert_eq!(started.join().unwrap(), after(|| ()));
    }
}
