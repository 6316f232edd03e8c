//! The words of salver as types: tensors, parts, calls' answers, contracts, plans and errors.
//!
//! Nothing here does I/O, keeps time or knows a protocol; every other crate speaks in these words.

mod code;
mod contract;
mod dtype;
mod error;
mod part;
mod servable;
mod shape;
mod tensor;

pub use code::Code;
pub use contract::{Contract, Dim, Port};
pub use dtype::DType;
pub use error::{Error, Fault, Resource, Result, Shown};
pub use part::{join_columns, Answer, Item, Part, Signature};
pub use servable::{Batching, Method, Origin, Plan, Policy, Rpc, Servable, Service, Source, StageSpec, Step};
pub use shape::{Shape, MAX_RANK};
pub use tensor::{aligned, Data, Tensor};
