//! Typed tensor contents, the form that clients without raw bytes send.

use std::ops::Range;

use bytes::Bytes;
use salver_core::{DType, Data, Error};

use super::no_data;
use super::request::MESSAGE;
use crate::kserve::check::Layout;
use crate::kserve::datatype;
use crate::kserve::input::bad_request;
use crate::protobuf::{Fields, Value};

/// What the contents of one input hold; `None` if there is nothing in them.
pub(super) struct Given(Option<Data>);

pub(super) enum Trouble {
    /// The message itself is broken.
    Message(Error),
    /// Data of type `found` for an input that is said to be `wanted`.
    Type { found: DType, wanted: DType },
    /// A number that `wanted` cannot hold.
    Value { number: i64, wanted: DType },
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        Trouble::Message(error)
    }
}

impl Trouble {
    pub(super) fn told(self, input: &str, model: &str) -> Error {
        match self {
            Trouble::Message(error) => error,
            Trouble::Type { found, wanted } => bad_request(format!(
                "unexpected explicit tensor data for input tensor '{input}' for model '{model}' of type '{}', \
                 expected datatype '{}'",
                datatype::name(found),
                datatype::name(wanted)
            )),
            Trouble::Value { number, wanted } => {
                let detail = format!("the number {number} does not fit {}", datatype::name(wanted));
                Error::InputValue { servable: model.into(), input: input.into(), detail }
            }
        }
    }
}

impl Given {
    /// The data, where none at all is fine for an input without elements.
    pub(super) fn or_empty(self, layout: &Layout, input: &str, model: &str) -> Result<Data, Error> {
        match self.0 {
            Some(data) => Ok(data),
            None if layout.elements > 0 => Err(no_data(input, model)),
            None if layout.dtype.is_variable() => Ok(Data::Variable(Vec::new())),
            None => Ok(Data::Fixed(Bytes::new())),
        }
    }
}

/// Reads the contents as elements of `dtype`.
pub(super) fn read(body: &Bytes, contents: &[Range<usize>], dtype: DType) -> Result<Given, Trouble> {
    let message = Fields::new(MESSAGE, body);
    let mut gathered = Gathered { body, dtype, bytes: Vec::new(), whole: None, values: Vec::new() };
    for within in contents {
        let mut fields = message.within(within.clone());
        while let Some((number, value)) = fields.next()? {
            if let Some(found) = field_type(number) {
                gathered.add(&fields, found, value)?;
            }
        }
    }
    Ok(Given(gathered.into_data()))
}

/// The element type of a field of `InferTensorContents`.
fn field_type(number: u64) -> Option<DType> {
    use DType::*;
    let types = [Bool, I32, I64, U32, U64, F32, F64, Bytes];
    let index = usize::try_from(number.checked_sub(1)?).ok()?;
    types.get(index).copied()
}

/// The field that elements of a type travel in; half floats have none.
fn carrier(dtype: DType) -> Option<DType> {
    match dtype {
        DType::I8 | DType::I16 => Some(DType::I32),
        DType::U8 | DType::U16 => Some(DType::U32),
        DType::Str => Some(DType::Bytes),
        DType::F16 | DType::BF16 => None,
        other => Some(other),
    }
}

struct Gathered<'a> {
    body: &'a Bytes,
    dtype: DType,
    bytes: Vec<u8>,
    /// The only packed floats so far, not copied.
    whole: Option<Bytes>,
    values: Vec<Bytes>,
}

impl Gathered<'_> {
    fn add(&mut self, fields: &Fields<'_>, found: DType, value: Value) -> Result<(), Trouble> {
        if carrier(self.dtype) != Some(found) {
            return Err(Trouble::Type { found, wanted: self.dtype });
        }
        match (found, value) {
            (DType::Bytes, value) => self.values.push(fields.bytes(value)?),
            (DType::F32 | DType::F64, Value::Fixed(range) | Value::Span(range)) => self.floats(range),
            (_, Value::Varint(number)) => self.number(number)?,
            (_, Value::Span(range)) => {
                let mut packed = fields.within(range);
                while !packed.is_empty() {
                    self.number(packed.varint()?)?;
                }
            }
            (_, Value::Fixed(_) | Value::Group(_)) => return Err(Trouble::Type { found, wanted: self.dtype }),
        }
        Ok(())
    }

    fn floats(&mut self, range: Range<usize>) {
        let piece = self.body.slice(range);
        if self.bytes.is_empty() && self.whole.is_none() {
            self.whole = Some(piece);
            return;
        }
        if let Some(whole) = self.whole.take() {
            self.bytes.extend_from_slice(&whole);
        }
        self.bytes.extend_from_slice(&piece);
    }

    /// Takes a varint as protobuf does, and narrows it only if its value stays the same.
    fn number(&mut self, number: u64) -> Result<(), Trouble> {
        let wanted = self.dtype;
        let (signed, unsigned) = (number as i32, number as u32);
        let misfit = |number: i64| Trouble::Value { number, wanted };
        let bytes = &mut self.bytes;
        match wanted {
            DType::Bool => bytes.push(u8::from(number != 0)),
            DType::I8 => bytes.push(i8::try_from(signed).map_err(|_| misfit(signed.into()))? as u8),
            DType::I16 => bytes.extend(i16::try_from(signed).map_err(|_| misfit(signed.into()))?.to_le_bytes()),
            DType::I32 => bytes.extend(signed.to_le_bytes()),
            DType::U8 => bytes.push(u8::try_from(unsigned).map_err(|_| misfit(unsigned.into()))?),
            DType::U16 => bytes.extend(u16::try_from(unsigned).map_err(|_| misfit(unsigned.into()))?.to_le_bytes()),
            DType::U32 => bytes.extend(unsigned.to_le_bytes()),
            DType::I64 | DType::U64 => bytes.extend(number.to_le_bytes()),
            found => return Err(Trouble::Type { found, wanted }),
        }
        Ok(())
    }

    fn into_data(self) -> Option<Data> {
        if !self.values.is_empty() {
            return Some(Data::Variable(self.values));
        }
        let copied = (!self.bytes.is_empty()).then(|| self.bytes.into());
        self.whole.or(copied).map(Data::Fixed)
    }
}
