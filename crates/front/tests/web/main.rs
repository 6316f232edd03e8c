//! gRPC-Web, the Connect protocol and reflection, through real sockets: what arrives in pieces, too slowly or not at all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bodies;
#[allow(dead_code)]
#[path = "../services/caller.rs"]
mod caller;
#[path = "../common/client.rs"]
mod client;
mod documents;
mod http1;
mod reflection;
#[allow(dead_code)]
#[path = "../services/served.rs"]
mod served;
mod strangers;
