//! Requests whose tensors may have their rows in front, as those of TensorFlow Serving and KServe have: which shapes a
//! contract takes, how columns become a part, and which outputs a reply holds.

use bytes::Bytes;
use salver_core::{Contract, DType, Dim, Error, Part, Port, Shape, Tensor};
use smallvec::SmallVec;

/// The most inputs, and outputs, that one request may name; it bounds the memory that a short message can ask for.
pub(crate) const MAX_TENSORS: usize = 1024;

/// The most rows without any element, which take no bytes of the message that could bound them.
const MAX_EMPTY_ROWS: usize = 4096;

/// The outputs a reply holds, as indices into the contract's, in their order in the reply.
pub(crate) type Selection = SmallVec<[usize; 2]>;

/// The checks of one request against a method's contract; `model` is the name as the caller wrote it.
pub(crate) struct Check<'a> {
    pub(crate) model: &'a str,
    pub(crate) method: &'a str,
    pub(crate) contract: &'a Contract,
}

/// How an input enters its part: `shape` has the rows in front.
pub(crate) struct Layout {
    pub(crate) dtype: DType,
    pub(crate) shape: Shape,
    pub(crate) elements: usize,
}

/// A request that is not what its protocol asks for, in a whole sentence of the protocol's own words.
pub(crate) fn bad_request(detail: String) -> Error {
    Error::Malformed { what: "request", detail }
}

impl Check<'_> {
    /// The outputs asked for by name; none means all.
    pub(crate) fn outputs<'n>(&self, asked: impl Iterator<Item = &'n str>) -> Result<Selection, Error> {
        let outputs = &self.contract.outputs;
        let mut selection = Selection::new();
        for name in asked {
            let (servable, output) = (|| self.model.to_string(), || name.to_string());
            let index = self.contract.output(name).ok_or_else(|| Error::UnknownOutput {
                servable: servable(),
                output: output(),
                declared: names(outputs),
            })?;
            if selection.contains(&index) {
                return Err(Error::RepeatedOutput { servable: servable(), output: output() });
            }
            selection.push(index);
        }
        match selection.is_empty() {
            true => Ok((0..outputs.len()).collect()),
            false => Ok(selection),
        }
    }

    pub(crate) fn port(&self, index: usize) -> Result<&Port, Error> {
        self.contract.inputs.get(index).ok_or_else(|| Error::internal("an input that the contract does not have"))
    }

    /// Checks a shape as it was sent, and puts the rows in front where the request left them out. At least one is needed.
    pub(crate) fn lay_out(&self, port: &Port, dtype: DType, given: &[i64]) -> Result<Layout, Error> {
        let layout = self.lay_out_any(port, dtype, given)?;
        match layout.shape.dims().first() {
            Some(0) => Err(Error::NoRows { servable: self.model.into(), method: self.method.into() }),
            _ => Ok(layout),
        }
    }

    /// The same where there may be no rows.
    pub(crate) fn lay_out_any(&self, port: &Port, dtype: DType, given: &[i64]) -> Result<Layout, Error> {
        let shape = self.shape(port, given)?;
        let countable = shape.elements().filter(|count| count.checked_mul(dtype.size().unwrap_or(1)).is_some());
        let rows = shape.dims().first().copied().unwrap_or(1);
        let weighty = countable.filter(|&elements| elements > 0 || rows <= MAX_EMPTY_ROWS);
        let elements = weighty.ok_or_else(|| {
            let (input, model) = (&port.name, self.model);
            let what = if countable.is_some() { "empty rows" } else { "elements" };
            bad_request(format!("the shape {given:?} of input '{input}' for model '{model}' has too many {what}"))
        })?;
        Ok(Layout { dtype, shape, elements })
    }

    fn shape(&self, port: &Port, given: &[i64]) -> Result<Shape, Error> {
        if given.iter().any(|&dim| dim < 0) {
            let detail = format!("its shape {given:?} has a negative length; send the lengths of what is sent");
            return Err(Error::InputValue { servable: self.model.into(), input: port.name.clone(), detail });
        }
        let lengths: Option<SmallVec<[usize; 5]>> = given.iter().map(|&dim| usize::try_from(dim).ok()).collect();
        let wrong = || Error::row_shape(self.model, port, given.to_vec(), self.contract.batched);
        lengths.and_then(|lengths| self.with_rows(port, &lengths)).ok_or_else(wrong)
    }

    /// The shape with the rows in front: those given, or one where the request left them out.
    fn with_rows(&self, port: &Port, given: &[usize]) -> Option<Shape> {
        let one_row = || Shape::batched(1, given);
        let Some((rows, row)) = given.split_first().filter(|_| self.contract.batched) else {
            return port.admits(given).then(one_row);
        };
        match &port.dims {
            Some(dims) if dims.len() == given.len() => port.admits(given).then(one_row),
            _ => port.admits(row).then(|| Shape::batched(*rows, row)),
        }
    }

    /// Text must be UTF-8; bytes may be anything.
    pub(crate) fn text(&self, dtype: DType, input: &str, values: &[Bytes]) -> Result<(), Error> {
        let wrong = |value: &Bytes| dtype == DType::Str && std::str::from_utf8(value).is_err();
        match values.iter().position(wrong) {
            None => Ok(()),
            Some(index) => {
                let detail = format!("element {index} is not UTF-8 text");
                Err(Error::InputValue { servable: self.model.into(), input: input.into(), detail })
            }
        }
    }

    /// The columns as one part; they must agree in rows. Those of absent inputs have none yet.
    pub(crate) fn part(&self, mut columns: Vec<Tensor>) -> Result<Vec<Part>, Error> {
        let rows = columns.iter().map(Tensor::rows).find(|&rows| rows > 0).unwrap_or(1);
        columns.iter_mut().filter(|column| column.rows() == 0).for_each(|column| *column = Port::absent(rows));
        if let Some(odd) = columns.iter().position(|column| column.rows() != rows) {
            let given = columns.get(odd).map_or(0, Tensor::rows);
            let (servable, input) = (self.model.into(), self.port(odd)?.name.clone());
            return Err(Error::RowsDiffer { servable, input, given, wanted: rows });
        }
        let part = Part::new(rows, columns).ok_or_else(|| Error::internal("checked columns that make no part"))?;
        Ok(vec![part])
    }
}

/// The answer's tensors that were asked for, with their names and in the reply's shapes.
pub(crate) fn selected<'a>(
    contract: &'a Contract,
    selection: &[usize],
    columns: &[Tensor],
) -> Result<SmallVec<[(&'a str, Tensor); 2]>, Error> {
    let one = |&index: &usize| {
        let (port, column) = (contract.outputs.get(index)?, columns.get(index)?);
        let shape = match contract.batched {
            true => return Some((port.name.as_str(), column.clone())),
            false => Shape::new(column.shape().row().iter().copied()),
        };
        Some((port.name.as_str(), column.clone().reshaped(shape)?))
    };
    let outputs: Option<_> = selection.iter().map(one).collect();
    outputs.ok_or_else(|| Error::internal("an answer whose outputs are not those of its contract"))
}

/// A row's dimensions as these protocols write them: -1 for what is free, and in front for the rows of a batched method.
pub(crate) fn wire_shape(dims: &[Dim], batched: bool) -> Vec<i64> {
    let length = |dim: &Dim| dim.fixed().and_then(|length| i64::try_from(length).ok()).unwrap_or(-1);
    batched.then_some(-1).into_iter().chain(dims.iter().map(length)).collect()
}

/// A shape as these protocols' texts write it.
pub(crate) fn shown(shape: &[impl ToString]) -> String {
    let dims: Vec<String> = shape.iter().map(ToString::to_string).collect();
    format!("[{}]", dims.join(","))
}

/// A text of so many characters at most, and of a longer one its beginning with `end`.
pub(crate) fn clipped(text: String, longest: usize, end: &str) -> String {
    match text.char_indices().nth(longest) {
        Some((at, _)) => format!("{}{end}", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

pub(crate) fn names(ports: &[Port]) -> Vec<String> {
    ports.iter().map(|port| port.name.clone()).collect()
}
