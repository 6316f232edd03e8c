//! `MSService/Predict` as clients of MindSpore Serving see it.

#![allow(clippy::unwrap_used, clippy::panic)]

mod errors;
mod messages;
mod predict;
mod strangers;
mod types;
