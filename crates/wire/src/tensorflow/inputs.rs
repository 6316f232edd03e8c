//! What a `Predict` request gives for the inputs of a signature, in the order in which the original checks it.

use std::collections::BTreeSet;

use salver_core::{DType, Data, Error, Origin, Port, Result, Tensor};

use super::columns::{spread, Column};
use super::dtypes;
use super::errors::joined;
use super::signatures::feed_name;
use super::tensor::{Given, Trouble};
use crate::leading::{bad_request, names, Check};

/// Refuses too many inputs, and too few where none may be left out.
pub(super) fn check_count(check: &Check<'_>, given: &BTreeSet<&str>) -> Result<()> {
    let inputs = &check.contract.inputs;
    let may_lack = inputs.iter().any(|input| input.optional);
    if given.len() > inputs.len() || (given.len() < inputs.len() && !may_lack) {
        let given = given.iter().map(|name| name.to_string()).collect();
        return Err(Error::InputCount { servable: check.model.into(), given, declared: names(inputs) });
    }
    Ok(())
}

pub(super) fn missing(check: &Check<'_>, origin: Option<&Origin>, input: &str, given: &BTreeSet<&str>) -> Error {
    let optional = check.contract.inputs.iter().filter(|input| input.optional);
    let defaults = optional.map(|input| input.name.as_str()).collect();
    let feed = feed_name(origin, input);
    bad_request(format!(
        "Signature input alias: {input}(feed name: {feed}) not found in request and no default value provided. \
         Inputs expected to be in the request {{{}}}, or default input alias set: {}",
        joined(given),
        joined(&defaults)
    ))
}

/// Refuses names that no input has. All inputs that are needed are there already.
pub(super) fn check_names(check: &Check<'_>, given: &BTreeSet<&str>) -> Result<()> {
    let used: BTreeSet<&str> = given.iter().copied().filter(|name| check.contract.input(name).is_some()).collect();
    match used.len() == given.len() {
        true => Ok(()),
        false => Err(bad_request(format!(
            "Inputs contains invalid name. Used request inputs: {}, request input: {}",
            joined(&used),
            joined(given)
        ))),
    }
}

/// Why what was sent for an input is no tensor.
pub(super) fn untangled(trouble: Trouble, check: &Check<'_>, input: &str) -> Error {
    match trouble {
        Trouble::Message(error) => error,
        Trouble::Unreadable => bad_request(format!("tensor parsing error: {input}")),
        Trouble::Excessive(bytes) => {
            let detail =
                format!("its shape asks for {bytes} bytes, far more than were sent; send the values themselves");
            Error::InputValue { servable: check.model.into(), input: input.into(), detail }
        }
    }
}

/// What was sent for input `index` as a column of the part.
pub(super) fn column(check: &Check<'_>, index: usize, given: Option<Given>) -> Result<Column> {
    let Some(given) = given else { return Ok(Column::absent()) };
    let port = check.port(index)?;
    let (name, found) = match &given {
        Given::Tensor { dtype, .. } => (dtypes::name(*dtype), Some(*dtype)),
        Given::Strange(name) => (*name, None),
    };
    let dtype = match (found, port.dtype) {
        (Some(DType::Bytes), Some(DType::Str)) => DType::Str,
        (Some(found), declared) if declared.is_none_or(|declared| declared == found) => found,
        (_, Some(declared)) => {
            let (servable, input) = (check.model.into(), port.name.clone());
            return Err(Error::InputType { servable, input, index, given: name.into(), declared });
        }
        (_, None) => {
            let (input, model) = (&port.name, check.model);
            let what = format!("input '{input}' of model '{model}' is {name}, a type that this server does not have");
            return Err(Error::Unsupported { what });
        }
    };
    match given {
        Given::Tensor { dims, data, .. } => laid_out(check, port, dtype, &dims, data),
        Given::Strange(_) => Err(Error::internal("a tensor of a type that there is none for")),
    }
}

/// Data with as many elements as `dims` ask for, as a column.
pub(super) fn laid_out(check: &Check<'_>, port: &Port, dtype: DType, dims: &[i64], data: Data) -> Result<Column> {
    let spread = spread(check.contract, port, dims);
    let layout = check.lay_out_any(port, dtype, spread.as_ref().map_or(dims, |dims| dims.as_slice()))?;
    let column = match data {
        Data::Fixed(bytes) => Tensor::fixed(dtype, layout.shape, bytes),
        Data::Variable(values) => {
            check.text(dtype, &port.name, &values)?;
            Tensor::variable(dtype, layout.shape, values)
        }
    };
    let column = column.ok_or_else(|| Error::internal("checked data that does not fit its shape"))?;
    Ok(Column::new(column, spread.is_some()))
}
