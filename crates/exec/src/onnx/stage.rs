use salver_core::{Shape, Tensor};

use super::OnnxModel;

/// Runs a stage's columns through a model.
///
/// `batched` says that the columns' leading dimension is the model's own. Otherwise there is one row, whose
/// leading dimension is not the model's business: it is taken off the inputs and put onto the outputs.
pub fn run_stage(model: &mut OnnxModel, batched: bool, columns: Vec<Tensor>) -> Result<Vec<Tensor>, String> {
    if batched {
        return model.run(columns);
    }
    let inputs: Option<Vec<Tensor>> = columns.into_iter().map(bare).collect();
    let outputs = model.run(inputs.ok_or("a row has no single leading dimension")?)?;
    let rows: Option<Vec<Tensor>> = outputs.into_iter().map(as_row).collect();
    rows.ok_or_else(|| "an output does not fit its own shape".to_string())
}

fn bare(column: Tensor) -> Option<Tensor> {
    let shape = Shape::new(column.shape().row().iter().copied());
    column.reshaped(shape)
}

fn as_row(output: Tensor) -> Option<Tensor> {
    let shape = Shape::batched(1, output.shape().dims());
    output.reshaped(shape)
}
