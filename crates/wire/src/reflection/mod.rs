//! Server reflection of gRPC: which services a server has, and the `.proto` files that describe them.

mod answer;
mod built_in;
mod index;
pub mod messages;

pub use answer::answer;
pub use built_in::{built_in, SERVICES};
pub use index::{Files, Index};
