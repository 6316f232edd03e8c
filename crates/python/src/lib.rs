//! The module `salver._native`: the data plane as Python sees it. Thin: documents cross as JSON, tensors as
//! (type, shape, data), and every failure as the exception that `_native.pyi` names.

mod buffer;
mod calls;
mod descriptor;
mod link;
mod onnx;
mod proto;
mod server;
mod tensor;
mod version;
mod workers;

use pyo3::prelude::*;

/// Requests are many short-lived buffers of all sizes.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The version of the native part.
#[pyfunction(name = "version")]
fn native_version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Lets those who answer callers have the processor before the calling thread.
#[pyfunction]
fn unhurried() {
    salver_engine::urgency::unhurried();
}

#[pymodule(name = "_native")]
fn native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<onnx::OnnxModel>()?;
    module.add_class::<version::Version>()?;
    module.add_class::<version::LinkLane>()?;
    module.add_class::<calls::Calls>()?;
    module.add_class::<calls::ServiceCall>()?;
    module.add_class::<server::Server>()?;
    module.add_class::<server::Reload>()?;
    module.add_class::<workers::Workers>()?;
    module.add_class::<link::Link>()?;
    module.add_class::<buffer::View>()?;
    module.add_function(wrap_pyfunction!(onnx::run_model_lane, module)?)?;
    module.add_function(wrap_pyfunction!(proto::check_services, module)?)?;
    module.add_function(wrap_pyfunction!(proto::compile_proto, module)?)?;
    module.add_function(wrap_pyfunction!(unhurried, module)?)?;
    module.add_function(wrap_pyfunction!(native_version, module)?)
}
