use std::path::PathBuf;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use salver_core::Servable;
use salver_wire::proto;

#[pyfunction]
pub fn compile_proto(py: Python<'_>, path: PathBuf, include: Vec<PathBuf>) -> PyResult<Vec<u8>> {
    let compiled = py.detach(|| proto::compile(&path, &include));
    compiled.map_err(|error| PyErr::new::<PyValueError, _>(error.to_string()))
}

#[pyfunction]
pub fn check_services(servable: &str) -> PyResult<()> {
    let servable = Servable::from_json(servable).map_err(PyErr::new::<PyValueError, _>)?;
    proto::mapped(&servable).map(|_| ()).map_err(PyErr::new::<PyValueError, _>)
}
