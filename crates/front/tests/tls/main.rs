//! TLS as clients and operators meet it: who is let in, what is said to those who are not, and files that change.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod clients;
mod draft;
mod files;
mod openssl_client;
mod protocol;
mod reload;
mod strangers;
mod wire;
mod world;
