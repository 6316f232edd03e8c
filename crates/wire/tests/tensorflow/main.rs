//! TensorFlow Serving as its clients see it.

#![allow(clippy::unwrap_used, clippy::panic)]

mod binary;
mod errors;
mod inference;
mod labels;
mod messages;
mod metadata;
mod multi;
mod predict;
mod refusals;
mod reload;
mod rest;
mod rest_inference;
mod rest_refusals;
mod rest_values;
mod servables;
mod status;
mod strangers;
mod tensors;
