//! The raw binary request: a body that is nothing but the data of a model's only input, one row of it.

use bytes::Bytes;
use salver_core::{DType, Data, Error, Port, Shape, Tensor};

use crate::kserve::check::{Check, Layout};
use crate::kserve::input::bad_request;
use crate::rows::only_input;

/// The body as the column of the only input that must be there. One dimension may be free; the body's size then says it.
pub(super) fn columns(check: &Check<'_>, body: &Bytes) -> Result<Vec<Tensor>, Error> {
    let inputs = &check.contract.inputs;
    let Some((index, port)) = only_input(inputs).and_then(|index| Some((index, inputs.get(index)?))) else {
        let (model, count) = (check.model, inputs.len());
        let told = format!("a raw binary request needs a model with one input, but '{model}' has {count}");
        return Err(bad_request(format!("{told}; send JSON that describes the inputs in front of their data")));
    };
    let dtype = port.dtype.unwrap_or(DType::Bytes);
    let given = dtype.size().map_or(1, |size| body.len() / size);
    let row = row(port, given).ok_or_else(|| {
        let told = format!("input '{}' of model '{}' has several free dimensions", port.name, check.model);
        bad_request(format!("{told}, which a raw binary request cannot say; send its shape as JSON"))
    })?;
    let shape = Shape::batched(1, &row);
    let elements = shape.elements().ok_or_else(|| Error::internal("a declared shape that is too large"))?;
    let data = match dtype.is_variable() {
        true => Data::Variable(vec![body.clone()]),
        false => Data::Fixed(body.clone()),
    };
    let column = check.column(index, Layout { dtype, shape, elements }, data)?;
    Ok((0..inputs.len()).map(|other| if other == index { column.clone() } else { Port::absent(0) }).collect())
}

/// The shape of the row that `given` elements make; `None` if the port leaves open more than one length.
pub(super) fn row(port: &Port, given: usize) -> Option<Vec<usize>> {
    let dims = port.dims.as_deref().unwrap_or_default();
    if dims.iter().filter(|dim| dim.fixed().is_none()).count() > 1 {
        return None;
    }
    let fixed: usize = dims.iter().filter_map(|dim| dim.fixed()).fold(1, usize::saturating_mul);
    let free = given / fixed.max(1);
    Some(dims.iter().map(|dim| dim.fixed().unwrap_or(free)).collect())
}
