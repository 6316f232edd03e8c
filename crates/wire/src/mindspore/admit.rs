//! What both of MindSpore Serving's protocols check of a value against a method's contract.

use std::fmt::Debug;

use salver_core::{DType, Error, Method, Port, Result, Servable, Shape, Tensor};

use super::dtypes;
use crate::rows::shape_of_one;

/// What is told of text or bytes in a shape that is neither `[]` nor `[1]`.
pub(super) fn text_shape(dims: &impl Debug) -> String {
    format!(
        "Instance tensor check failed: bytes or string type input  shape can only be (1,) or empty, \
         but given shape is {dims:?}"
    )
}

/// One method of a servable, and its checks.
pub(super) struct Admit<'a> {
    pub servable: &'a Servable,
    pub method: &'a Method,
}

impl Admit<'_> {
    pub fn missing(&self, input: &Port) -> Error {
        Error::MissingInput {
            servable: self.servable.name.clone(),
            method: self.method.name.clone(),
            input: input.name.clone(),
        }
    }

    pub fn bad_tensor(&self, input: &Port, detail: String) -> Error {
        Error::InputValue { servable: self.servable.name.clone(), input: input.name.clone(), detail }
    }

    /// A value with a leading dimension of 1, as input `index` of a row.
    pub fn tensor(&self, index: usize, value: Tensor) -> Result<Tensor> {
        let shape = Shape::from(value.shape().row());
        let row = self.row_shape(index, value.dtype(), shape, value.bytes().len())?;
        let reshaped = value.reshaped(Shape::batched(1, row.dims()));
        reshaped.ok_or_else(|| Error::internal("an admitted value does not fit its shape"))
    }

    /// The shape that a value has as a row of the model: only the type and the number of bytes must be the
    /// model's, and where the model leaves lengths open, the shape as well.
    pub fn row_shape(&self, index: usize, dtype: DType, shape: Shape, size: usize) -> Result<Shape> {
        let port = &self.method.contract.inputs[index];
        let (servable, input) = (|| self.servable.name.clone(), || port.name.clone());
        if let Some(declared) = port.dtype.filter(|&declared| declared != dtype) {
            let given = dtypes::name(dtype).to_string();
            return Err(Error::InputType { servable: servable(), input: input(), index, given, declared });
        }
        let admitted = |shape: Shape| match port.admits(shape.dims()) {
            true => Ok(shape),
            false => {
                let given = shape.dims().iter().map(|&dim| i64::try_from(dim).unwrap_or(i64::MAX)).collect();
                Err(Error::row_shape(&self.servable.name, port, given, false))
            }
        };
        if port.dims.is_none() {
            return admitted(shape);
        }
        let Some(width) = dtype.size() else {
            let count = |wanted| Error::InputElements { servable: servable(), input: input(), given: 1, wanted };
            return shape_of_one(port).map_err(count);
        };
        let Some(fixed) = port.fixed_shape() else { return admitted(shape) };
        let wanted = fixed.elements().unwrap_or(usize::MAX).saturating_mul(width);
        let wrong = || Error::InputSize { servable: servable(), input: input(), index, given: size, wanted };
        (size == wanted).then_some(fixed).ok_or_else(wrong)
    }
}
