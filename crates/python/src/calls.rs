use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderMap;
use pyo3::exceptions::{PyBlockingIOError, PyConnectionError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use salver_core::Code;
use salver_front::services::local::{Call, Ending, News, Queue, Received, Sent, Taken};
use salver_front::services::{add_metadata, metadata, Encoding, Status, Value};

/// Messages from here on are sent from Python's own memory; copying smaller ones is cheaper than giving them back.
const LARGE: usize = 64 * 1024;

/// What gRPC has for no limit of calls.
const UNLIMITED: u64 = u64::MAX;

#[pyclass(frozen, module = "salver._native")]
pub struct Calls(pub Arc<Queue>);

#[pymethods]
impl Calls {
    #[new]
    #[pyo3(signature = (limit = None, behind_front = false))]
    fn new(limit: Option<u64>, behind_front: bool) -> Calls {
        let limit = limit.unwrap_or(UNLIMITED);
        Calls(if behind_front { Queue::behind_front(limit) } else { Queue::new(limit) })
    }

    fn fileno(&self) -> PyResult<RawFd> {
        Ok(self.0.descriptor()?)
    }

    #[pyo3(signature = (timeout_s = None))]
    fn take(&self, py: Python<'_>, timeout_s: Option<f64>) -> PyResult<Option<ServiceCall>> {
        let timeout = timeout_s.map(Duration::try_from_secs_f64).transpose();
        let timeout = timeout.map_err(|error| PyErr::new::<PyValueError, _>(format!("timeout_s: {error}")))?;
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut woken = false;
        loop {
            match self.0.take(woken) {
                Taken::Call(call) => return Ok(Some(ServiceCall { call, answers: true })),
                Taken::Closed => return Ok(None),
                Taken::Nothing => {}
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            // The lock is waited for anew before anything is taken, so that whoever has it may take that first.
            woken = py.detach(|| self.0.wait(left));
            if !woken {
                return Ok(None);
            }
        }
    }

    fn events(&self) -> Vec<(ServiceCall, &'static str)> {
        let told = |(call, news)| {
            let name = match news {
                News::Begun => "begun",
                News::Readable => "readable",
                News::Writable => "writable",
                News::Ended => "ended",
            };
            (ServiceCall { call, answers: news == News::Begun }, name)
        };
        self.0.events().into_iter().map(told).collect()
    }

    fn in_flight(&self) -> u64 {
        self.0.calls()
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| self.0.close());
    }

    /// Runs what is to be run when calls are over, until closed.
    fn run_endings(&self, py: Python<'_>) {
        while let Some(endings) = py.detach(|| self.0.endings()) {
            endings.into_iter().for_each(|ending| ending());
        }
    }
}

/// A call, or the mention of one.
#[pyclass(frozen, module = "salver._native")]
pub struct ServiceCall {
    call: Arc<Call>,
    /// Whether this is what must answer the call.
    answers: bool,
}

impl Drop for ServiceCall {
    fn drop(&mut self) {
        if self.answers {
            self.call.abandon();
        }
    }
}

/// (key, value), the value text or bytes
type Pair<'py> = (Bound<'py, PyString>, Bound<'py, PyAny>);

#[pymethods]
impl ServiceCall {
    #[getter]
    fn path(&self) -> &str {
        &self.call.method.path
    }

    #[getter]
    fn metadata<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let pairs = metadata(&self.call.headers).into_iter().map(|(key, value)| {
            let value = match value {
                Value::Text(text) => PyString::new(py, &text).into_any(),
                Value::Bytes(bytes) => PyBytes::new(py, &bytes).into_any(),
            };
            PyTuple::new(py, [PyString::new(py, &key).into_any(), value])
        });
        PyList::new(py, pairs.collect::<PyResult<Vec<_>>>()?)
    }

    #[getter]
    fn peer(&self) -> String {
        self.call.caller().address
    }

    #[getter]
    fn auth_context<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let context = PyDict::new(py);
        for (key, values) in self.call.caller().identity {
            context.set_item(key, PyList::new(py, values.iter().map(|value| PyBytes::new(py, value.as_bytes())))?)?;
        }
        Ok(context)
    }

    fn time_remaining(&self) -> Option<f64> {
        self.call.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()).as_secs_f64())
    }

    fn is_active(&self) -> bool {
        self.call.is_active()
    }

    fn receive<'py>(&self, py: Python<'py>, wait: bool) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let mut received = self.call.try_receive();
        if wait && received == Received::Nothing {
            received = py.detach(|| self.call.receive());
        }
        match received {
            Received::Message(message) => Ok(Some(PyBytes::new(py, &message))),
            Received::End => Ok(None),
            Received::Nothing => Err(PyErr::new::<PyBlockingIOError, _>("no message has come yet")),
            Received::Over => Err(PyErr::new::<PyConnectionError, _>("the call is over")),
        }
    }

    #[pyo3(signature = (metadata, compression = None))]
    fn send_metadata(&self, metadata: Vec<Pair<'_>>, compression: Option<u8>) -> PyResult<bool> {
        let (headers, encoding) = (headers(metadata)?, compression.map(encoding).transpose()?.flatten());
        self.call.send_metadata(headers, encoding).map_err(|_| {
            PyErr::new::<PyValueError, _>("metadata was sent already, or a message; it comes before any message, once")
        })
    }

    #[pyo3(signature = (message, wait, compress = true))]
    fn send(&self, py: Python<'_>, message: &Bound<'_, PyBytes>, wait: bool, compress: bool) -> PyResult<bool> {
        let bytes = taken(message)?;
        Ok(match self.call.try_send(bytes.clone(), compress) {
            Sent::Full if wait => py.detach(|| self.call.send(bytes, compress)) == Sent::Sent,
            sent => sent == Sent::Sent,
        })
    }

    #[pyo3(signature = (code, details, trailers, message = None, compress = true))]
    fn finish(
        &self,
        code: u32,
        details: &str,
        trailers: Vec<Pair<'_>>,
        message: Option<&Bound<'_, PyBytes>>,
        compress: bool,
    ) -> PyResult<bool> {
        let status = Status { code, message: details.into(), trailers: headers(trailers)? };
        let message = message.map(taken).transpose()?;
        Ok(self.call.finish(message.map(|bytes| (bytes, compress)), status))
    }

    fn cancel(&self) {
        self.call.finish(None, Status::new(Code::Cancelled, "CANCELLED"));
    }

    fn on_end(&self, py: Python<'_>, callback: Py<PyAny>) -> PyResult<bool> {
        let queue = self.call.queue();
        if queue.first_ending() {
            let options = PyDict::new(py);
            let target = Py::new(py, Calls(Arc::clone(queue)))?.getattr(py, "run_endings")?;
            options.set_item("target", target)?;
            options.set_item("name", "salver-endings")?;
            options.set_item("daemon", true)?;
            py.import("threading")?.getattr("Thread")?.call((), Some(&options))?.call_method0("start")?;
        }
        let ending: Ending = Box::new(move || {
            Python::attach(|py| {
                if let Err(error) = callback.call0(py) {
                    error.write_unraisable(py, Some(callback.bind(py)));
                }
            });
        });
        Ok(self.call.on_end(ending).is_ok())
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<ServiceCall>().is_ok_and(|other| Arc::ptr_eq(&self.call, &other.get().call))
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        Arc::as_ptr(&self.call).hash(&mut hasher);
        hasher.finish()
    }
}

fn headers(pairs: Vec<Pair<'_>>) -> PyResult<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (key, value) in pairs {
        let value = match value.cast::<PyBytes>() {
            Ok(bytes) => Value::Bytes(bytes.as_bytes().to_vec()),
            Err(_) => Value::Text(value.extract()?),
        };
        add_metadata(&mut headers, key.to_str()?, &value).map_err(PyErr::new::<PyValueError, _>)?;
    }
    Ok(headers)
}

/// gRPC's numbers of compressions.
fn encoding(number: u8) -> PyResult<Option<Encoding>> {
    match number {
        0 => Ok(None),
        1 => Ok(Some(Encoding::Deflate)),
        2 => Ok(Some(Encoding::Gzip)),
        other => Err(PyErr::new::<PyValueError, _>(format!("{other} is no compression; 0 is none, 1 deflate, 2 gzip"))),
    }
}

fn taken(message: &Bound<'_, PyBytes>) -> PyResult<Bytes> {
    let bytes = message.as_bytes();
    if bytes.len() < LARGE {
        return Ok(Bytes::copy_from_slice(bytes));
    }
    Ok(Bytes::from_owner(PyBackedBytes::from(message.clone())))
}
