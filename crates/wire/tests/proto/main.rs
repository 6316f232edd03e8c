//! Users' own services: `.proto` files and messages of which only the descriptor is known.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod compile;
mod editions;
mod json;
mod mapped;
mod rules;
mod strangers;
mod support;
