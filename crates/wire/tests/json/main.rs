//! Plain JSON as curl and browsers see it.

#![allow(clippy::unwrap_used, clippy::panic)]

mod bodies;
mod errors;
mod listing;
mod rows;
mod servables;
mod strangers;
