//! Requests that change what is served, on their way to whoever carries them out.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use salver_core::Code;
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;

/// What became of a request: why it was not followed, or not to its end.
pub type Verdict = Result<(), (Code, String)>;

/// One request: a serialized `ModelServerConfig`. Whoever asked waits for the verdict; without one it has failed.
#[derive(Debug)]
pub struct Reload {
    pub config: Bytes,
    verdict: oneshot::Sender<Verdict>,
}

impl Reload {
    pub fn answer(self, verdict: Verdict) {
        // Who has left needs no answer.
        let _ = self.verdict.send(verdict);
    }
}

/// Requests in the order in which they came. There are never more of them than calls in flight.
#[derive(Debug)]
pub struct Reloads {
    sender: Mutex<Option<UnboundedSender<Reload>>>,
    receiver: Mutex<UnboundedReceiver<Reload>>,
}

impl Default for Reloads {
    fn default() -> Self {
        let (sender, receiver) = unbounded_channel();
        Reloads { sender: Mutex::new(Some(sender)), receiver: Mutex::new(receiver) }
    }
}

impl Reloads {
    /// Hands a request over, and gives where its verdict will come; `None` after the end.
    pub fn ask(&self, config: Bytes) -> Option<oneshot::Receiver<Verdict>> {
        let (verdict, receiver) = oneshot::channel();
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        sender.as_ref()?.send(Reload { config, verdict }).ok()?;
        Some(receiver)
    }

    /// Waits for the next request; `None` after the end. Not for network threads.
    pub fn next(&self) -> Option<Reload> {
        self.receiver.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv()
    }

    /// Takes no more requests.
    pub fn end(&self) {
        *self.sender.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_hears_what_became_of_it() {
        let reloads = Reloads::default();
        let mut verdict = reloads.ask(Bytes::from_static(b"config")).unwrap();
        let asked = reloads.next().unwrap();
        assert_eq!(asked.config, "config");
        asked.answer(Err((Code::Unknown, "no".into())));
        assert_eq!(verdict.try_recv(), Ok(Err((Code::Unknown, "no".into()))));
    }

    #[test]
    fn after_the_end_what_came_before_is_still_answered() {
        let reloads = Reloads::default();
        let _verdict = reloads.ask(Bytes::new());
        reloads.end();
        assert!(reloads.ask(Bytes::new()).is_none());
        assert!(reloads.next().is_some() && reloads.next().is_none());
    }
}
