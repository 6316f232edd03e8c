//! Executors: what runs a batch. Here, ONNX models in this process, one thread and one session a lane.

mod lane;
mod onnx;

pub use lane::spawn_lane;
pub use onnx::{run_stage, LoadError, OnnxModel, Options, Outlet};
