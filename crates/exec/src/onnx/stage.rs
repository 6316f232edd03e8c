use salver_core::{Dim, Error, Result, Shape, Tensor};

use super::{OnnxModel, Outlet};

/// How rows become the inputs of a model.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// Whether the leading dimension of inputs and outputs is the rows'. Where the model fixes its length, batches
    /// are filled up to it with copies of their first row. Otherwise a row is the model's whole input.
    pub rows: bool,
    /// Inputs without that dimension: a batch takes them from its first row.
    pub whole_inputs: Vec<usize>,
    /// The numbers of rows, ascending, that batches are filled up to where the model does not fix one. Empty: any.
    pub sizes: Vec<usize>,
}

/// One model as a stage.
pub struct ModelStage {
    pub model: OnnxModel,
    pub layout: Layout,
    pub servable: String,
    pub name: String,
}

impl ModelStage {
    /// Runs a batch's columns, whose leading dimension is the rows.
    pub fn run(&mut self, columns: Vec<Tensor>) -> Result<Vec<Tensor>> {
        self.check(&columns)?;
        let rows = columns.first().map_or(1, Tensor::rows);
        let room = self.room(rows);
        let inputs: Option<Vec<Tensor>> =
            columns.into_iter().enumerate().map(|(index, column)| self.input(index, column, room)).collect();
        let inputs = inputs.ok_or_else(|| self.failed("a batch does not fit the model's shapes"))?;
        let outputs = self.model.run(inputs).map_err(|text| self.failed(&text))?;
        let outputs: Option<Vec<Tensor>> = outputs.into_iter().map(|output| self.output(output, rows, room)).collect();
        outputs.ok_or_else(|| self.failed("an output does not have the rows in front"))
    }

    fn failed(&self, message: &str) -> Error {
        Error::Failed { stage: self.name.clone(), message: message.to_owned() }
    }

    /// Element types must be the model's, and so must the bytes of a row where it fixes them; shapes need not be.
    fn check(&self, columns: &[Tensor]) -> Result<()> {
        for (index, (column, outlet)) in columns.iter().zip(self.model.inputs()).enumerate() {
            let (servable, input) = (|| self.servable.clone(), || outlet.name.clone());
            if column.dtype() != outlet.dtype {
                let (given, declared) = (column.dtype().name().into(), outlet.dtype);
                return Err(Error::InputType { servable: servable(), input: input(), index, given, declared });
            }
            let (given, wanted) = (column.bytes().len() / column.rows().max(1), self.row_size(index, outlet));
            if let Some(wanted) = wanted.filter(|&wanted| wanted != given) {
                return Err(Error::InputSize { servable: servable(), input: input(), index, given, wanted });
            }
        }
        Ok(())
    }

    /// The bytes of one row of an input, if the model fixes them.
    fn row_size(&self, index: usize, outlet: &Outlet) -> Option<usize> {
        let leading = usize::from(self.layout.rows && !self.layout.whole_inputs.contains(&index));
        let dims: Option<Vec<usize>> = outlet.dims.get(leading..)?.iter().map(Dim::fixed).collect();
        Shape::new(dims?).elements()?.checked_mul(outlet.dtype.size()?)
    }

    /// How many rows the model is given: as many as there are, or are allowed, unless it fixes their number.
    fn room(&self, rows: usize) -> usize {
        let has_rows = |(index, _): &(usize, &Outlet)| !self.layout.whole_inputs.contains(index);
        let leading = self.model.inputs().iter().enumerate().find(has_rows).and_then(|(_, outlet)| outlet.dims.first());
        match leading {
            Some(Dim::Fixed(room)) if self.layout.rows => (*room).max(rows),
            _ if self.layout.rows => self.layout.sizes.iter().copied().find(|&size| size >= rows).unwrap_or(rows),
            _ => rows,
        }
    }

    fn input(&self, index: usize, column: Tensor, room: usize) -> Option<Tensor> {
        let outlet = self.model.inputs().get(index)?;
        if !self.layout.rows || self.layout.whole_inputs.contains(&index) {
            let first = column.slice(0, 1);
            let shape = fitting(&outlet.dims, first.shape().row());
            return first.reshaped(shape);
        }
        let shape = fitting(outlet.dims.get(1..)?, column.shape().row());
        let filled = filled(column, room)?;
        filled.reshaped(Shape::batched(room, shape.dims()))
    }

    fn output(&self, output: Tensor, rows: usize, room: usize) -> Option<Tensor> {
        if !self.layout.rows {
            let shape = Shape::batched(1, output.shape().dims());
            return output.reshaped(shape);
        }
        (output.shape().rank() > 0 && output.rows() == room).then(|| output.slice(0, rows))
    }
}

/// The shape in which the model takes a row: its own where that is fixed and has as many elements.
fn fitting(declared: &[Dim], given: &[usize]) -> Shape {
    let fixed: Option<Vec<usize>> = declared.iter().map(Dim::fixed).collect();
    let fixed = fixed.map(Shape::new).filter(|shape| shape.elements() == Shape::from(given).elements());
    fixed.unwrap_or_else(|| Shape::from(given))
}

/// The rows, and copies of the first up to `room`.
fn filled(column: Tensor, room: usize) -> Option<Tensor> {
    let missing = room - column.rows().min(room);
    if missing == 0 {
        return Some(column);
    }
    let first = column.slice(0, 1);
    let pieces: Vec<&Tensor> = std::iter::once(&column).chain(std::iter::repeat_n(&first, missing)).collect();
    Tensor::concat(&pieces)
}
