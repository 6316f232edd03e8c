//! Calls that are answered by threads of this process: a queue between network threads and theirs.
//!
//! Network threads put calls in, in bursts; other threads take them out, read their messages, write their replies, and
//! end them. What is written is handed to the network thread in one message for all that it has not seen yet. A lock is
//! held for bookkeeping only, on either side.

mod answers;
mod backlog;
mod bell;
mod call;
mod home;
mod queue;
mod sleepers;

use bytes::Bytes;

pub use answers::{Answers, Opening};
pub use call::Call;
pub use home::open_home;
pub use queue::{News, Queue, Taken};

/// What `receive` gives.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    Message(Bytes),
    /// The caller has sent all.
    End,
    /// There is none now.
    Nothing,
    /// The call is over.
    Over,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    Sent,
    /// Not sent: the caller has not read what came before.
    Full,
    /// Not sent: the call is over.
    Over,
}

/// Metadata was to be sent after it had been, or after a message.
#[derive(Debug)]
pub struct TooLate;

/// What is to be run when a call is over.
pub type Ending = Box<dyn FnOnce() + Send>;
