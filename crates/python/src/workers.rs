use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use salver_front::services::workers::Workers as Table;

#[pyclass(frozen, module = "salver._native")]
pub struct Workers(pub Arc<Table>);

#[pymethods]
impl Workers {
    #[new]
    fn new() -> Workers {
        Workers(Arc::default())
    }

    fn add(&self, socket: PathBuf) {
        self.0.add(&socket);
    }

    fn remove(&self, socket: PathBuf) {
        self.0.remove(&socket);
    }

    fn sockets(&self) -> Vec<String> {
        self.0.sockets().iter().map(|socket| socket.display().to_string()).collect()
    }
}
