//! The rules of batching, faults, deadlines and lost lanes, one by one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test that cannot go on fails

mod batching;
mod bench;
mod calls;
#[path = "../common/mod.rs"]
mod common;
mod faults;
mod lanes;
