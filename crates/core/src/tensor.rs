use bytes::{Bytes, BytesMut};

use crate::{DType, Shape};

/// What a tensor holds: little-endian elements back to back, or one value per element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    Fixed(Bytes),
    /// Text or bytes, row-major; each value usually borrows the request it came in.
    Variable(Vec<Bytes>),
}

/// A typed array in C order. Cloning and slicing share the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    dtype: DType,
    shape: Shape,
    data: Data,
}

impl Tensor {
    /// A tensor of fixed-size elements; `None` unless `data` has exactly the bytes that `shape` needs.
    pub fn fixed(dtype: DType, shape: Shape, data: Bytes) -> Option<Tensor> {
        let wanted = shape.elements()?.checked_mul(dtype.size()?)?;
        (data.len() == wanted).then_some(Tensor { dtype, shape, data: Data::Fixed(data) })
    }

    /// A tensor of text or bytes; `None` unless there is one value per element of `shape`.
    pub fn variable(dtype: DType, shape: Shape, values: Vec<Bytes>) -> Option<Tensor> {
        let fits = dtype.is_variable() && shape.elements() == Some(values.len());
        fits.then_some(Tensor { dtype, shape, data: Data::Variable(values) })
    }

    /// What stands for an optional input that was left out: `rows` rows of no bools.
    pub(crate) fn absent(rows: usize) -> Tensor {
        Tensor { dtype: DType::Bool, shape: Shape::batched(rows, &[0]), data: Data::Fixed(Bytes::new()) }
    }

    pub fn dtype(&self) -> DType {
        self.dtype
    }

    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    pub fn data(&self) -> &Data {
        &self.data
    }

    /// The leading dimension; a scalar counts as one row.
    pub fn rows(&self) -> usize {
        self.shape.dims().first().copied().unwrap_or(1)
    }

    /// The elements' bytes; empty for text and bytes.
    pub fn bytes(&self) -> &[u8] {
        match &self.data {
            Data::Fixed(bytes) => bytes,
            Data::Variable(_) => &[],
        }
    }

    /// The values of a text or bytes tensor; empty for other types.
    pub fn values(&self) -> &[Bytes] {
        match &self.data {
            Data::Fixed(_) => &[],
            Data::Variable(values) => values,
        }
    }

    /// How many bytes of memory the data takes.
    pub fn weight(&self) -> usize {
        match &self.data {
            Data::Fixed(bytes) => bytes.len(),
            Data::Variable(values) => values.iter().map(|value| value.len() + size_of::<Bytes>()).sum(),
        }
    }

    /// The same data under another shape; `None` unless the element counts agree.
    pub fn reshaped(self, shape: Shape) -> Option<Tensor> {
        (self.shape.elements() == shape.elements()).then_some(Tensor { shape, ..self })
    }

    /// Rows `first..first + rows`, sharing the data. The range is clipped to the rows there are.
    pub fn slice(&self, first: usize, rows: usize) -> Tensor {
        let all = self.rows();
        let (first, rows) = (first.min(all), rows.min(all - first.min(all)));
        if rows == all {
            return self.clone();
        }
        let shape = Shape::batched(rows, self.shape.row());
        let data = match &self.data {
            Data::Fixed(bytes) => {
                let row = bytes.len() / all;
                Data::Fixed(bytes.slice(first * row..(first + rows) * row))
            }
            Data::Variable(values) => {
                let row = values.len() / all;
                Data::Variable(values[first * row..(first + rows) * row].to_vec())
            }
        };
        Tensor { dtype: self.dtype, shape, data }
    }

    /// The pieces' rows one after another; `None` if there are none or their types or row shapes differ.
    /// One piece is shared, several are copied.
    pub fn concat(pieces: &[&Tensor]) -> Option<Tensor> {
        let first = pieces.first()?;
        if pieces.len() == 1 {
            return Some((*first).clone());
        }
        let agree = |piece: &&&Tensor| piece.dtype == first.dtype && piece.shape.row() == first.shape.row();
        if !pieces.iter().all(|piece| agree(&piece)) {
            return None;
        }
        let rows = pieces.iter().map(|piece| piece.rows()).sum();
        let shape = Shape::batched(rows, first.shape.row());
        let data = match first.data {
            Data::Fixed(_) => Data::Fixed(concat_bytes(pieces)),
            Data::Variable(_) => Data::Variable(pieces.iter().flat_map(|piece| piece.values()).cloned().collect()),
        };
        Some(Tensor { dtype: first.dtype, shape, data })
    }
}

fn concat_bytes(pieces: &[&Tensor]) -> Bytes {
    let total = pieces.iter().map(|piece| piece.bytes().len()).sum();
    let mut joined = aligned(total, 0);
    for piece in pieces {
        joined.extend_from_slice(piece.bytes());
    }
    joined.freeze()
}

/// An empty buffer with room for `capacity` bytes whose byte number `at` will lie on a 64-byte boundary.
///
/// Kernels read aligned tensors without a copy: pass 0 for a tensor by itself, and `capacity` for a message
/// that ends with its tensor.
pub fn aligned(capacity: usize, at: usize) -> BytesMut {
    const ALIGNMENT: usize = 64;
    let mut buffer = BytesMut::with_capacity(capacity + ALIGNMENT);
    let start = buffer.as_ptr() as usize + at;
    let shift = (ALIGNMENT - start % ALIGNMENT) % ALIGNMENT;
    buffer.resize(shift, 0);
    buffer.split_off(shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(values: &[f32], dims: &[usize]) -> Tensor {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Tensor::fixed(DType::F32, Shape::new(dims.iter().copied()), bytes.into()).unwrap()
    }

    #[test]
    fn sizes_must_agree_with_the_shape() {
        assert!(Tensor::fixed(DType::F32, Shape::new([2]), Bytes::from_static(b"1234567")).is_none());
        assert!(Tensor::fixed(DType::F32, Shape::new([usize::MAX, 8]), Bytes::new()).is_none());
        assert!(Tensor::fixed(DType::Str, Shape::new([0]), Bytes::new()).is_none());
        assert!(Tensor::variable(DType::Str, Shape::new([2]), vec![Bytes::new()]).is_none());
        assert!(Tensor::variable(DType::F32, Shape::new([0]), vec![]).is_none());
    }

    #[test]
    fn slices_share_and_concat_restores() {
        let whole = floats(&[1., 2., 3., 4., 5., 6.], &[3, 2]);
        let (head, tail) = (whole.slice(0, 1), whole.slice(1, 2));
        assert_eq!(tail.bytes().as_ptr(), whole.bytes()[8..].as_ptr());
        assert_eq!(Tensor::concat(&[&head, &tail]), Some(whole.clone()));
        assert_eq!(whole.slice(5, 9).rows(), 0);
        assert_eq!(Tensor::concat(&[&head, &floats(&[1.], &[1, 1])]), None);
    }

    #[test]
    fn variable_values_slice_by_row() {
        let values = ["a", "b", "c", "d"].map(Bytes::from_static_str).to_vec();
        let text = Tensor::variable(DType::Str, Shape::new([2, 2]), values).unwrap();
        assert_eq!(text.slice(1, 1).values(), &text.values()[2..]);
    }

    trait FromStaticStr {
        fn from_static_str(text: &'static str) -> Bytes;
    }

    impl FromStaticStr for Bytes {
        fn from_static_str(text: &'static str) -> Bytes {
            Bytes::from_static(text.as_bytes())
        }
    }

    #[test]
    fn aligned_buffers_start_or_end_on_the_boundary() {
        assert_eq!(aligned(100, 0).as_ptr() as usize % 64, 0);
        assert_eq!((aligned(100, 100).as_ptr() as usize + 100) % 64, 0);
    }
}
