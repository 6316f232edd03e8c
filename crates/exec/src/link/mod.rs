//! The link between engine and worker: one for each lane, the same code at both ends.
//!
//! **Frames.** A frame is a head of 32 bytes, then `meta`, then `payload` (see `frame.rs`). After the worker's
//! [`Kind::Hello`] the server opens batches and the worker answers them; a worker may open calls of its own to the
//! servable's hidden methods, which the server answers in the same form.
//!
//! **Arenas.** Large tensors travel in two sealed files in memory, one for each direction, of which the frame
//! names a range. The consumer holds a lease until its last view of the range is dropped, and then gives it back by
//! [`Kind::Release`], together with whatever it sends next. A full arena is no trouble: data then goes with the frame.
//!
//! **Acknowledged starts.** The first bytes of the worker's arena hold the number of the last batch that it
//! started, so that a batch is known to have been started, or not, however the worker ended. A worker of another host
//! has no arena: its data goes with the frames, and [`Kind::Started`] says what the first bytes would.

mod arena;
mod columns;
mod driver;
mod frame;
mod lane;
mod outcome;
mod post;
mod reader;
mod serve;
mod worker;
mod writer;

pub use columns::{Chunk, Column, Source};
pub use lane::{spawn_link, LaneFiles, LinkHandle, LinkOptions};
pub use outcome::{Failure, Outcome};
pub use serve::serve_model;
pub use worker::{About, Opened, Worker};

/// The version of all this; both ends must have the same.
pub const VERSION: u32 = 1;
