use bytes::Bytes;
use salver_core::{Contract, DType, Data, Error, Part, Port, Shape, Tensor};
use smallvec::SmallVec;

use super::datatype;
use super::input::{bad_request, Header};

/// The most rows without any element, which take no bytes of the message that could bound them.
const MAX_EMPTY_ROWS: usize = 4096;

/// The outputs a reply holds, as indices into the contract's, in their order in the reply.
pub(super) type Selection = SmallVec<[usize; 2]>;

/// The checks of one request against a method's contract; `model` is the name as the caller wrote it.
pub(super) struct Check<'a> {
    pub(super) model: &'a str,
    pub(super) method: &'a str,
    pub(super) contract: &'a Contract,
}

/// How an input enters its part: `shape` has the rows in front.
pub(super) struct Layout {
    pub(super) dtype: DType,
    pub(super) shape: Shape,
    pub(super) elements: usize,
}

impl Check<'_> {
    /// For every input of the contract the index of the header that names it.
    pub(super) fn order<'h>(&self, given: impl Iterator<Item = &'h Header> + Clone) -> Result<Selection, Error> {
        let inputs = &self.contract.inputs;
        let mut found: SmallVec<[Option<usize>; 2]> = inputs.iter().map(|_| None).collect();
        let (mut count, mut unknown) = (0, None);
        for (index, header) in given.clone().enumerate() {
            count += 1;
            let port = self.contract.input(header.name.as_str());
            let Some(place) = port.and_then(|port| found.get_mut(port)) else {
                unknown = unknown.or(Some(header));
                continue;
            };
            if place.replace(index).is_some() {
                let (servable, input) = (self.model.into(), header.name.as_str().into());
                return Err(Error::RepeatedInput { servable, input });
            }
        }
        if count != inputs.len() {
            let given = given.map(|header| header.name.as_str().into()).collect();
            return Err(Error::InputCount { servable: self.model.into(), given, declared: names(inputs) });
        }
        if let Some(unknown) = unknown {
            let (servable, input) = (self.model.into(), unknown.name.as_str().into());
            return Err(Error::UnknownInput { servable, input, declared: names(inputs) });
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// The outputs asked for by name; none means all.
    pub(super) fn outputs<'n>(&self, asked: impl Iterator<Item = &'n str>) -> Result<Selection, Error> {
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

    /// Checks type and shape of input `index`.
    pub(super) fn layout(&self, index: usize, header: &Header) -> Result<Layout, Error> {
        let port = self.port(index)?;
        let dtype = self.dtype(index, port, header)?;
        let shape = self.shape(port, header)?;
        let countable = shape.elements().filter(|count| count.checked_mul(dtype.size().unwrap_or(1)).is_some());
        let rows = shape.dims().first().copied().unwrap_or(1);
        let weighty = countable.filter(|&elements| elements > 0 || rows <= MAX_EMPTY_ROWS);
        let elements = weighty.ok_or_else(|| {
            let (input, model, shape) = (&port.name, self.model, &header.shape);
            let what = if countable.is_some() { "empty rows" } else { "elements" };
            bad_request(format!("the shape {shape:?} of input '{input}' for model '{model}' has too many {what}"))
        })?;
        Ok(Layout { dtype, shape, elements })
    }

    fn port(&self, index: usize) -> Result<&Port, Error> {
        self.contract.inputs.get(index).ok_or_else(|| Error::internal("an input that the contract does not have"))
    }

    fn dtype(&self, index: usize, port: &Port, header: &Header) -> Result<DType, Error> {
        let datatype = header.datatype.as_str();
        let given = datatype::from_name(datatype);
        match (given, port.dtype) {
            (Some(given), None) => Ok(given),
            (Some(given), Some(declared)) if datatype::name(given) == datatype::name(declared) => Ok(declared),
            (_, Some(declared)) => Err(Error::InputType {
                servable: self.model.into(),
                input: port.name.clone(),
                index,
                given: datatype.into(),
                declared,
            }),
            (None, None) => {
                let (input, model) = (&port.name, self.model);
                Err(bad_request(format!(
                    "inference input '{input}' for model '{model}' has no known data-type: '{datatype}'"
                )))
            }
        }
    }

    fn shape(&self, port: &Port, header: &Header) -> Result<Shape, Error> {
        if header.shape.iter().any(|&dim| dim < 0) {
            let detail =
                format!("its shape {:?} has a negative length; send the lengths of what is sent", header.shape);
            return Err(Error::InputValue { servable: self.model.into(), input: port.name.clone(), detail });
        }
        let given: Option<SmallVec<[usize; 5]>> = header.shape.iter().map(|&dim| usize::try_from(dim).ok()).collect();
        let shape = given.and_then(|given| self.with_rows(port, &given)).ok_or_else(|| Error::InputShape {
            servable: self.model.into(),
            input: port.name.clone(),
            given: header.shape.to_vec(),
            declared: port.dims.clone().unwrap_or_default(),
            batched: self.contract.batched,
        })?;
        match shape.dims().first() {
            Some(0) => Err(Error::NoRows { servable: self.model.into(), method: self.method.into() }),
            _ => Ok(shape),
        }
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

    /// Input `index` as a column of the part.
    pub(super) fn column(&self, index: usize, layout: Layout, data: Data) -> Result<Tensor, Error> {
        let Layout { dtype, shape, elements } = layout;
        let wanted = elements.saturating_mul(dtype.size().unwrap_or(1));
        let port = self.port(index)?;
        let tensor = match data {
            Data::Fixed(bytes) if bytes.len() != wanted => {
                let (servable, input) = (self.model.into(), port.name.clone());
                return Err(Error::InputSize { servable, input, index, given: bytes.len(), wanted });
            }
            Data::Fixed(bytes) => Tensor::fixed(dtype, shape, bytes),
            Data::Variable(values) if values.len() != elements => {
                return Err(self.string_count(&port.name, elements, values.len()));
            }
            Data::Variable(values) => {
                self.text(dtype, &port.name, &values)?;
                Tensor::variable(dtype, shape, values)
            }
        };
        tensor.ok_or_else(|| Error::internal("checked data that does not fit its shape"))
    }

    /// The error of a wrong number of text or bytes values.
    pub(super) fn string_count(&self, input: &str, wanted: usize, given: usize) -> Error {
        let model = self.model;
        bad_request(format!(
            "expected {wanted} string elements for inference input '{input}' for model '{model}', got {given}"
        ))
    }

    /// Text must be UTF-8; bytes may be anything.
    fn text(&self, dtype: DType, input: &str, values: &[Bytes]) -> Result<(), Error> {
        let wrong = |value: &Bytes| dtype == DType::Str && std::str::from_utf8(value).is_err();
        match values.iter().position(wrong) {
            None => Ok(()),
            Some(index) => {
                let detail = format!("element {index} is not UTF-8 text");
                Err(Error::InputValue { servable: self.model.into(), input: input.into(), detail })
            }
        }
    }

    /// The columns as one part; they must agree in rows.
    pub(super) fn part(&self, columns: Vec<Tensor>) -> Result<Vec<Part>, Error> {
        let rows = columns.first().map_or(1, Tensor::rows);
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
pub(super) fn selected<'a>(
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

fn names(ports: &[Port]) -> Vec<String> {
    ports.iter().map(|port| port.name.clone()).collect()
}
