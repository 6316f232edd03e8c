//! Both ends of a link, and what becomes of calls when one of them does not do as it should.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test that cannot go on fails

mod bench;
mod ends;
mod sequences;
mod tensors;
