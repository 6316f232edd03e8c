//! Values in the fields of their type: packed or not, more than are needed, fewer, or none.

use bytes::{BufMut, Bytes, BytesMut};
use salver_core::{aligned, DType, Data, Error};

use super::read::Trouble;
use super::Budget;
use crate::protobuf::{Fields, Value};

/// The field that values of a type are sent in.
pub(super) const fn field(dtype: DType) -> u64 {
    match dtype {
        DType::F32 => 5,
        DType::F64 => 6,
        DType::I32 | DType::I16 | DType::I8 | DType::U16 | DType::U8 => 7,
        DType::Str | DType::Bytes => 8,
        DType::I64 => 10,
        DType::Bool => 11,
        DType::F16 | DType::BF16 => 13,
        DType::U32 => 16,
        DType::U64 => 17,
    }
}

/// Reads as many values as there are elements: surplus ones are left, the last one stands for all that are missing,
/// and where there is none at all they are zeros or empty.
pub(super) fn read(fields: Fields<'_>, dtype: DType, elements: usize, budget: &mut Budget) -> Result<Data, Trouble> {
    let size = dtype.size().unwrap_or(size_of::<Bytes>());
    let wanted = elements.checked_mul(size).ok_or(Trouble::Unreadable)?;
    if dtype.is_variable() {
        budget.take(wanted).ok_or(Trouble::Excessive(wanted))?;
        return Ok(Data::Variable(values(fields, elements)?));
    }
    if let (DType::F32 | DType::F64, Some(whole)) = (dtype, only_packed(fields.clone(), dtype, wanted)?) {
        return Ok(Data::Fixed(whole));
    }
    budget.take(wanted).ok_or(Trouble::Excessive(wanted))?;
    let mut numbers = Numbers { dtype, size, wanted, bytes: aligned(wanted, 0) };
    numbers.gather(fields)?;
    Ok(Data::Fixed(numbers.filled()))
}

fn values(mut fields: Fields<'_>, elements: usize) -> Result<Vec<Bytes>, Error> {
    let mut values = Vec::with_capacity(elements);
    while let Some((number, value)) = fields.next()? {
        if number == field(DType::Bytes) && values.len() < elements {
            values.push(fields.bytes(value)?);
        }
    }
    let last = values.last().cloned().unwrap_or_default();
    values.resize(elements, last);
    Ok(values)
}

/// The floats that are needed, if they are in one packed field; as clients send them.
fn only_packed(mut fields: Fields<'_>, dtype: DType, wanted: usize) -> Result<Option<Bytes>, Error> {
    let mut whole = None;
    while let Some((number, value)) = fields.next()? {
        match (number == field(dtype), value) {
            (false, _) => {}
            (true, Value::Span(range)) if range.len() >= wanted && whole.is_none() => whole = Some(range),
            (true, _) => return Ok(None),
        }
    }
    Ok(whole.map(|range| fields.slice(range.start..range.start + wanted)))
}

/// Elements of one size as they are gathered, up to `wanted` bytes of them.
struct Numbers {
    dtype: DType,
    size: usize,
    wanted: usize,
    bytes: BytesMut,
}

impl Numbers {
    /// A field that is not sent as its type has it is passed over, as protobuf does.
    fn gather(&mut self, mut fields: Fields<'_>) -> Result<(), Error> {
        let floats = matches!(self.dtype, DType::F32 | DType::F64);
        while let Some((number, value)) = fields.next()? {
            if number != field(self.dtype) {
                continue;
            }
            match value {
                Value::Varint(number) if !floats => self.push(number),
                Value::Span(range) if !floats => self.varints(fields.within(range))?,
                Value::Span(range) if range.len() % self.size != 0 => {
                    return Err(fields.broken("packed floats end within a number"));
                }
                Value::Span(range) => self.floats(&fields.slice(range)),
                Value::Fixed(range) if floats && range.len() == self.size => self.floats(&fields.slice(range)),
                _ => {}
            }
        }
        Ok(())
    }

    fn room(&self) -> usize {
        self.wanted - self.bytes.len()
    }

    fn floats(&mut self, floats: &[u8]) {
        self.bytes.put_slice(&floats[..floats.len().min(self.room())]);
    }

    fn varints(&mut self, mut packed: Fields<'_>) -> Result<(), Error> {
        while !packed.is_empty() {
            self.push(packed.varint()?);
        }
        Ok(())
    }

    /// Takes a number as the original does: by its lower bits, which for half floats are the float's own.
    fn push(&mut self, number: u64) {
        if self.room() == 0 {
            return;
        }
        match self.size {
            1 if self.dtype == DType::Bool => self.bytes.put_u8(u8::from(number != 0)),
            1 => self.bytes.put_u8(number as u8),
            2 => self.bytes.put_u16_le(number as u16),
            4 => self.bytes.put_u32_le(number as u32),
            _ => self.bytes.put_u64_le(number),
        }
    }

    fn filled(mut self) -> Bytes {
        /// So many copies are made at a time.
        const STRIDE: usize = 64;
        let last = self.bytes.len().checked_sub(self.size).and_then(|start| self.bytes.get(start..));
        match last {
            Some(last) if last.iter().any(|&byte| byte != 0) => {
                let copies = last.repeat(STRIDE);
                while self.room() > 0 {
                    let next = copies.len().min(self.room());
                    self.bytes.put_slice(&copies[..next]);
                }
            }
            _ => self.bytes.resize(self.wanted, 0),
        }
        self.bytes.freeze()
    }
}
