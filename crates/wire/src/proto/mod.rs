//! Users' own services: their `.proto` files, and messages of which only the descriptor is known.

mod compile;
mod known;

pub use compile::{compile, CompileError};
