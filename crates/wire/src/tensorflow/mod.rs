//! TensorFlow Serving, over gRPC here and over REST in [`rest`].
//!
//! A servable is a model, its methods are signatures. `serving_default`, said or left out, is the default method, so
//! that every servable has it. A request's rows are the leading dimension of its tensors; a tensor of a batched method
//! whose leading dimension is left out is one row.
//!
//! | method of `PredictionService`, `ModelService` | here |
//! |---|---|
//! | Predict | [`Predict`], an exchange; `Form` is how its reply has numbers |
//! | Classify, Regress | [`Inference`], an exchange; [`Task`] says which of the two |
//! | MultiInference | [`MultiInference`], whose tasks are exchanges of their own |
//! | GetModelMetadata | [`MetadataRequest`], answered from the servable that its target is |
//! | GetModelStatus | [`StatusRequest`], answered from the versions there are |
//! | HandleReloadConfigRequest | [`ReloadRequest`], to be carried out by whoever may |
//!
//! What cannot be parsed is refused by [`grpc_status`], everything else by the request itself, because codes and texts
//! depend on what it asked for: they are the original's wherever it has any, cut at 1024 characters.
//!
//! A request may name a version by a label. A label of digits alone that no version has is that version's number,
//! because `perf_analyzer` asks so: whoever finds the target tries the labels first, then
//! [`Target::labelled_number`](crate::Target::labelled_number).
//!
//! **Tensors** come in `tensor_content` or in the field of their type, packed or not. Of typed values surplus ones are
//! left out, the last one stands for those that are missing, and none at all are zeros; clients rely on all three.
//! What a message takes beyond its own bytes in this way has a limit.

mod columns;
mod dtypes;
mod errors;
mod examples;
mod inference;
mod inputs;
mod metadata;
mod multi;
mod predict;
mod reload;
pub mod rest;
mod results;
mod signatures;
mod spec;
mod status;
mod tensor;

pub use errors::{grpc_status, http_reply};
pub use inference::Inference;
pub use metadata::MetadataRequest;
pub use multi::{MultiInference, MultiTask};
pub use predict::Predict;
pub use reload::ReloadRequest;
pub use results::Task;
pub use spec::{Spec, Which};
pub use status::{listing, State, StatusRequest, VersionStatus};
pub use tensor::Form;
