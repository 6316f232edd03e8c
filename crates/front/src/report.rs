//! Lines for whoever runs the server. They go to standard error, a bounded number each second, because strangers
//! can cause them; and by a thread of their own, so that nobody who tells something waits for who reads it.

use std::fmt;
use std::io::Write;
use std::process;
use std::sync::mpsc::{sync_channel, Receiver, SyncSender};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

const PER_SECOND: u32 = 10;
/// So many lines wait to be written.
const WAITING: usize = 64;

/// What is told by this process.
static LINES: Mutex<Option<Lines>> = Mutex::new(None);

/// Writes one line, or counts it if too many were written this second, or wait to be.
pub fn event(text: fmt::Arguments<'_>) {
    let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    // A process that was forked has the lock, but not the thread.
    let own = lines.take().filter(|lines| lines.process == process::id());
    lines.get_or_insert_with(|| own.unwrap_or_else(|| Lines::to(std::io::stderr()))).tell(text, Instant::now());
}

struct Lines {
    process: u32,
    waiting: Option<SyncSender<String>>,
    since: Option<Instant>,
    written: u32,
    withheld: u64,
}

impl Lines {
    fn to(output: impl Write + Send + 'static) -> Lines {
        let (waiting, lines) = sync_channel(WAITING);
        let thread = thread::Builder::new().name("salver-report".into()).spawn(|| write(lines, output));
        let (waiting, process) = (thread.is_ok().then_some(waiting), process::id());
        Lines { process, waiting, since: None, written: 0, withheld: 0 }
    }

    fn tell(&mut self, text: fmt::Arguments<'_>, now: Instant) {
        if self.since.is_none_or(|since| now - since >= Duration::from_secs(1)) {
            (self.since, self.written) = (Some(now), 0);
            if self.withheld > 0 && self.write(format!("salver: ({} lines withheld)\n", self.withheld)) {
                self.withheld = 0;
            }
        }
        if self.written < PER_SECOND && self.write(format!("salver: {text}\n")) {
            self.written += 1;
        } else {
            self.withheld += 1;
        }
    }

    /// Whether there is room for the line.
    fn write(&self, line: String) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| waiting.try_send(line).is_ok())
    }
}

fn write(lines: Receiver<String>, mut output: impl Write) {
    for line in lines {
        // Where nobody reads there is nobody to tell.
        let _ = output.write_all(line.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{channel, Sender};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    /// Takes one line, and no more before it may.
    struct Full(Receiver<()>, Sender<String>);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.1.send(String::from_utf8_lossy(bytes).into_owned());
            // It may for ever, once nobody says so any more.
            let _ = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nobody_waits_for_who_does_not_read() {
        let (go, may) = channel();
        let (told, heard) = channel();
        let heard = || heard.recv_timeout(PATIENCE).unwrap();
        let mut lines = Lines::to(Full(may, told));
        let began = Instant::now();
        let mut tell = |second: usize| lines.tell(format_args!("{second}"), began + Duration::from_secs(second as u64));
        tell(0);
        assert_eq!(heard(), "salver: 0\n");
        (1..=WAITING + 10).for_each(&mut tell);
        drop(go);
        for second in 1..=WAITING {
            assert_eq!(heard(), format!("salver: {second}\n"));
        }
        tell(1000);
        assert_eq!((heard(), heard()), ("salver: (10 lines withheld)\n".into(), "salver: 1000\n".into()));
    }

    #[test]
    fn few_lines_are_written_each_second() {
        let (go, may) = channel();
        let (told, heard) = channel();
        drop(go);
        let mut lines = Lines::to(Full(may, told));
        let now = Instant::now();
        (0..2 * PER_SECOND).for_each(|number| lines.tell(format_args!("{number}"), now));
        let first: Vec<_> = (0..PER_SECOND).map(|_| heard.recv_timeout(PATIENCE).unwrap()).collect();
        assert_eq!(first[9], "salver: 9\n");
        lines.tell(format_args!("later"), now + Duration::from_secs(1));
        assert_eq!(heard.recv_timeout(PATIENCE).unwrap(), "salver: (10 lines withheld)\n");
    }
}
