use std::fmt::Display;
use std::ops::Range;

use bytes::Bytes;
use salver_core::{Error, Result};

use crate::text::Text;

/// The wire types of a group's two ends.
const GROUP: u64 = 3;
const END_OF_GROUP: u64 = 4;

/// The most groups within one another.
const DEEPEST: usize = 32;

/// One field of a protobuf message. Bytes and fixed-size numbers are given as their place in the message.
#[derive(Debug)]
pub(crate) enum Value {
    Varint(u64),
    Fixed(Range<usize>),
    Span(Range<usize>),
    /// The fields between the two ends of a group.
    Group(Range<usize>),
}

/// Walks the fields of a message, or of one nested in it, without decoding them.
#[derive(Clone)]
pub(crate) struct Fields<'a> {
    /// The name of the outermost message, for errors.
    message: &'static str,
    body: &'a Bytes,
    at: usize,
    end: usize,
}

impl<'a> Fields<'a> {
    /// The fields of a whole message.
    pub(crate) fn new(message: &'static str, body: &'a Bytes) -> Fields<'a> {
        Fields { message, body, at: 0, end: body.len() }
    }

    /// The fields of a message nested in the same buffer, or the numbers of a packed field.
    pub(crate) fn within(&self, range: Range<usize>) -> Fields<'a> {
        Fields { message: self.message, body: self.body, at: range.start, end: range.end.min(self.body.len()) }
    }

    /// The next field's number and value; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Value)>> {
        if self.at >= self.end {
            return Ok(None);
        }
        let (number, kind) = self.key()?;
        let value = match kind {
            GROUP => Value::Group(self.group(number)?),
            kind => self.value(kind)?,
        };
        Ok(Some((number, value)))
    }

    fn key(&mut self) -> Result<(u64, u64)> {
        let key = self.varint()?;
        match key >> 3 {
            0 => Err(self.broken("a field has the number 0")),
            number => Ok((number, key & 7)),
        }
    }

    fn value(&mut self, kind: u64) -> Result<Value> {
        match kind {
            0 => Ok(Value::Varint(self.varint()?)),
            1 => Ok(Value::Fixed(self.take(8)?)),
            2 => {
                let length = self.varint()?;
                Ok(Value::Span(self.take(length)?))
            }
            5 => Ok(Value::Fixed(self.take(4)?)),
            END_OF_GROUP => Err(self.broken("a group ends that has not begun")),
            kind => Err(self.broken(format!("a field has the unknown wire type {kind}"))),
        }
    }

    /// Walks to the end of a group that has begun.
    fn group(&mut self, number: u64) -> Result<Range<usize>> {
        let (start, mut open) = (self.at, vec![number]);
        loop {
            let end = self.at;
            match self.key()? {
                (number, GROUP) if open.len() < DEEPEST => open.push(number),
                (_, GROUP) => return Err(self.broken(format!("more than {DEEPEST} groups are within one another"))),
                (number, END_OF_GROUP) if open.last() == Some(&number) => {
                    open.pop();
                    if open.is_empty() {
                        return Ok(start..end);
                    }
                }
                (_, kind) => {
                    self.value(kind)?;
                }
            }
        }
    }

    /// The next varint; for packed numbers.
    pub(crate) fn varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..70).step_by(7) {
            let byte = self.body.get(self.at).copied().filter(|_| self.at < self.end);
            let byte = byte.ok_or_else(|| self.broken("it ends within a number"))?;
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return match shift == 63 && byte > 1 {
                    true => Err(self.broken("a number has more than 64 bits")),
                    false => Ok(value),
                };
            }
        }
        Err(self.broken("a number has more than ten bytes"))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.at >= self.end
    }

    /// Where what was not walked yet is.
    pub(crate) fn rest(&self) -> Range<usize> {
        self.at..self.end
    }

    /// Bytes at a place in the message, sharing its buffer.
    pub(crate) fn slice(&self, range: Range<usize>) -> Bytes {
        self.body.slice(range)
    }

    /// The place of a field of bytes, text or a message.
    pub(crate) fn span(&self, value: Value) -> Result<Range<usize>> {
        match value {
            Value::Span(range) => Ok(range),
            _ => Err(self.broken("a field of bytes is sent as a number")),
        }
    }

    /// A field of bytes, which share the message's buffer.
    pub(crate) fn bytes(&self, value: Value) -> Result<Bytes> {
        Ok(self.slice(self.span(value)?))
    }

    pub(crate) fn text(&self, value: Value) -> Result<Text> {
        Text::new(self.bytes(value)?).ok_or_else(|| self.broken("a name is not UTF-8 text"))
    }

    /// The fields of a message, in whichever of the two ways it is sent.
    pub(crate) fn nested(&self, value: Value) -> Result<Fields<'a>> {
        match value {
            Value::Group(range) => Ok(self.within(range)),
            value => Ok(self.within(self.span(value)?)),
        }
    }

    pub(crate) fn number(&self, value: Value) -> Result<u64> {
        match value {
            Value::Varint(number) => Ok(number),
            _ => Err(self.broken("a number is sent as bytes")),
        }
    }

    pub(crate) fn broken(&self, detail: impl Display) -> Error {
        Error::malformed(self.message, detail)
    }

    fn take(&mut self, length: u64) -> Result<Range<usize>> {
        let left = self.end - self.at;
        let length = usize::try_from(length).ok().filter(|&length| length <= left);
        let length =
            length.ok_or_else(|| self.broken(format!("a field is longer than the {left} bytes that are left")))?;
        let start = self.at;
        self.at += length;
        Ok(start..self.at)
    }
}
