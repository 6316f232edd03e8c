use bytes::{Buf, Bytes};
use prost::encoding::{decode_key, decode_varint, skip_field, DecodeContext, WireType};
use salver_core::{Error, Result};

/// The value of one field, as far as this protocol uses the kinds there are.
#[derive(Debug)]
pub(super) enum Value {
    Varint(u64),
    /// Text, bytes, a message or packed numbers; shares the message's buffer.
    Bytes(Bytes),
    Other,
}

impl Value {
    pub fn varint(self) -> Result<u64> {
        match self {
            Value::Varint(value) => Ok(value),
            _ => Err(malformed("a number is expected, but a field has another wire type")),
        }
    }

    pub fn bytes(self) -> Result<Bytes> {
        match self {
            Value::Bytes(value) => Ok(value),
            _ => Err(malformed("text, bytes or a message is expected, but a field has another wire type")),
        }
    }

    pub fn text(self) -> Result<String> {
        String::from_utf8(self.bytes()?.into()).map_err(|_| malformed("a name is not UTF-8"))
    }
}

/// The fields of one message in the order they were sent, without copying. Ends after the first error.
#[derive(Debug)]
pub(super) struct Fields(Bytes);

impl Fields {
    pub fn of(message: Bytes) -> Fields {
        Fields(message)
    }

    fn read(&mut self) -> Result<(u32, Value), String> {
        let (number, wire_type) = decode_key(&mut self.0).map_err(text)?;
        let value = match wire_type {
            WireType::Varint => Value::Varint(decode_varint(&mut self.0).map_err(text)?),
            WireType::LengthDelimited => {
                let length = decode_varint(&mut self.0).map_err(text)?;
                if length > self.0.remaining() as u64 {
                    return Err(format!("field {number} is longer than its message"));
                }
                Value::Bytes(self.0.split_to(length as usize))
            }
            _ => {
                skip_field(wire_type, number, &mut self.0, DecodeContext::default()).map_err(text)?;
                Value::Other
            }
        };
        Ok((number, value))
    }
}

impl Iterator for Fields {
    type Item = Result<(u32, Value)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.read().map_err(malformed);
        if field.is_err() {
            self.0.clear();
        }
        Some(field)
    }
}

/// The next varint of a packed field; `None` at its end.
pub(super) fn packed(values: &mut Bytes) -> Result<Option<u64>> {
    match values.is_empty() {
        true => Ok(None),
        false => decode_varint(values).map(Some).map_err(|error| malformed(text(error))),
    }
}

fn text(error: prost::DecodeError) -> String {
    error.to_string()
}

pub(super) fn malformed(detail: impl std::fmt::Display) -> Error {
    Error::malformed("PredictRequest", detail)
}
