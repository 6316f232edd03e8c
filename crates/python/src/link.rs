use std::io;
use std::os::fd::RawFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};
use salver_core::{DType, Fault, Shape, Tensor};
use salver_exec::link::{About, Chunk, Column, Failure, LaneFiles, Outcome, Worker};

use crate::buffer::{Array, View};
use crate::descriptor::owned;

/// The worker's end of a lane's link.
#[pyclass(frozen, module = "salver._native")]
pub struct Link(Mutex<Worker>);

/// (fault, what, method, index, message)
type Failed = (String, String, String, u32, String);

/// (rows, columns, failure)
type GivenPiece<'py> = (usize, Option<Vec<Bound<'py, PyAny>>>, Option<Failed>);

/// (rows, columns, failure)
type TakenPiece<'py> = (usize, Option<Vec<Bound<'py, PyTuple>>>, Option<Failed>);

/// (rows, seconds left, details)
type Caller = (usize, Option<f64>, String);

/// (number, stage, rows, columns, callers)
type Opened<'py> = (u64, usize, usize, Vec<Bound<'py, PyTuple>>, Vec<Caller>);

#[pymethods]
impl Link {
    #[new]
    #[pyo3(signature = (socket, to_worker = None, from_worker = None))]
    fn new(socket: RawFd, to_worker: Option<RawFd>, from_worker: Option<RawFd>) -> PyResult<Link> {
        let files = LaneFiles {
            socket: owned(socket)?,
            to_worker: to_worker.map(owned).transpose()?,
            from_worker: from_worker.map(owned).transpose()?,
        };
        Ok(Link(Mutex::new(Worker::new(files)?)))
    }

    fn fileno(&self) -> RawFd {
        self.lock().descriptor()
    }

    #[getter]
    fn ended(&self) -> bool {
        self.lock().ended()
    }

    fn take<'py>(&self, py: Python<'py>, wait: bool) -> PyResult<Option<Opened<'py>>> {
        let opened = py.detach(|| self.lock().take(wait))?;
        let Some(opened) = opened else { return Ok(None) };
        let columns: Vec<_> = opened.columns.iter().map(|column| shown(py, column)).collect::<PyResult<_>>()?;
        let callers = opened.callers.into_iter().map(caller).collect();
        Ok(Some((opened.id, opened.stage, opened.rows, columns, callers)))
    }

    fn answer(&self, py: Python<'_>, batch: u64, rows: usize, columns: Vec<Bound<'_, PyAny>>) -> PyResult<()> {
        self.send(py, batch, true, vec![(rows, Some(columns), None)])
    }

    fn answer_pieces(&self, py: Python<'_>, batch: u64, pieces: Vec<GivenPiece<'_>>) -> PyResult<()> {
        self.send(py, batch, true, pieces)
    }

    fn item(&self, py: Python<'_>, batch: u64, columns: Vec<Bound<'_, PyAny>>) -> PyResult<()> {
        self.send(py, batch, false, vec![(1, Some(columns), None)])
    }

    fn credit(&self, batch: u64) -> PyResult<u32> {
        Ok(self.lock().credit(batch)?)
    }

    fn wait(&self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| self.lock().wait())?)
    }

    fn has_left(&self, batch: u64, row: usize) -> PyResult<bool> {
        // The lane's own thread may be waiting for the server; then nobody has asked it anything about this.
        match self.0.try_lock() {
            Ok(mut worker) => Ok(worker.has_left(batch, row)?),
            Err(_) => Ok(false),
        }
    }

    fn call<'py>(
        &self,
        py: Python<'py>,
        batch: u64,
        method: usize,
        rows: usize,
        columns: Vec<Bound<'py, PyAny>>,
    ) -> PyResult<Vec<TakenPiece<'py>>> {
        let columns: Vec<Column<'_>> = columns.iter().map(given).collect::<PyResult<_>>()?;
        let id = self.lock().call(batch, method, rows, &columns);
        drop(columns);
        let received = py.detach(|| self.lock().reply(id, rows))?;
        let piece = |(rows, outcome): (usize, Result<Vec<Tensor>, Failure>)| match outcome {
            Ok(columns) => {
                let columns = columns.iter().map(|column| shown(py, column)).collect::<PyResult<_>>()?;
                Ok((rows, Some(columns), None))
            }
            Err(failure) => Ok((rows, None, Some(told(failure)))),
        };
        received.into_iter().map(piece).collect()
    }
}

impl Link {
    fn lock(&self) -> MutexGuard<'_, Worker> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, py: Python<'_>, batch: u64, last: bool, pieces: Vec<GivenPiece<'_>>) -> PyResult<()> {
        let pieces = pieces
            .iter()
            .map(|(rows, columns, failed)| {
                let outcome = match (columns, failed) {
                    (_, Some(failed)) => Err(failure(failed)?),
                    (Some(columns), None) => Ok(columns.iter().map(given).collect::<PyResult<_>>()?),
                    (None, None) => return Err(PyErr::new::<PyTypeError, _>("a piece has columns or a failure")),
                };
                Ok((*rows, outcome))
            })
            .collect::<PyResult<_>>()?;
        self.lock().answer(batch, last, &Outcome { pieces });
        let sent: io::Result<()> = py.detach(|| self.lock().flush());
        Ok(sent?)
    }
}

const FAULTS: [(&str, Fault); 3] = [("raised", Fault::Raised), ("invalid", Fault::Input), ("output", Fault::Output)];

fn failure((kind, what, method, index, message): &Failed) -> PyResult<Failure> {
    let fault = FAULTS.iter().find(|(name, _)| name == kind).map(|&(_, fault)| fault);
    let fault = fault.ok_or_else(|| PyErr::new::<PyTypeError, _>(format!("'{kind}' is no kind of failure")))?;
    Ok(Failure { fault, what: what.clone(), method: method.clone(), index: *index, message: message.clone() })
}

fn told(failure: Failure) -> Failed {
    let Failure { fault, what, method, index, message } = failure;
    let kind = FAULTS.iter().find(|&&(_, other)| other == fault).map_or("raised", |&(name, _)| name);
    (kind.into(), what, method, index, message)
}

fn caller(about: About) -> Caller {
    let left = about.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()).as_secs_f64());
    (about.rows, left, about.details)
}

/// (element type, shape, data) as Python gets it.
fn shown<'py>(py: Python<'py>, tensor: &Tensor) -> PyResult<Bound<'py, PyTuple>> {
    let shape = PyTuple::new(py, tensor.shape().dims())?;
    let data = match tensor.data() {
        salver_core::Data::Fixed(bytes) => Bound::new(py, View(bytes.clone()))?.into_any(),
        salver_core::Data::Variable(values) if tensor.dtype() == DType::Str => {
            PyList::new(py, values.iter().map(|value| PyString::new(py, &String::from_utf8_lossy(value))))?.into_any()
        }
        salver_core::Data::Variable(values) => {
            PyList::new(py, values.iter().map(|value| PyBytes::new(py, value)))?.into_any()
        }
    };
    PyTuple::new(py, [PyString::intern(py, tensor.dtype().name()).into_any(), shape.into_any(), data])
}

/// A column as Python gives it: an array, (element type, array), or a list of text or of bytes, if not by itself one
/// value a row, (shape, list).
fn given<'a>(object: &'a Bound<'_, PyAny>) -> PyResult<Column<'a>> {
    if let Ok(values) = object.cast::<PyList>() {
        return variable(values, [values.len()].as_slice().into());
    }
    if let Ok(pair) = object.cast::<PyTuple>() {
        let (about, data): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair.extract()?;
        if let Ok(values) = data.cast::<PyList>() {
            return variable(values, Shape::new(about.extract::<Vec<usize>>()?));
        }
        let dtype = DType::from_name(&about.extract::<String>()?);
        return fixed(Array::new(&data, dtype)?);
    }
    fixed(Array::new(object, None)?)
}

fn fixed<'a>(array: Array<'a>) -> PyResult<Column<'a>> {
    let (dtype, shape) = (array.dtype, Shape::from(array.shape()));
    Ok(Column { dtype, shape, data: vec![Chunk::Other(Box::new(array))] })
}

fn variable<'a>(values: &Bound<'_, PyList>, shape: Shape) -> PyResult<Column<'a>> {
    if shape.elements() != Some(values.len()) {
        let told = format!("{} values are no tensor of the shape {shape}", values.len());
        return Err(PyErr::new::<PyValueError, _>(told));
    }
    let text = values.iter().next().is_some_and(|first| first.is_instance_of::<PyString>());
    let bytes = |value: Bound<'_, PyAny>| -> PyResult<Chunk<'a>> {
        Ok(Chunk::Other(Box::new(match text {
            true => bytes::Bytes::copy_from_slice(value.cast::<PyString>()?.to_str()?.as_bytes()),
            false => bytes::Bytes::copy_from_slice(value.cast::<PyBytes>()?.as_bytes()),
        })))
    };
    let data: Vec<Chunk<'_>> = values.iter().map(bytes).collect::<PyResult<_>>()?;
    let dtype = if text { DType::Str } else { DType::Bytes };
    Ok(Column { dtype, shape, data })
}
