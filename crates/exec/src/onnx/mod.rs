//! The native ONNX executor, on the shared library that the `onnxruntime` wheel ships.

mod library;
mod model;
mod options;
mod stage;
mod values;

pub use library::LoadError;
pub use model::{OnnxModel, Outlet};
pub use options::Options;
pub use stage::{Layout, ModelStage};
