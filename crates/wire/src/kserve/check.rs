use salver_core::{DType, Data, Error, Port, Tensor};
use smallvec::SmallVec;

use super::datatype;
use super::input::{bad_request, Header};
use crate::leading::names;
pub(super) use crate::leading::{selected, Check, Layout, Selection};

/// For every input of the contract the place in which a request has it; `None` for an optional one that it leaves out.
pub(super) type Order = SmallVec<[Option<usize>; 2]>;

impl Check<'_> {
    pub(super) fn order<'h>(&self, given: impl Iterator<Item = &'h Header> + Clone) -> Result<Order, Error> {
        let inputs = &self.contract.inputs;
        let mut found: Order = inputs.iter().map(|_| None).collect();
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
        let fixed = !inputs.iter().any(|port| port.optional);
        if fixed && count != inputs.len() {
            let given = given.map(|header| header.name.as_str().into()).collect();
            return Err(Error::InputCount { servable: self.model.into(), given, declared: names(inputs) });
        }
        if let Some(unknown) = unknown {
            let (servable, input) = (self.model.into(), unknown.name.as_str().into());
            return Err(Error::UnknownInput { servable, input, declared: names(inputs) });
        }
        let missing = |(port, place): (&Port, &Option<usize>)| place.is_none() && !port.optional;
        if let Some(index) = inputs.iter().zip(&found).position(missing) {
            let (servable, method, input) = (self.model.into(), self.method.into(), self.port(index)?.name.clone());
            return Err(Error::MissingInput { servable, method, input });
        }
        Ok(found)
    }

    /// Checks type and shape of input `index`.
    pub(super) fn layout(&self, index: usize, header: &Header) -> Result<Layout, Error> {
        let port = self.port(index)?;
        let dtype = self.dtype(index, port, header)?;
        self.lay_out(port, dtype, &header.shape)
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

    /// Input `index` as a column of the part.
    pub(super) fn column(&self, index: usize, layout: Layout, data: Data) -> Result<Tensor, Error> {
        let Layout { dtype, elements, .. } = layout;
        let wanted = elements.saturating_mul(dtype.size().unwrap_or(1));
        let port = self.port(index)?;
        let tensor = match data {
            Data::Fixed(bytes) if bytes.len() != wanted => return Err(self.wrong_size(index, &layout, bytes.len())),
            Data::Fixed(bytes) => Tensor::fixed(dtype, layout.shape, bytes),
            Data::Variable(values) if values.len() != elements => {
                return Err(self.wrong_size(index, &layout, values.len()));
            }
            Data::Variable(values) => {
                self.text(dtype, &port.name, &values)?;
                Tensor::variable(dtype, layout.shape, values)
            }
        };
        tensor.ok_or_else(|| Error::internal("checked data that does not fit its shape"))
    }

    /// The error of input `index` whose data is not what its shape needs: `given` bytes, or values of text and bytes.
    pub(super) fn wrong_size(&self, index: usize, layout: &Layout, given: usize) -> Error {
        let Ok(port) = self.port(index) else { return Error::internal("data of an input that there is not") };
        let Some(size) = layout.dtype.size() else { return self.string_count(&port.name, layout.elements, given) };
        let (servable, input) = (self.model.into(), port.name.clone());
        Error::InputSize { servable, input, index, given, wanted: layout.elements.saturating_mul(size) }
    }

    /// The error of a wrong number of text or bytes values.
    pub(super) fn string_count(&self, input: &str, wanted: usize, given: usize) -> Error {
        let model = self.model;
        bad_request(format!(
            "expected {wanted} string elements for inference input '{input}' for model '{model}', got {given}"
        ))
    }
}
