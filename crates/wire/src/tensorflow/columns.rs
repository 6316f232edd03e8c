//! Columns with the liberties that the original's clients take, and outputs in the shapes that they then expect.
//!
//! The original checks no shapes. So rows of one number, each [1] by the signature, may come as a plain list, as in the
//! first example of its documentation; and then they go back as one. A request may also have no rows at all.

use bytes::Bytes;
use salver_core::{Answer, Contract, Error, Part, Port, Result, Shape, Tensor};
use smallvec::SmallVec;

use crate::leading::{selected, Check};

/// A column of the part, and how it was sent.
pub(super) struct Column {
    tensor: Tensor,
    sent: Sent,
}

#[derive(PartialEq)]
enum Sent {
    Not,
    /// As a list of numbers, each of which is a row of one.
    Flat,
    Whole,
}

impl Column {
    /// An optional input that was left out.
    pub(super) fn absent() -> Column {
        Column { tensor: Port::absent(0), sent: Sent::Not }
    }

    pub(super) fn new(tensor: Tensor, flat: bool) -> Column {
        Column { tensor, sent: if flat { Sent::Flat } else { Sent::Whole } }
    }
}

/// The shape with the rows in front if a list of numbers was sent where each row is [1].
pub(super) fn spread(contract: &Contract, port: &Port, dims: &[i64]) -> Option<[i64; 2]> {
    match *dims {
        [rows] if contract.batched && is_single(port) => Some([rows, 1]),
        _ => None,
    }
}

fn is_single(port: &Port) -> bool {
    matches!(port.dims.as_deref(), Some([dim]) if dim.fixed() == Some(1))
}

/// The columns as parts, none if they have no rows; and whether the outputs should be lists of numbers as they are.
pub(super) fn parts(check: &Check<'_>, columns: Vec<Column>) -> Result<(Vec<Part>, bool)> {
    let rows = agreed(check, &columns)?;
    let flat = rows.is_some() && columns.iter().all(|column| column.sent != Sent::Whole);
    if rows != Some(0) {
        return Ok((check.part(columns.into_iter().map(|column| column.tensor).collect())?, flat));
    }
    let known = |port: &Port| port.dtype.is_some() && port.fixed_shape().is_some();
    match check.contract.outputs.iter().all(known) {
        true => Ok((Vec::new(), flat)),
        false => Err(Error::NoRows { servable: check.model.into(), method: check.method.into() }),
    }
}

/// How many rows all columns that were sent have; `None` if none was sent.
fn agreed(check: &Check<'_>, columns: &[Column]) -> Result<Option<usize>> {
    let mut agreed = None;
    for (index, column) in columns.iter().enumerate().filter(|(_, column)| column.sent != Sent::Not) {
        let given = column.tensor.rows();
        let wanted = *agreed.get_or_insert(given);
        if given != wanted {
            let (servable, input) = (check.model.into(), check.port(index)?.name.clone());
            return Err(Error::RowsDiffer { servable, input, given, wanted });
        }
    }
    Ok(agreed)
}

/// The outputs that were asked for, as [`selected`] gives them; of no rows if nothing was run.
pub(super) fn outputs<'a>(
    contract: &'a Contract,
    selection: &[usize],
    answer: Answer,
    flat: bool,
) -> Result<SmallVec<[(&'a str, Tensor); 2]>> {
    let columns = match answer.items.is_empty() {
        true => contract.outputs.iter().map(without_rows).collect::<Result<_>>()?,
        false => answer.into_columns()?,
    };
    let mut outputs = selected(contract, selection, &columns)?;
    let single =
        |name: &str| contract.output(name).and_then(|index| contract.outputs.get(index)).is_some_and(is_single);
    for (_, tensor) in outputs.iter_mut().filter(|(name, _)| flat && single(name)) {
        let list = tensor.clone().reshaped(Shape::new([tensor.rows()]));
        *tensor = list.ok_or_else(|| Error::internal("rows of one number that are not"))?;
    }
    Ok(outputs)
}

fn without_rows(port: &Port) -> Result<Tensor> {
    let unknown = || Error::internal("an answer without rows whose outputs are not known");
    let dtype = port.dtype.ok_or_else(unknown)?;
    let shape = Shape::batched(0, port.fixed_shape().ok_or_else(unknown)?.dims());
    let column = match dtype.is_variable() {
        true => Tensor::variable(dtype, shape, Vec::new()),
        false => Tensor::fixed(dtype, shape, Bytes::new()),
    };
    column.ok_or_else(unknown)
}
