use std::os::fd::RawFd;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::{PyImportError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use salver_core::Tensor;
use salver_exec::link::{serve_model, LaneFiles, Worker};
use salver_exec::{Layout, LoadError, ModelStage, OnnxModel as Model, Options};

use crate::descriptor::owned;
use crate::tensor::{port, taken, tensor, Given, Port, Taken};

#[pyclass(frozen, module = "salver._native")]
pub struct OnnxModel {
    /// Gone once a lane has taken it over.
    model: Mutex<Option<Tried>>,
    inputs: Vec<salver_exec::Outlet>,
    outputs: Vec<salver_exec::Outlet>,
}

/// A model, and what it was last run with.
struct Tried {
    model: Model,
    inputs: Option<Vec<Tensor>>,
}

pub fn load_error(error: LoadError) -> PyErr {
    match error {
        LoadError::Library(text) => PyErr::new::<PyImportError, _>(text),
        LoadError::File(error) => error.into(),
        LoadError::Model(text) => PyErr::new::<PyValueError, _>(text),
    }
}

#[pymethods]
impl OnnxModel {
    #[new]
    fn new(py: Python<'_>, library: &str, path: &str, options: &str) -> PyResult<OnnxModel> {
        let options: Options = serde_json::from_str(options)
            .map_err(|error| PyErr::new::<PyValueError, _>(format!("the ONNX options do not fit: {error}")))?;
        let load = || Model::load(Path::new(library), Path::new(path), options);
        let model = py.detach(load).map_err(load_error)?;
        let (inputs, outputs) = (model.inputs().to_vec(), model.outputs().to_vec());
        Ok(OnnxModel { model: Mutex::new(Some(Tried { model, inputs: None })), inputs, outputs })
    }

    #[getter]
    fn inputs(&self) -> Vec<Port> {
        self.inputs.iter().map(port).collect()
    }

    #[getter]
    fn outputs(&self) -> Vec<Port> {
        self.outputs.iter().map(port).collect()
    }

    fn run(&self, py: Python<'_>, inputs: Vec<Given>) -> PyResult<Vec<Taken>> {
        let inputs: Vec<Tensor> = inputs.into_iter().map(tensor).collect::<PyResult<_>>()?;
        if inputs.len() != self.inputs.len() {
            let text = format!("the model takes {} inputs, but got {}", self.inputs.len(), inputs.len());
            return Err(PyErr::new::<PyValueError, _>(text));
        }
        let outputs = py.detach(|| self.run_detached(inputs))?;
        outputs.iter().map(|output| taken(py, output)).collect()
    }
}

/// Runs a model as a lane of a worker, in this thread, until the link ends.
#[pyfunction]
#[pyo3(signature = (model, socket, rows, name, whole_inputs = Vec::new(), sizes = Vec::new()))]
pub fn run_model_lane(
    py: Python<'_>,
    model: &OnnxModel,
    socket: RawFd,
    rows: bool,
    name: String,
    whole_inputs: Vec<usize>,
    sizes: Vec<usize>,
) -> PyResult<()> {
    let socket = owned(socket)?;
    let session = model.sessions(1)?.pop();
    let model = session.ok_or_else(|| PyErr::new::<PyRuntimeError, _>("the model has no session"))?;
    let layout = Layout { rows, whole_inputs, sizes };
    let mut stage = ModelStage { model, layout, servable: name.clone(), name };
    let run = || serve_model(&mut Worker::new(LaneFiles { socket, to_worker: None, from_worker: None })?, &mut stage);
    Ok(py.detach(run)?)
}

impl OnnxModel {
    fn run_detached(&self, inputs: Vec<Tensor>) -> PyResult<Vec<Tensor>> {
        let mut model = self.model.lock().unwrap_or_else(PoisonError::into_inner);
        let model = model.as_mut().ok_or_else(|| {
            PyErr::new::<PyRuntimeError, _>("the model's session belongs to a lane now; load the model again")
        })?;
        let outputs = model.model.run(inputs.clone()).map_err(PyErr::new::<PyValueError, _>)?;
        model.inputs = Some(inputs);
        Ok(outputs)
    }

    /// Sessions for `lanes` lanes; the first is the model's own.
    ///
    /// A session's first run takes far longer than others, so all have had one before callers come: with whatever the
    /// model was run with before, if it was.
    pub fn sessions(&self, lanes: usize) -> PyResult<Vec<Model>> {
        let own = self.model.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Tried { model, inputs } =
            own.ok_or_else(|| PyErr::new::<PyRuntimeError, _>("the model serves lanes already"))?;
        let more: Result<Vec<Model>, LoadError> = (1..lanes).map(|_| model.again()).collect();
        let mut more = more.map_err(load_error)?;
        if let Some(inputs) = inputs {
            for session in &mut more {
                // Should it not work, the first caller is told.
                let _ = session.run(inputs.clone());
            }
        }
        Ok(std::iter::once(model).chain(more).collect())
    }
}
