//! Users' own services: their `.proto` files, and messages of which only the descriptor is known.

mod compile;
mod documents;
mod editions;
mod field_path;
mod http_rule;
pub mod json;
mod known;
mod mapped;
mod place;
mod routes;
mod status;
mod template;
mod text;

pub use compile::{compile, CompileError};
pub use documents::Documents;
pub use editions::pool;
pub use field_path::FieldPath;
pub use http_rule::HttpRule;
pub use json::{JsonError, Names};
pub use mapped::{mapped, Ending, Mapped, MappedRpc, Pairs, RowCall, Said};
pub use routes::{Found, Routes};
pub use status::{bad_request, write_status};
pub(crate) use status::{Detail, RichStatus};
pub use template::{Bindings, Template};
