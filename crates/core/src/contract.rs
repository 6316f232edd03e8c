use serde::{Deserialize, Serialize};

use crate::{DType, Shape, Tensor, MAX_RANK};

/// One axis of a row: a fixed length, or any length under a name that may be empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Dim {
    Fixed(usize),
    Free(String),
}

impl Dim {
    pub fn admits(&self, length: usize) -> bool {
        match self {
            Dim::Fixed(wanted) => *wanted == length,
            Dim::Free(_) => true,
        }
    }
}

/// A named, typed input or output; `dims` describe one row. `None` means "not declared".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    pub name: String,
    pub dtype: Option<DType>,
    pub dims: Option<Vec<Dim>>,
    /// An input that requests may leave out; the stage then gets [`Port::absent`].
    #[serde(default)]
    pub optional: bool,
    /// Text that is a JSON document, which JSON protocols show as what it says.
    #[serde(default)]
    pub json: bool,
}

impl Port {
    /// The mark of absence: what `rows` rows have in the place of an optional input that was left out.
    pub fn absent(rows: usize) -> Tensor {
        Tensor::absent(rows)
    }

    /// The most dimensions of a row: rows become tensors with one in front.
    pub const MAX_ROW_RANK: usize = MAX_RANK - 1;

    /// Whether a row of this shape is what the port declares, and can be a row at all.
    pub fn admits(&self, row: &[usize]) -> bool {
        let declared =
            |dims: &Vec<Dim>| dims.len() == row.len() && dims.iter().zip(row).all(|(dim, &length)| dim.admits(length));
        row.len() <= Port::MAX_ROW_RANK && self.dims.as_ref().is_none_or(declared)
    }

    /// Whether a row is bytes one after the other, uint8 in one dimension, so that a file can be its value.
    pub fn is_byte_row(&self) -> bool {
        self.dtype == Some(DType::U8) && self.dims.as_ref().is_some_and(|dims| dims.len() == 1)
    }

    /// The row's shape if it is fully declared.
    pub fn fixed_shape(&self) -> Option<Shape> {
        let dims: Option<Vec<usize>> = self.dims.as_ref()?.iter().map(Dim::fixed).collect();
        dims.map(Shape::new)
    }
}

impl Dim {
    pub fn fixed(&self) -> Option<usize> {
        match self {
            Dim::Fixed(length) => Some(*length),
            Dim::Free(_) => None,
        }
    }
}

/// A method's named inputs and outputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    pub inputs: Vec<Port>,
    pub outputs: Vec<Port>,
    /// Whether a request's tensors carry a leading batch dimension, whose indices are its rows. Without it a
    /// request is one row of exactly the declared shape.
    pub batched: bool,
}

impl Contract {
    pub fn input(&self, name: &str) -> Option<usize> {
        self.inputs.iter().position(|port| port.name == name)
    }

    pub fn output(&self, name: &str) -> Option<usize> {
        self.outputs.iter().position(|port| port.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(dims: Option<Vec<Dim>>) -> Port {
        Port { name: "x".into(), dtype: Some(DType::F32), dims, optional: false, json: false }
    }

    #[test]
    fn ports_admit_what_they_declare() {
        let image = port(Some(vec![Dim::Fixed(3), Dim::Free("width".into())]));
        assert!(image.admits(&[3, 17]));
        assert!(!image.admits(&[4, 17]));
        assert!(!image.admits(&[3]));
        assert!(port(None).admits(&[1, 2, 3]));
        assert_eq!(image.fixed_shape(), None);
    }

    #[test]
    fn no_row_has_as_many_dimensions_as_a_tensor_may() {
        for (rank, admitted) in [(63, true), (64, false), (65, false)] {
            assert_eq!(port(None).admits(&vec![1; rank]), admitted, "{rank}");
            assert_eq!(port(Some(vec![Dim::Fixed(1); rank])).admits(&vec![1; rank]), admitted, "{rank}");
        }
    }

    #[test]
    fn dims_read_as_numbers_and_names() {
        let dims: Vec<Dim> = serde_json::from_str(r#"[3, "height", ""]"#).unwrap();
        assert_eq!(dims, [Dim::Fixed(3), Dim::Free("height".into()), Dim::Free(String::new())]);
    }
}
