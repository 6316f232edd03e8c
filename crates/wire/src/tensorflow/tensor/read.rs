use std::ops::Range;

use bytes::Bytes;
use salver_core::{DType, Data, Error, Shape, MAX_RANK};
use smallvec::SmallVec;

use super::{typed, Budget};
use crate::protobuf::Fields;
use crate::tensorflow::dtypes;

/// A tensor as a request gives it, not yet compared with a contract.
pub(in crate::tensorflow) enum Given {
    /// `data` has the elements that `dims` ask for.
    Tensor { dtype: DType, dims: Dims, data: Data },
    /// A tensor of a type that there is none for here, by the protocol's name.
    Strange(&'static str),
}

pub(in crate::tensorflow) type Dims = SmallVec<[i64; 5]>;

/// Why a `TensorProto` is no tensor.
#[derive(Debug)]
pub(in crate::tensorflow) enum Trouble {
    /// The message itself is broken.
    Message(Error),
    /// The original cannot read it either.
    Unreadable,
    /// It asks for far more than it holds: so many bytes.
    Excessive(usize),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        Trouble::Message(error)
    }
}

/// Reads a `TensorProto`. Numbers in `tensor_content`, and floats in one packed field, share the message's buffer.
pub(in crate::tensorflow) fn read(fields: Fields<'_>, budget: &mut Budget) -> Result<Given, Trouble> {
    let sent = Sent::read(fields.clone())?;
    let (name, dtype) = dtypes::from_number(sent.dtype).ok_or(Trouble::Unreadable)?;
    let elements = sent.elements().ok_or(Trouble::Unreadable)?;
    let Some(dtype) = dtype else { return Ok(Given::Strange(name)) };
    let data = match sent.content {
        Some(content) => content_data(&fields, content, dtype, elements)?,
        None => typed::read(fields, dtype, elements, budget)?,
    };
    Ok(Given::Tensor { dtype, dims: sent.dims, data })
}

/// What a `TensorProto` says of itself, without its values.
#[derive(Default)]
struct Sent {
    dtype: u64,
    dims: Dims,
    unknown_rank: bool,
    /// Where `tensor_content` is, if it is not empty.
    content: Option<Range<usize>>,
}

impl Sent {
    fn read(mut fields: Fields<'_>) -> Result<Sent, Error> {
        let mut sent = Sent::default();
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => sent.dtype = fields.number(value)?,
                2 => sent.shape(fields.nested(value)?)?,
                4 => sent.content = Some(fields.span(value)?).filter(|content| !content.is_empty()),
                _ => {}
            }
        }
        Ok(sent)
    }

    fn shape(&mut self, mut fields: Fields<'_>) -> Result<(), Error> {
        while let Some((number, value)) = fields.next()? {
            match number {
                2 if self.dims.len() == MAX_RANK => {
                    return Err(fields.broken(format!("a shape has more than {MAX_RANK} dimensions")));
                }
                2 => self.dims.push(dim(fields.nested(value)?)?),
                3 => self.unknown_rank = fields.number(value)? != 0,
                _ => {}
            }
        }
        Ok(())
    }

    /// How many elements there are to be; `None` if the shape is none, or none that memory could hold.
    fn elements(&self) -> Option<usize> {
        let lengths: Option<SmallVec<[usize; 5]>> = self.dims.iter().map(|&dim| usize::try_from(dim).ok()).collect();
        Shape::new(lengths.filter(|_| !self.unknown_rank)?).elements()
    }
}

fn dim(mut fields: Fields<'_>) -> Result<i64, Error> {
    let mut size = 0;
    while let Some((number, value)) = fields.next()? {
        if number == 1 {
            size = fields.number(value)? as i64;
        }
    }
    Ok(size)
}

fn content_data(fields: &Fields<'_>, content: Range<usize>, dtype: DType, elements: usize) -> Result<Data, Trouble> {
    let Some(size) = dtype.size() else {
        return content_values(fields, content, elements).map(Data::Variable).ok_or(Trouble::Unreadable);
    };
    match elements.checked_mul(size) == Some(content.len()) {
        true => Ok(Data::Fixed(fields.slice(content))),
        false => Err(Trouble::Unreadable),
    }
}

/// The values of text and bytes: their lengths, then all of them back to back.
fn content_values(fields: &Fields<'_>, content: Range<usize>, elements: usize) -> Option<Vec<Bytes>> {
    let mut lengths = fields.within(content.clone());
    // Each length takes a byte at least.
    (elements <= content.len()).then_some(())?;
    let sizes: Vec<u64> = (0..elements).map(|_| lengths.varint().ok()).collect::<Option<_>>()?;
    let mut rest = fields.slice(lengths.rest());
    let take =
        |size: &u64| usize::try_from(*size).ok().filter(|&size| size <= rest.len()).map(|size| rest.split_to(size));
    let values = sizes.iter().map(take).collect::<Option<_>>()?;
    rest.is_empty().then_some(values)
}
