use std::borrow::Cow;
use std::collections::BTreeMap;
use std::os::fd::RawFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use salver_core::Code;
use salver_engine::{Entry, Routes, Version as Engine};
use salver_front::services::{Backend, Description, Method, Services};
use salver_front::tls::TlsFiles;
use salver_front::{Absent, ListenError, Reload as Asked, Server as Front, Settings, State, Verdict};

use crate::calls::Calls;
use crate::descriptor::owned;
use crate::version::Version;
use crate::workers::Workers;

#[pyclass(frozen, module = "salver._native")]
pub struct Server(Front);

fn listen_error(address: &str, error: ListenError) -> PyErr {
    match error {
        ListenError::Address(text) => PyErr::new::<PyValueError, _>(text),
        ListenError::Tls(error) => PyErr::new::<PyValueError, _>(error.to_string()),
        ListenError::Bind(error) => match error.raw_os_error() {
            Some(number) => PyErr::new::<PyOSError, _>((number, error.to_string(), address.to_owned())),
            None => PyErr::new::<PyOSError, _>(format!("{address}: {error}")),
        },
        ListenError::Stopped => PyErr::new::<PyRuntimeError, _>(error.to_string()),
    }
}

fn as_absent(told: (String, u64, String, bool, String)) -> PyResult<Absent> {
    let (servable, version, state, wanted, problem) = told;
    let state = State::named(&state)
        .ok_or_else(|| PyErr::new::<PyValueError, _>(format!("no version is in the state {state}")))?;
    Ok(Absent { servable, version, state, wanted, problem })
}

/// A request to change what is served, which waits for its verdict.
#[pyclass(frozen, module = "salver._native")]
pub struct Reload(Mutex<Option<Asked>>);

#[pymethods]
impl Reload {
    #[getter]
    fn config(&self) -> Cow<'_, [u8]> {
        let asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        asked.as_ref().map_or_else(Vec::new, |asked| asked.config.to_vec()).into()
    }

    fn done(&self) {
        self.answer(Ok(()));
    }

    fn refuse(&self, code: &str, text: String) {
        self.answer(Err((Code::named(code).unwrap_or(Code::Unknown), text)));
    }
}

impl Reload {
    fn answer(&self, verdict: Verdict) {
        if let Some(asked) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            asked.answer(verdict);
        }
    }
}

/// (service, methods, files): of each method its name, whether callers stream, whether handlers do.
type Service = (String, Vec<(String, bool, bool)>, Option<Vec<u8>>);

fn files((certificate, private_key, client_ca): (String, String, Option<String>)) -> TlsFiles {
    TlsFiles { certificate: certificate.into(), private_key: private_key.into(), client_ca: client_ca.map(Into::into) }
}

#[pymethods]
impl Server {
    #[new]
    fn new(settings: &str) -> PyResult<Server> {
        let settings: Settings = serde_json::from_str(settings)
            .map_err(|error| PyErr::new::<PyValueError, _>(format!("the settings do not fit: {error}")))?;
        Ok(Server(Front::start(settings)?))
    }

    #[pyo3(signature = (address, tls))]
    fn listen(&self, py: Python<'_>, address: &str, tls: Option<(String, String, Option<String>)>) -> PyResult<String> {
        py.detach(|| self.0.listen(address, tls.map(files))).map_err(|error| listen_error(address, error))
    }

    #[pyo3(signature = (socket, tls))]
    fn adopt(&self, py: Python<'_>, socket: RawFd, tls: Option<(String, String, Option<String>)>) -> PyResult<String> {
        let socket = owned(socket)?;
        py.detach(|| self.0.adopt(socket, tls.map(files))).map_err(|error| listen_error("the socket", error))
    }

    #[pyo3(signature = (services, calls, others = false, workers = BTreeMap::new()))]
    fn serve_services(
        &self,
        services: Vec<Service>,
        calls: &Calls,
        others: bool,
        workers: BTreeMap<String, Bound<'_, Workers>>,
    ) -> PyResult<()> {
        let backend = Backend::Local(Arc::clone(&calls.0));
        let mut descriptions = Vec::new();
        let mut methods = Vec::new();
        for (service, declared, files) in services {
            let processes = workers.get(&service).map(|workers| Backend::Workers(Arc::clone(&workers.get().0)));
            let answers = processes.unwrap_or_else(|| backend.clone());
            for (method, client_streams, server_streams) in declared {
                let path = format!("/{service}/{method}");
                methods.push(Method::new(path, client_streams, server_streams, answers.clone()));
            }
            match files.map(|files| Description::read(files.into())).transpose() {
                Ok(read) => descriptions.extend(read.map(Arc::new)),
                // It answers all the same.
                Err(error) => eprintln!("salver: service {service} has neither JSON nor reflection: {error}"),
            }
        }
        let services = Services::new(methods, others.then_some(backend));
        self.0.serve_services(services.described(descriptions));
        Ok(())
    }

    #[pyo3(signature = (versions, absent, labels = BTreeMap::new()))]
    fn publish(
        &self,
        versions: Vec<Bound<'_, Version>>,
        absent: Vec<(String, u64, String, bool, String)>,
        labels: BTreeMap<String, BTreeMap<String, u64>>,
    ) -> PyResult<()> {
        let mut entries: BTreeMap<String, Entry<Engine>> = BTreeMap::new();
        for version in &versions {
            let engine = Arc::clone(&version.get().engine);
            let servable = engine.servable();
            let (name, number) = (servable.name.clone(), servable.version);
            entries.entry(name).or_default().versions.insert(number, engine);
        }
        let absent = absent.into_iter().map(as_absent).collect::<PyResult<Vec<Absent>>>()?;
        for each in absent.iter().filter(|each| each.wanted) {
            entries.entry(each.servable.clone()).or_default();
        }
        for (name, labels) in labels {
            entries.entry(name).or_default().labels = labels;
        }
        self.0.publish(Routes::new(entries), absent);
        Ok(())
    }

    fn serve_admin(&self, connection: RawFd) -> PyResult<()> {
        let connection = UnixStream::from(owned(connection)?);
        self.0.serve_admin(connection).map_err(|error| listen_error("the admin's socket", error))
    }

    fn next_reload(&self, py: Python<'_>) -> Option<Reload> {
        py.detach(|| self.0.next_reload()).map(|asked| Reload(Mutex::new(Some(asked))))
    }

    fn drain(&self) {
        self.0.drain();
    }

    fn retire(&self) {
        self.0.retire();
    }

    fn connections(&self) -> u64 {
        self.0.connections()
    }

    fn calls_in_flight(&self) -> u64 {
        self.0.calls_in_flight()
    }

    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.0.stop());
    }
}
