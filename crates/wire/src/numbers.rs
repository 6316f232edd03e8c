//! JSON values to typed elements and back, shared by every codec that carries tensors as JSON.

mod read;
mod scan;
mod write;

pub(crate) use read::unescaped;
pub use read::{Elements, Layout, MAX_DEPTH};
pub(crate) use scan::{Number, Scan};
pub use write::{write_array, write_float, write_nested, write_string, NotText};
