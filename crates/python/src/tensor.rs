use bytes::Bytes;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use salver_core::{DType, Dim, Shape, Tensor};
use salver_exec::Outlet;

/// A tensor's data as Python gives it.
#[derive(FromPyObject)]
pub enum Data {
    Fixed(Vec<u8>),
    Variable(Vec<Vec<u8>>),
}

/// (element type, shape, data)
pub type Given = (String, Vec<usize>, Data);

pub fn tensor((dtype, shape, data): Given) -> PyResult<Tensor> {
    let refuse = |problem: String| PyErr::new::<PyValueError, _>(problem);
    let known = DType::from_name(&dtype).ok_or_else(|| refuse(format!("unknown element type '{dtype}'")))?;
    let shown = format!("{dtype}{shape:?}");
    let tensor = match data {
        Data::Fixed(data) => Tensor::fixed(known, Shape::new(shape), data.into()),
        Data::Variable(values) => {
            Tensor::variable(known, Shape::new(shape), values.into_iter().map(Bytes::from).collect())
        }
    };
    tensor.ok_or_else(|| refuse(format!("the data does not have the size of {shown}")))
}

/// (element type, shape, data) as Python gets it.
pub type Taken = (&'static str, Vec<usize>, Py<PyAny>);

pub fn taken(py: Python<'_>, tensor: &Tensor) -> PyResult<Taken> {
    let data = match tensor.dtype().is_variable() {
        true => PyList::new(py, tensor.values().iter().map(|value| PyBytes::new(py, value)))?.into_any(),
        false => PyBytes::new(py, tensor.bytes()).into_any(),
    };
    Ok((tensor.dtype().name(), tensor.shape().dims().to_vec(), data.unbind()))
}

/// A dimension: a length, or a symbol.
#[derive(IntoPyObject)]
pub enum Length {
    Fixed(usize),
    Free(String),
}

/// (name, element type, dims)
pub type Port = (String, &'static str, Vec<Length>);

pub fn port(outlet: &Outlet) -> Port {
    let dim = |dim: &Dim| match dim {
        Dim::Fixed(length) => Length::Fixed(*length),
        Dim::Free(symbol) => Length::Free(symbol.clone()),
    };
    (outlet.name.clone(), outlet.dtype.name(), outlet.dims.iter().map(dim).collect())
}
