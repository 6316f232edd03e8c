//! Numbers between protobuf's kinds and element types.

use half::{bf16, f16};
use prost_reflect::Kind;
use salver_core::{DType, Error, Result};

use crate::protobuf::{write, Fields, Value};

/// A number of any kind, exactly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Bool(bool),
    Int(i128),
    Float(f64),
}

/// Kinds of numbers among which values pass without a loss that matters: later ones take those of earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    Int,
    Float,
    /// Apart from the others.
    Bool,
}

impl Family {
    /// Whether values of this family may go to those of the other.
    pub fn goes_to(self, other: Family) -> bool {
        self == other || (self, other) == (Family::Int, Family::Float)
    }

    pub fn of_kind(kind: &Kind) -> Option<Family> {
        match kind {
            Kind::Bool => Some(Family::Bool),
            Kind::Float | Kind::Double => Some(Family::Float),
            Kind::String | Kind::Bytes | Kind::Message(_) => None,
            _ => Some(Family::Int),
        }
    }

    pub fn of_dtype(dtype: DType) -> Option<Family> {
        match dtype {
            DType::Bool => Some(Family::Bool),
            DType::F16 | DType::BF16 | DType::F32 | DType::F64 => Some(Family::Float),
            DType::Str | DType::Bytes => None,
            _ => Some(Family::Int),
        }
    }
}

/// The element type that holds just what a kind does.
pub(super) fn natural(kind: &Kind) -> DType {
    match kind {
        Kind::Double => DType::F64,
        Kind::Float => DType::F32,
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 | Kind::Enum(_) => DType::I32,
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => DType::I64,
        Kind::Uint32 | Kind::Fixed32 => DType::U32,
        Kind::Uint64 | Kind::Fixed64 => DType::U64,
        Kind::Bool => DType::Bool,
        Kind::String => DType::Str,
        Kind::Bytes | Kind::Message(_) => DType::Bytes,
    }
}

/// Whether packed numbers of a kind lie in a message just as elements of the type do in a tensor.
pub(super) fn same_layout(kind: &Kind, dtype: DType) -> bool {
    let fixed = [Kind::Double, Kind::Float, Kind::Fixed32, Kind::Fixed64, Kind::Sfixed32, Kind::Sfixed64];
    fixed.contains(kind) && natural(kind) == dtype
}

impl Number {
    /// What a number is that is not sent.
    pub fn zero(kind: &Kind) -> Number {
        match Family::of_kind(kind) {
            Some(Family::Bool) => Number::Bool(false),
            Some(Family::Float) => Number::Float(0.0),
            Some(Family::Int) | None => Number::Int(0),
        }
    }

    /// Gives the numbers that one value of a field is: one, or packed ones.
    pub fn read(
        kind: &Kind,
        value: Value,
        fields: &Fields<'_>,
        each: &mut impl FnMut(Number) -> Result<()>,
    ) -> Result<()> {
        match value {
            Value::Group(_) => Err(other_type(fields)),
            Value::Varint(bits) => each(Number::of_varint(kind, bits).ok_or_else(|| other_type(fields))?),
            Value::Fixed(range) => {
                each(Number::of_fixed(kind, &fields.slice(range)).ok_or_else(|| other_type(fields))?)
            }
            Value::Span(range) => match fixed_size(kind) {
                Some(size) => {
                    let packed = fields.slice(range);
                    if packed.len() % size != 0 {
                        return Err(fields.broken("packed numbers end within a number"));
                    }
                    let numbers = packed.chunks_exact(size).map(|bytes| Number::of_fixed(kind, bytes));
                    numbers.flatten().try_for_each(each)
                }
                None => {
                    let mut packed = fields.within(range);
                    while !packed.is_empty() {
                        let bits = packed.varint()?;
                        each(Number::of_varint(kind, bits).ok_or_else(|| other_type(fields))?)?;
                    }
                    Ok(())
                }
            },
        }
    }

    fn of_varint(kind: &Kind, bits: u64) -> Option<Number> {
        let zigzag = || (bits >> 1) as i64 ^ -((bits & 1) as i64);
        Some(match kind {
            Kind::Bool => Number::Bool(bits != 0),
            Kind::Int32 | Kind::Enum(_) => Number::Int(i128::from(bits as i32)),
            Kind::Int64 => Number::Int(i128::from(bits as i64)),
            Kind::Uint32 => Number::Int(i128::from(bits as u32)),
            Kind::Uint64 => Number::Int(i128::from(bits)),
            Kind::Sint32 => Number::Int(i128::from(zigzag() as i32)),
            Kind::Sint64 => Number::Int(i128::from(zigzag())),
            _ => return None,
        })
    }

    fn of_fixed(kind: &Kind, bytes: &[u8]) -> Option<Number> {
        Some(match kind {
            Kind::Float => Number::Float(f64::from(f32::from_le_bytes(bytes.try_into().ok()?))),
            Kind::Double => Number::Float(f64::from_le_bytes(bytes.try_into().ok()?)),
            Kind::Fixed32 => Number::Int(i128::from(u32::from_le_bytes(bytes.try_into().ok()?))),
            Kind::Sfixed32 => Number::Int(i128::from(i32::from_le_bytes(bytes.try_into().ok()?))),
            Kind::Fixed64 => Number::Int(i128::from(u64::from_le_bytes(bytes.try_into().ok()?))),
            Kind::Sfixed64 => Number::Int(i128::from(i64::from_le_bytes(bytes.try_into().ok()?))),
            _ => return None,
        })
    }

    /// The number that stands in an element's bytes.
    pub fn of_element(dtype: DType, bytes: &[u8]) -> Option<Number> {
        Some(match dtype {
            DType::Bool => Number::Bool(bytes != [0]),
            DType::U8 => Number::Int(i128::from(u8::from_le_bytes(bytes.try_into().ok()?))),
            DType::U16 => Number::Int(i128::from(u16::from_le_bytes(bytes.try_into().ok()?))),
            DType::U32 => Number::Int(i128::from(u32::from_le_bytes(bytes.try_into().ok()?))),
            DType::U64 => Number::Int(i128::from(u64::from_le_bytes(bytes.try_into().ok()?))),
            DType::I8 => Number::Int(i128::from(i8::from_le_bytes(bytes.try_into().ok()?))),
            DType::I16 => Number::Int(i128::from(i16::from_le_bytes(bytes.try_into().ok()?))),
            DType::I32 => Number::Int(i128::from(i32::from_le_bytes(bytes.try_into().ok()?))),
            DType::I64 => Number::Int(i128::from(i64::from_le_bytes(bytes.try_into().ok()?))),
            DType::F16 => Number::Float(f16::from_le_bytes(bytes.try_into().ok()?).to_f64()),
            DType::BF16 => Number::Float(bf16::from_le_bytes(bytes.try_into().ok()?).to_f64()),
            DType::F32 => Number::Float(f64::from(f32::from_le_bytes(bytes.try_into().ok()?))),
            DType::F64 => Number::Float(f64::from_le_bytes(bytes.try_into().ok()?)),
            DType::Str | DType::Bytes => return None,
        })
    }

    /// Appends the number as an element; `None` if the type cannot hold it.
    pub fn write_element(self, dtype: DType, out: &mut Vec<u8>) -> Option<()> {
        let int = self.int();
        match dtype {
            DType::Bool => match self {
                Number::Bool(truth) => out.push(u8::from(truth)),
                _ => return None,
            },
            DType::U8 => out.extend(u8::try_from(int?).ok()?.to_le_bytes()),
            DType::U16 => out.extend(u16::try_from(int?).ok()?.to_le_bytes()),
            DType::U32 => out.extend(u32::try_from(int?).ok()?.to_le_bytes()),
            DType::U64 => out.extend(u64::try_from(int?).ok()?.to_le_bytes()),
            DType::I8 => out.extend(i8::try_from(int?).ok()?.to_le_bytes()),
            DType::I16 => out.extend(i16::try_from(int?).ok()?.to_le_bytes()),
            DType::I32 => out.extend(i32::try_from(int?).ok()?.to_le_bytes()),
            DType::I64 => out.extend(i64::try_from(int?).ok()?.to_le_bytes()),
            DType::F16 => out.extend(self.narrowed(f16::from_f64, f16::to_f64)?.to_le_bytes()),
            DType::BF16 => out.extend(self.narrowed(bf16::from_f64, bf16::to_f64)?.to_le_bytes()),
            DType::F32 => out.extend(self.narrowed(|value| value as f32, f64::from)?.to_le_bytes()),
            DType::F64 => out.extend(self.float()?.to_le_bytes()),
            DType::Str | DType::Bytes => return None,
        }
        Some(())
    }

    /// Appends the number as a value of a kind, without a key; `None` if the kind cannot hold it.
    pub fn write_value(self, kind: &Kind, out: &mut Vec<u8>) -> Option<()> {
        let int = self.int();
        let zigzag = |value: i64| ((value << 1) ^ (value >> 63)) as u64;
        match kind {
            Kind::Bool => match self {
                Number::Bool(truth) => out.push(u8::from(truth)),
                _ => return None,
            },
            // Negative numbers are written as those of 64 bits.
            Kind::Int32 | Kind::Enum(_) => write::varint(out, i64::from(i32::try_from(int?).ok()?) as u64),
            Kind::Int64 => write::varint(out, i64::try_from(int?).ok()? as u64),
            Kind::Uint32 => write::varint(out, u64::from(u32::try_from(int?).ok()?)),
            Kind::Uint64 => write::varint(out, u64::try_from(int?).ok()?),
            Kind::Sint32 => write::varint(out, zigzag(i64::from(i32::try_from(int?).ok()?))),
            Kind::Sint64 => write::varint(out, zigzag(i64::try_from(int?).ok()?)),
            Kind::Fixed32 | Kind::Sfixed32 | Kind::Fixed64 | Kind::Sfixed64 | Kind::Float | Kind::Double => {
                return self.write_element(natural(kind), out);
            }
            Kind::String | Kind::Bytes | Kind::Message(_) => return None,
        }
        Some(())
    }

    /// Whether fields without presence leave it out.
    pub fn is_default(self) -> bool {
        match self {
            Number::Bool(truth) => !truth,
            Number::Int(value) => value == 0,
            Number::Float(value) => value.to_bits() == 0,
        }
    }

    fn int(self) -> Option<i128> {
        match self {
            Number::Int(value) => Some(value),
            _ => None,
        }
    }

    fn float(self) -> Option<f64> {
        match self {
            Number::Int(value) => Some(value as f64),
            Number::Float(value) => Some(value),
            Number::Bool(_) => None,
        }
    }

    /// A float of fewer bits, unless it is too large for them.
    fn narrowed<T: Copy>(self, narrow: impl Fn(f64) -> T, widen: impl Fn(T) -> f64) -> Option<T> {
        let value = self.float()?;
        let narrow = narrow(value);
        (!value.is_finite() || widen(narrow).is_finite()).then_some(narrow)
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Number::Bool(truth) => truth.fmt(f),
            Number::Int(value) => value.fmt(f),
            Number::Float(value) => value.fmt(f),
        }
    }
}

/// The bytes that each value of a kind takes, if all take as many.
fn fixed_size(kind: &Kind) -> Option<usize> {
    match kind {
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => Some(8),
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => Some(4),
        _ => None,
    }
}

/// The wire type of a number of this kind, as it stands in keys.
pub(super) fn wire_type(kind: &Kind) -> u64 {
    match fixed_size(kind) {
        Some(8) => 1,
        Some(_) => 5,
        None => 0,
    }
}

fn other_type(fields: &Fields<'_>) -> Error {
    fields.broken("a number is sent as one of another kind")
}
