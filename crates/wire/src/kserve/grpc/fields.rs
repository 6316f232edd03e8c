use std::ops::Range;

use bytes::Bytes;
use salver_core::Error;

use crate::kserve::input::Text;

/// One field of a protobuf message. Lengths and fixed-size numbers are given as their place in the message.
pub(super) enum Value {
    Varint(u64),
    Fixed(Range<usize>),
    Span(Range<usize>),
}

/// Walks the fields of a message, or of one nested in it, without decoding them.
pub(super) struct Fields<'a> {
    body: &'a Bytes,
    at: usize,
    end: usize,
}

impl<'a> Fields<'a> {
    pub(super) fn new(body: &'a Bytes, within: Range<usize>) -> Fields<'a> {
        Fields { body, at: within.start, end: within.end.min(body.len()) }
    }

    /// The next field's number and value; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Value)>, Error> {
        if self.at >= self.end {
            return Ok(None);
        }
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed(self.take(8)?),
            2 => {
                let length = self.varint()?;
                Value::Span(self.take(length)?)
            }
            5 => Value::Fixed(self.take(4)?),
            kind => return Err(broken(format!("a field has the unknown wire type {kind}"))),
        };
        match key >> 3 {
            0 => Err(broken("a field has the number 0".into())),
            number => Ok(Some((number, value))),
        }
    }

    /// The next varint; for packed numbers.
    pub(super) fn varint(&mut self) -> Result<u64, Error> {
        let mut value = 0;
        for shift in (0..70).step_by(7) {
            let byte = self.body.get(self.at).copied().filter(|_| self.at < self.end);
            let byte = byte.ok_or_else(|| broken("it ends within a number".into()))?;
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(broken("a number has more than ten bytes".into()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at >= self.end
    }

    fn take(&mut self, length: u64) -> Result<Range<usize>, Error> {
        let left = self.end - self.at;
        let length = usize::try_from(length).ok().filter(|&length| length <= left);
        let length = length.ok_or_else(|| broken(format!("a field is longer than the {left} bytes that are left")))?;
        let start = self.at;
        self.at += length;
        Ok(start..self.at)
    }
}

impl Value {
    pub(super) fn span(self) -> Result<Range<usize>, Error> {
        match self {
            Value::Span(range) => Ok(range),
            _ => Err(broken("a field of bytes is sent as a number".into())),
        }
    }

    pub(super) fn text(self, body: &Bytes) -> Result<Text, Error> {
        let range = self.span()?;
        Text::new(body.slice(range)).ok_or_else(|| broken("a name is not UTF-8 text".into()))
    }
}

pub(super) fn broken(detail: String) -> Error {
    Error::Malformed { what: "ModelInferRequest", detail }
}
