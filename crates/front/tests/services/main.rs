//! Users' own services over gRPC, through real sockets: the tests are the handlers and the callers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod caller;
#[path = "../common/client.rs"]
mod client;
mod compression;
mod floods;
mod flow;
mod kinds;
mod leaving;
mod lost_workers;
mod metadata;
mod refusals;
mod served;
mod stalls;
mod unread;
mod workers;
