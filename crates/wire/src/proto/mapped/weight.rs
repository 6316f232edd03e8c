use prost_reflect::{Kind, MessageDescriptor};
use salver_core::Result;

use crate::protobuf::{Fields, Value};

/// The most that messages may come to before they are parsed, in the size of one value; some hundred megabytes.
const MOST: usize = 4 << 20;

/// What a message with fields takes, in the same.
const MESSAGE: usize = 16;

/// Parsers go no deeper.
const DEEPEST: usize = 100;

/// Refuses a message that would take very much more memory when it is parsed than it does now: a few bytes may be a
/// message within it, and one byte a number.
pub(super) fn check(message: &MessageDescriptor, fields: Fields<'_>) -> Result<()> {
    let mut left = MOST;
    weigh(message, fields, DEEPEST, &mut left)
}

fn weigh(message: &MessageDescriptor, mut fields: Fields<'_>, depth: usize, left: &mut usize) -> Result<()> {
    while let Some((number, value)) = fields.next()? {
        let kind = u32::try_from(number).ok().and_then(|number| message.get_field(number)).map(|field| field.kind());
        let (weight, inner) = match (kind, value) {
            (Some(Kind::Message(inner)), Value::Span(range) | Value::Group(range)) => (MESSAGE, Some((inner, range))),
            // It has no more values than bytes.
            (_, Value::Group(range)) => (range.len() + 1, None),
            (Some(Kind::String | Kind::Bytes) | None, _) | (_, Value::Varint(_) | Value::Fixed(_)) => (1, None),
            (Some(_), Value::Span(range)) => (range.len(), None),
        };
        let too_many = || fields.broken("it has too many values to be shown as a document; send it in several calls");
        *left = left.checked_sub(weight).ok_or_else(too_many)?;
        if let Some((inner, range)) = inner.filter(|_| depth > 0) {
            weigh(&inner, fields.within(range), depth - 1, left)?;
        }
    }
    Ok(())
}
