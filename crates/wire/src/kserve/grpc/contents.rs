//! Typed tensor contents, the form that clients without raw bytes send.

use std::ops::Range;

use bytes::Bytes;
use salver_core::{DType, Data, Error};

use super::no_data;
use super::request::MESSAGE;
use crate::kserve::check::{Check, Layout};
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
    /// More data than the input's shape needs: so many bytes, or values of text and bytes.
    Size { given: usize },
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        Trouble::Message(error)
    }
}

impl Trouble {
    /// As the error of input `index`.
    pub(super) fn told(self, check: &Check<'_>, index: usize, layout: &Layout) -> Error {
        let (input, model) = match check.port(index) {
            Ok(port) => (port.name.as_str(), check.model),
            Err(error) => return error,
        };
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
            Trouble::Size { given } => check.wrong_size(index, layout, given),
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

/// Reads the contents as elements of the layout's type. No more is kept of them than its shape needs: an empty text takes
/// far more memory than its bytes.
pub(super) fn read(body: &Bytes, contents: &[Range<usize>], layout: &Layout) -> Result<Given, Trouble> {
    let message = Fields::new(MESSAGE, body);
    let mut gathered = Gathered::new(body, contents.iter().map(Range::len).sum(), layout);
    for within in contents {
        let mut fields = message.within(within.clone());
        while let Some((number, value)) = fields.next()? {
            if let Some(found) = field_type(number) {
                gathered.add(&fields, found, value)?;
            }
        }
    }
    gathered.into_data().map(Given)
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
    /// How much there was: bytes, or values of text and bytes. What goes beyond `wanted` is only counted.
    given: usize,
    wanted: usize,
    bytes: Vec<u8>,
    /// The only packed floats so far, not copied.
    whole: Option<Bytes>,
    values: Vec<Bytes>,
}

impl<'a> Gathered<'a> {
    /// For contents of `length` bytes, in which a value of text or bytes takes two at least.
    fn new(body: &'a Bytes, length: usize, layout: &Layout) -> Gathered<'a> {
        let Layout { dtype, elements, .. } = *layout;
        let room = if dtype.is_variable() { elements.min(length / 2) } else { 0 };
        let wanted = elements.saturating_mul(dtype.size().unwrap_or(1));
        Gathered { body, dtype, given: 0, wanted, bytes: Vec::new(), whole: None, values: Vec::with_capacity(room) }
    }

    /// Counts what comes; whether it is to be kept.
    fn takes(&mut self, size: usize) -> bool {
        self.given = self.given.saturating_add(size);
        self.given <= self.wanted
    }

    fn add(&mut self, fields: &Fields<'_>, found: DType, value: Value) -> Result<(), Trouble> {
        if carrier(self.dtype) != Some(found) {
            return Err(Trouble::Type { found, wanted: self.dtype });
        }
        match (found, value) {
            (DType::Bytes, value) => {
                let value = fields.bytes(value)?;
                if self.takes(1) {
                    self.values.push(value);
                }
            }
            (DType::F32 | DType::F64, Value::Fixed(range) | Value::Span(range)) => self.floats(range),
            (_, Value::Varint(number)) => self.number(number)?,
            (_, Value::Span(range)) => {
                if self.bytes.is_empty() {
                    let most = range.len().saturating_mul(self.dtype.size().unwrap_or(1));
                    self.bytes.reserve_exact(most.min(self.wanted));
                }
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
        if !self.takes(range.len()) {
            return;
        }
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
        if !self.takes(wanted.size().unwrap_or(1)) {
            return Ok(());
        }
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

    fn into_data(self) -> Result<Option<Data>, Trouble> {
        if self.given > self.wanted {
            return Err(Trouble::Size { given: self.given });
        }
        if !self.values.is_empty() {
            return Ok(Some(Data::Variable(self.values)));
        }
        let copied = (!self.bytes.is_empty()).then(|| self.bytes.into());
        Ok(self.whole.or(copied).map(Data::Fixed))
    }
}
