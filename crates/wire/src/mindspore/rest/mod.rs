//! MindSpore Serving over HTTP: `POST /model/<servable>[/version/<n>]:<method>` with named values in JSON.
//!
//! **Values.** A whole number is an int32, any other number a float32, each by itself or in nested arrays whose leaves
//! are all alike; `true` and `false` are bools, a string is text. `{"b64": "...", "type": "int8", "shape": [2]}` is
//! any type as bytes, `bytes` where none is said. So every value has a type whatever the method declares, and the
//! method's own checks are those of gRPC.
//!
//! **Replies** always have the status 200 and the reason phrase `Client`; errors are `error_msg`, of the request or of
//! its instances one by one.

mod address;
mod base64;
mod call;
mod mistakes;
mod numbers;
mod reply;
mod values;

pub use address::Address;
pub use call::{unreadable, Call};
pub use reply::{refuse, refuse_unread, REASON};
