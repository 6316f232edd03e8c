//! Lines for whoever runs the server. They go to standard error, a bounded number each second, because strangers
//! can cause them.

use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant};

const PER_SECOND: u32 = 10;

struct Window {
    since: Option<Instant>,
    written: u32,
    withheld: u64,
}

static WINDOW: Mutex<Window> = Mutex::new(Window { since: None, written: 0, withheld: 0 });

/// Writes one line, or counts it if too many were written this second.
pub fn event(text: fmt::Arguments<'_>) {
    let mut window = WINDOW.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let now = Instant::now();
    if window.since.is_none_or(|since| now - since >= Duration::from_secs(1)) {
        if window.withheld > 0 {
            eprintln!("salver: ({} lines withheld)", window.withheld);
        }
        *window = Window { since: Some(now), written: 0, withheld: 0 };
    }
    if window.written == PER_SECOND {
        window.withheld += 1;
        return;
    }
    window.written += 1;
    drop(window);
    eprintln!("salver: {text}");
}
