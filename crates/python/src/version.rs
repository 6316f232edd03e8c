use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use salver_core::Servable;
use salver_engine::{Reason, StageStatistics, Version as Engine};
use salver_exec::link::{spawn_link, LaneFiles, LinkHandle, LinkOptions};
use salver_exec::{spawn_lane, Layout, ModelStage};
use salver_wire::proto::mapped;
use serde_json::{json, Value};

use crate::descriptor::owned;
use crate::onnx::OnnxModel;

#[pyclass(frozen, module = "salver._native")]
pub struct Version {
    pub engine: Arc<Engine>,
    lanes: Mutex<Vec<Lane>>,
}

struct Lane {
    thread: JoinHandle<()>,
    cut_short: Box<dyn Fn() + Send + Sync>,
}

#[pymethods]
impl Version {
    #[new]
    fn new(servable: &str) -> PyResult<Version> {
        let servable = Servable::from_json(servable).map_err(PyErr::new::<PyValueError, _>)?;
        mapped(&servable).map_err(PyErr::new::<PyValueError, _>)?;
        let engine = Engine::new(servable).map_err(|error| PyErr::new::<PyValueError, _>(error.to_string()))?;
        Ok(Version { engine, lanes: Mutex::default() })
    }

    #[getter]
    fn name(&self) -> &str {
        &self.engine.servable().name
    }

    #[getter]
    fn version(&self) -> u64 {
        self.engine.servable().version
    }

    #[pyo3(signature = (stage, model, rows, lanes, whole_inputs = Vec::new()))]
    fn add_onnx_lanes(
        &self,
        py: Python<'_>,
        stage: usize,
        model: &OnnxModel,
        rows: bool,
        lanes: usize,
        whole_inputs: Vec<usize>,
    ) -> PyResult<()> {
        let servable = self.engine.servable();
        let Some(spec) = servable.stages.get(stage).filter(|_| lanes > 0) else {
            return Err(PyErr::new::<PyValueError, _>("there must be such a stage, and at least one lane"));
        };
        for session in py.detach(|| model.sessions(lanes))? {
            let cut_short = Box::new(session.breaker());
            let layout =
                Layout { rows, whole_inputs: whole_inputs.clone(), sizes: spec.policy.allowed_batch_sizes.clone() };
            let (servable, name) = (servable.name.clone(), spec.name.clone());
            let mut model = ModelStage { model: session, layout, servable, name };
            let run = move |columns| model.run(columns);
            let thread = spawn_lane(Arc::clone(&self.engine), stage, run)
                .map_err(|error| PyErr::new::<PyOSError, _>(format!("cannot start a lane's thread: {error}")))?;
            self.lanes.lock().unwrap_or_else(PoisonError::into_inner).push(Lane { thread, cut_short });
        }
        Ok(())
    }

    fn add_link_lane(
        &self,
        stages: Vec<usize>,
        slots: usize,
        files: (RawFd, Option<RawFd>, Option<RawFd>),
        process: Option<RawFd>,
        run_timeout_s: f64,
        concurrent: bool,
    ) -> PyResult<LinkLane> {
        let (socket, to_worker, from_worker) = files;
        let process = process.map(owned).transpose()?;
        let files = LaneFiles {
            socket: owned(socket)?,
            to_worker: to_worker.map(owned).transpose()?,
            from_worker: from_worker.map(owned).transpose()?,
        };
        let run_timeout = Duration::try_from_secs_f64(run_timeout_s)
            .map_err(|error| PyErr::new::<PyValueError, _>(format!("run_timeout: {error}")))?;
        let options = LinkOptions { stages, slots, run_timeout, concurrent, process };
        Ok(LinkLane(spawn_link(Arc::clone(&self.engine), files, options)?))
    }

    fn statistics(&self) -> String {
        let statistics = self.engine.statistics();
        let stages: Vec<Value> = statistics.stages.iter().map(stage).collect();
        json!({
            "calls_in_flight": statistics.calls_in_flight,
            "calls_cancelled": statistics.calls_cancelled,
            "calls_expired": statistics.calls_expired,
            "lanes": statistics.lanes,
            "stages": stages,
        })
        .to_string()
    }

    fn close(&self) {
        self.engine.close();
    }

    fn end(&self, py: Python<'_>) {
        self.engine.close();
        let lanes = std::mem::take(&mut *self.lanes.lock().unwrap_or_else(PoisonError::into_inner));
        py.detach(|| {
            lanes.iter().for_each(|lane| (lane.cut_short)());
            // A lane that panicked has nothing left to end.
            lanes.into_iter().for_each(|lane| drop(lane.thread.join()));
        });
    }

    fn drained(&self) -> bool {
        self.engine.in_flight() == 0
    }
}

/// A lane that a worker runs.
#[pyclass(frozen, module = "salver._native")]
pub struct LinkLane(LinkHandle);

#[pymethods]
impl LinkLane {
    #[getter]
    fn ended(&self) -> Option<String> {
        self.0.ended()
    }

    fn end(&self, py: Python<'_>) {
        py.detach(|| self.0.end());
    }
}

fn stage(stage: &StageStatistics) -> Value {
    let batches: serde_json::Map<String, Value> =
        Reason::ALL.iter().map(|&reason| (reason.name().to_owned(), stage.batches(reason).into())).collect();
    json!({
        "name": stage.name,
        "waiting_rows": stage.waiting_rows,
        "running_batches": stage.running_batches,
        "rows_ok": stage.rows_ok,
        "rows_failed": stage.rows_failed,
        "rows_dropped": stage.rows_dropped,
        "batches_halved": stage.batches_halved,
        "batches": batches,
        "mean_batch_rows": mean(stage.sizes.sum, stage.sizes.count),
        "mean_queue_seconds": mean(stage.queue_time.sum, stage.queue_time.count),
        "mean_run_seconds": mean(stage.run_time.sum, stage.run_time.count),
    })
}

fn mean(sum: f64, count: u64) -> Option<f64> {
    (count > 0).then(|| sum / count as f64)
}
