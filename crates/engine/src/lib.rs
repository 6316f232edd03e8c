//! The heart of the server: queues, batches, faults, deadlines, admission and routing.
//!
//! [`Engine`] is a synchronous state machine for one servable version: events in, commands out, no I/O, no
//! threads, no clock. [`Version`] puts a lock, a clock and condition variables around it. [`Router`] says which
//! version a caller means, and [`Admission`] bounds how much is in flight over all of them.

mod admission;
mod calls;
pub mod clock;
mod engine;
mod faults;
mod flow;
mod hash;
mod lanes;
mod outcome;
mod plan;
mod queue;
mod routing;
mod stage;
mod statistics;
pub mod urgency;
mod version;

pub use admission::{Admission, Permit};
pub use calls::{Command, NewCall, Outbox};
pub use engine::{Engine, Taken};
pub use flow::{Batch, BatchId, BatchOutcome, Note, Piece, Reason, Segment};
pub use lanes::LaneId;
pub use routing::{Entry, Router, Routes};
pub use statistics::{Histogram, StageStatistics, Statistics, SIZE_BOUNDS, TIME_BOUNDS};
pub use version::{Bell, Caller, Delivery, Home, Mailbox, Resident, Version};
