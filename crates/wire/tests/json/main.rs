//! Plain JSON as curl and browsers see it.

#![allow(clippy::unwrap_used, clippy::panic)]

mod bodies;
mod documents;
mod errors;
mod events;
mod listing;
mod optional;
mod rows;
mod servables;
mod strangers;
