//! Messages as JSON, by proto3's mapping.

mod writer;

use std::collections::HashSet;
use std::fmt;

use prost_reflect::{DeserializeOptions, DynamicMessage, FieldDescriptor, MessageDescriptor};
use serde::Deserializer;

use self::writer::Writer;

/// What is wrong with a document, and where: `shelf.books[2].title`, empty for the document as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    pub field: String,
    pub text: String,
}

impl JsonError {
    pub fn new(field: impl Into<String>, text: impl Into<String>) -> JsonError {
        JsonError { field: field.into(), text: text.into() }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => f.write_str(&self.text),
            field => write!(f, "field '{field}': {}", self.text),
        }
    }
}

/// Which of a field's two names a document is written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// The name that the mapping gives it: `displayName`.
    Json,
    /// As the `.proto` has it: `display_name`.
    Original,
}

/// What a message and a value of a list take, about.
const MESSAGE: u64 = 768;
const VALUE: u64 = 64;
/// Documents that take less are not looked at more closely.
const LIGHT: u64 = 64 << 10;

const STRICT: DeserializeOptions = DeserializeOptions::new().deny_unknown_fields(true);

/// Reads a document. Fields may have either of their names; those that the message does not have are refused.
pub fn read(message: &MessageDescriptor, json: &[u8]) -> Result<DynamicMessage, JsonError> {
    let text = std::str::from_utf8(json).map_err(|_| JsonError::new("", "the document is not UTF-8"))?;
    let mut document = serde_json::Deserializer::from_str(text);
    let read = parse(message, &mut document).and_then(|message| document.end().map(|()| message));
    read.map_err(|error| locate(message, text, &error))
}

/// What reading a document as this message may take in memory at the most, beside its own text.
pub fn weight(message: &MessageDescriptor, json: &[u8]) -> u64 {
    let (messages, values) = count(json);
    let light = messages * MESSAGE + values * VALUE;
    match light > LIGHT && may_hold_own_forms(message) {
        true => (messages + values) * MESSAGE,
        false => light,
    }
}

/// Whether a message, or one that it may hold, has a form of its own: a single number may then be a whole message.
fn may_hold_own_forms(message: &MessageDescriptor) -> bool {
    let (mut known, mut next) = (HashSet::new(), vec![message.clone()]);
    while let Some(message) = next.pop() {
        if has_own_form(&message) {
            return true;
        }
        let inner = message.fields().filter_map(|field| field.kind().as_message().cloned());
        next.extend(inner.filter(|inner| known.insert(inner.full_name().to_owned())));
    }
    false
}

/// How many objects a document has, and how many other values, about.
fn count(json: &[u8]) -> (u64, u64) {
    let (mut messages, mut values, mut text, mut escaped) = (0, 0, false, false);
    for &byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = text,
            b'"' => text = !text,
            b'{' if !text => messages += 1,
            b',' | b'[' if !text => values += 1,
            _ => {}
        }
    }
    (messages, values)
}

fn parse<'de, D: Deserializer<'de>>(message: &MessageDescriptor, document: D) -> Result<DynamicMessage, D::Error> {
    DynamicMessage::deserialize_with_options(message.clone(), document, &STRICT)
}

/// Reads once more to find the field at fault: to keep track of where one is costs more than to read.
fn locate(message: &MessageDescriptor, text: &str, error: &serde_json::Error) -> JsonError {
    let mut document = serde_json::Deserializer::from_str(text);
    let mut track = serde_path_to_error::Track::new();
    let read = parse(message, serde_path_to_error::Deserializer::new(&mut document, &mut track));
    let path = track.path().to_string();
    let known = read.is_err() && path != "." && !error.is_syntax() && !error.is_eof();
    JsonError::new(if known { path } else { String::new() }, error.to_string())
}

/// Writes a message. It fails for what the mapping has no form for: an `Any` of an unknown type, a time out of range.
pub fn write(out: &mut Vec<u8>, message: &DynamicMessage, names: Names) -> Result<(), JsonError> {
    let before = out.len();
    Writer::new(out, names, false).message(message).map_err(|text| {
        out.truncate(before);
        JsonError::new("", text)
    })
}

/// Writes a message with original names, and with the defaults of fields that have no presence.
pub fn write_full(out: &mut Vec<u8>, message: &DynamicMessage) -> Result<(), JsonError> {
    Writer::new(out, Names::Original, true).message(message).map_err(|text| JsonError::new("", text))
}

/// Writes one field of a message as its own document: its default if it is not set, `null` where it has none.
pub fn write_field(
    out: &mut Vec<u8>,
    message: &DynamicMessage,
    field: &FieldDescriptor,
    names: Names,
) -> Result<(), JsonError> {
    if field.supports_presence() && !message.has_field(field) {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    Writer::new(out, names, true).field(message, field).map_err(|text| JsonError::new(field.name(), text))
}

/// Whether the mapping has a form of its own for a type, which may be no object.
pub fn has_own_form(message: &MessageDescriptor) -> bool {
    let name = message.full_name().strip_prefix("google.protobuf.").unwrap_or_default();
    let known = ["Any", "Timestamp", "Duration", "FieldMask", "Struct", "ListValue", "Value", "Empty"];
    known.contains(&name) || super::text::is_wrapper(message)
}
