//! Executors: what runs a batch. ONNX models run in this process, one thread and one session a lane; everything else
//! runs in workers, at the other end of a link.

mod lane;
pub mod link;
mod onnx;

pub use lane::spawn_lane;
pub use onnx::{Layout, LoadError, ModelStage, OnnxModel, Options, Outlet};
