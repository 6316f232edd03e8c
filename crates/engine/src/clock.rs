//! The engine's time: nanoseconds since the process first asked for it.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

/// Now, in the engine's time.
pub fn now() -> u64 {
    nanos(epoch().elapsed())
}

/// The engine's time `wait` from now, for deadlines; clipped to the end of time.
pub fn after(wait: Duration) -> u64 {
    now().saturating_add(nanos(wait))
}

/// A duration in the engine's unit, clipped to what fits.
pub fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_forward_and_ends_without_overflow() {
        let start = now();
        assert!(after(Duration::from_secs(1)) >= start + 1_000_000_000);
        assert_eq!(after(Duration::MAX), u64::MAX);
    }
}
