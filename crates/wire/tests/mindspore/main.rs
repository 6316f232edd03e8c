//! `MSService/Predict` as clients of MindSpore Serving see it.

#![allow(clippy::unwrap_used, clippy::panic)]

mod errors;
mod messages;
mod optional;
mod predict;
mod rest;
mod strangers;
mod types;
