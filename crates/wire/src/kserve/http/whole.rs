//! The raw binary request: a body that is nothing but the data of a model's only input, one row of it.

use bytes::Bytes;
use salver_core::{DType, Data, Error, Port, Shape, Tensor};

use crate::kserve::check::{Check, Layout};
use crate::kserve::input::bad_request;

/// The body as the column of the only input. One dimension may be free; the body's size then says it.
pub(super) fn column(check: &Check<'_>, body: &Bytes) -> Result<Tensor, Error> {
    let inputs = &check.contract.inputs;
    let [port] = inputs.as_slice() else {
        let (model, count) = (check.model, inputs.len());
        let told = format!("a raw binary request needs a model with one input, but '{model}' has {count}");
        return Err(bad_request(format!("{told}; send JSON that describes the inputs in front of their data")));
    };
    let dtype = port.dtype.unwrap_or(DType::Bytes);
    let given = dtype.size().map_or(1, |size| body.len() / size);
    let row = row(check.model, port, given)?;
    let shape = Shape::batched(1, &row);
    let elements = shape.elements().ok_or_else(|| Error::internal("a declared shape that is too large"))?;
    let data = match dtype.is_variable() {
        true => Data::Variable(vec![body.clone()]),
        false => Data::Fixed(body.clone()),
    };
    check.column(0, Layout { dtype, shape, elements }, data)
}

/// The shape of the row that `given` elements make.
fn row(model: &str, port: &Port, given: usize) -> Result<Vec<usize>, Error> {
    let dims = port.dims.as_deref().unwrap_or_default();
    if dims.iter().filter(|dim| dim.fixed().is_none()).count() > 1 {
        let input = &port.name;
        let told = format!("input '{input}' of model '{model}' has several free dimensions");
        return Err(bad_request(format!("{told}, which a raw binary request cannot say; send its shape as JSON")));
    }
    let fixed: usize = dims.iter().filter_map(|dim| dim.fixed()).fold(1, usize::saturating_mul);
    let free = given / fixed.max(1);
    Ok(dims.iter().map(|dim| dim.fixed().unwrap_or(free)).collect())
}
