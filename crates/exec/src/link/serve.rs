//! A lane of a worker that needs no Python: a model, run natively where the worker is.

use std::io;

use salver_core::{Error, Fault, Tensor};

use super::columns::Column;
use super::outcome::{Failure, Outcome};
use super::worker::Worker;
use crate::onnx::ModelStage;

/// Runs a lane's batches through a model until the link ends.
pub fn serve_model(worker: &mut Worker, stage: &mut ModelStage) -> io::Result<()> {
    while let Some(opened) = worker.take(true)? {
        let outputs = stage.run(opened.columns);
        let outcome = outputs.as_ref().map(|outputs| outputs.iter().filter_map(one).collect()).map_err(failure);
        worker.answer(opened.id, true, &Outcome { pieces: vec![(opened.rows, outcome)] });
        worker.flush()?;
    }
    Ok(())
}

fn one(output: &Tensor) -> Option<Column<'_>> {
    Column::of(&[output])
}

fn failure(error: &Error) -> Failure {
    let fault = match error {
        Error::InputType { .. } => Fault::Input,
        _ => Fault::Raised,
    };
    Failure::plain(fault, error.to_string())
}
