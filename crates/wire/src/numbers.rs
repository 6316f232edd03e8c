//! JSON values to typed elements and back, shared by every codec that carries tensors as JSON.

mod read;
mod scan;
mod write;

pub use read::{Elements, Layout, MAX_DEPTH};
pub use write::{write_array, write_nested, write_string, NotText};
