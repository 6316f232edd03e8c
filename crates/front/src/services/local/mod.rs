//! Calls that are answered by threads of this process: a queue between network threads and theirs.
//!
//! Network threads put calls in, in bursts; other threads take them out, read their messages, write their replies, and
//! end them. What is written is handed to the network thread in one message for all that it has not seen yet. A lock is
//! held for bookkeeping only, on either side.

mod answers;
mod bell;
mod call;
mod home;
mod queue;
mod sleepers;

pub use answers::{Answers, Opening};
pub use call::{Call, Ending, Received, Sent, TooLate};
pub use home::open_home;
pub use queue::{News, Queue, Taken};
