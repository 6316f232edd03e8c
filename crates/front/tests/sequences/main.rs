//! Calls that are answered by sequences, through real sockets: a lane driven by hand behind a whole server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/client.rs"]
mod client;
mod details;
mod events;
mod generate;
mod lane;
mod lengthy;
mod limits;
mod served;
mod streams;
mod talk;
