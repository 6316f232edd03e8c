use std::io::Write;

use base64::display::Base64Display;
use base64::prelude::BASE64_STANDARD;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage, SerializeOptions, Value,
};
use serde::Serialize;

use super::{has_own_form, Names};
use crate::proto::text::is_wrapper;

/// Messages in an `Any` are not bounded by how deep a message may be.
const MOST_DEPTH: usize = 256;

/// Writes messages, and parts of them, behind what is there. The error is why one has no form, in a clause.
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    names: Names,
    /// Whether fields without presence are written when they have their default.
    full: bool,
    depth: usize,
}

type Written = Result<(), String>;

impl<'a> Writer<'a> {
    pub fn new(out: &'a mut Vec<u8>, names: Names, full: bool) -> Writer<'a> {
        Writer { out, names, full, depth: 0 }
    }

    pub fn message(&mut self, message: &DynamicMessage) -> Written {
        if self.depth == MOST_DEPTH {
            return Err(format!("its messages are nested more than {MOST_DEPTH} deep"));
        }
        self.depth += 1;
        let descriptor = message.descriptor();
        let written = match descriptor.full_name() {
            _ if is_wrapper(&descriptor) => self.first(message, &descriptor),
            "google.protobuf.Struct" | "google.protobuf.ListValue" => self.first(message, &descriptor),
            "google.protobuf.Value" => self.any_value(message),
            "google.protobuf.Any" => self.any(message, &descriptor),
            "google.protobuf.Timestamp" | "google.protobuf.Duration" | "google.protobuf.FieldMask" => {
                let mut document = serde_json::Serializer::new(&mut *self.out);
                message.serialize_with_options(&mut document, &SerializeOptions::new()).map_err(told)
            }
            _ => self.between(b"{}", |writer| writer.fields(message, &descriptor, true)),
        };
        self.depth -= 1;
        written
    }

    /// A field's value, set or not.
    pub fn field(&mut self, message: &DynamicMessage, field: &FieldDescriptor) -> Written {
        self.value(&field.kind(), &message.get_field(field))
    }

    /// The only field of a message that is but its value.
    fn first(&mut self, message: &DynamicMessage, descriptor: &MessageDescriptor) -> Written {
        let field = descriptor.get_field(1).ok_or("it has no value")?;
        self.field(message, &field)
    }

    fn fields(&mut self, message: &DynamicMessage, descriptor: &MessageDescriptor, mut first: bool) -> Written {
        for field in descriptor.fields() {
            if message.has_field(&field) || self.full && !field.supports_presence() {
                let name = if self.names == Names::Original { field.name() } else { field.json_name() };
                self.comma(&mut first);
                self.plain(name)?;
                self.out.push(b':');
                self.field(message, &field)?;
            }
        }
        for (extension, value) in message.extensions() {
            self.comma(&mut first);
            self.plain(extension.json_name())?;
            self.out.push(b':');
            self.value(&extension.kind(), value)?;
        }
        Ok(())
    }

    fn value(&mut self, kind: &Kind, value: &Value) -> Written {
        match value {
            Value::I64(number) => self.quoted(number),
            Value::U64(number) => self.quoted(number),
            Value::F32(number) if !number.is_finite() => self.quoted(&name_of(f64::from(*number))),
            Value::F64(number) if !number.is_finite() => self.quoted(&name_of(*number)),
            Value::Bool(value) => self.plain(value),
            Value::I32(number) => self.plain(number),
            Value::U32(number) => self.plain(number),
            Value::F32(number) => self.plain(number),
            Value::F64(number) => self.plain(number),
            Value::String(text) => self.plain(text),
            Value::Bytes(bytes) => self.quoted(&Base64Display::new(bytes, &BASE64_STANDARD)),
            Value::EnumNumber(number) => self.name(kind, *number),
            Value::Message(message) => self.message(message),
            Value::List(values) => self.between(b"[]", |writer| {
                let mut first = true;
                values.iter().try_for_each(|value| {
                    writer.comma(&mut first);
                    writer.value(kind, value)
                })
            }),
            Value::Map(entries) => {
                let kind = kind.as_message().ok_or("a map of no entries")?.map_entry_value_field().kind();
                let mut entries: Vec<(&MapKey, &Value)> = entries.iter().collect();
                entries.sort_unstable_by_key(|(key, _)| *key);
                self.between(b"{}", |writer| {
                    let mut first = true;
                    entries.into_iter().try_for_each(|(key, value)| {
                        writer.comma(&mut first);
                        writer.key(key)?;
                        writer.out.push(b':');
                        writer.value(&kind, value)
                    })
                })
            }
        }
    }

    fn key(&mut self, key: &MapKey) -> Written {
        match key {
            MapKey::Bool(key) => self.quoted(key),
            MapKey::I32(key) => self.quoted(key),
            MapKey::I64(key) => self.quoted(key),
            MapKey::U32(key) => self.quoted(key),
            MapKey::U64(key) => self.quoted(key),
            MapKey::String(key) => self.plain(key),
        }
    }

    fn name(&mut self, kind: &Kind, number: i32) -> Written {
        let names = kind.as_enum().ok_or("an enumeration that is none")?;
        match names.get_value(number) {
            _ if names.full_name() == "google.protobuf.NullValue" => self.plain(&()),
            Some(value) => self.plain(value.name()),
            None => self.plain(&number),
        }
    }

    /// A value of JSON's own; none that is not set is null.
    fn any_value(&mut self, message: &DynamicMessage) -> Written {
        match message.fields().next() {
            Some((_, Value::F64(number))) if !number.is_finite() => {
                Err(format!("a google.protobuf.Value of {} has no form", name_of(*number)))
            }
            Some((field, value)) => self.value(&field.kind(), value),
            None => self.plain(&()),
        }
    }

    /// A message with the name of its type. One that was never packed has none.
    fn any(&mut self, any: &DynamicMessage, descriptor: &MessageDescriptor) -> Written {
        let part = |number| descriptor.get_field(number).map(|field| any.get_field(&field).into_owned());
        let (Some(Value::String(url)), Some(Value::Bytes(bytes))) = (part(1), part(2)) else {
            return Err("a google.protobuf.Any of its own kind".into());
        };
        if url.is_empty() && bytes.is_empty() {
            self.out.extend_from_slice(b"{}");
            return Ok(());
        }
        let (_, name) = url.rsplit_once('/').ok_or_else(|| format!("'{url}' is no URL of a type"))?;
        let inner = descriptor.parent_pool().get_message_by_name(name);
        let inner = inner.ok_or_else(|| format!("message '{name}' not found"))?;
        let packed = DynamicMessage::decode(inner.clone(), bytes).map_err(told)?;
        self.between(b"{}", |writer| {
            writer.out.extend_from_slice(b"\"@type\":");
            writer.plain(&url)?;
            match has_own_form(&inner) {
                true => {
                    writer.out.extend_from_slice(b",\"value\":");
                    writer.message(&packed)
                }
                false => writer.fields(&packed, &inner, false),
            }
        })
    }

    fn between(&mut self, [open, close]: &[u8; 2], write: impl FnOnce(&mut Self) -> Written) -> Written {
        self.out.push(*open);
        write(self)?;
        self.out.push(*close);
        Ok(())
    }

    fn comma(&mut self, first: &mut bool) {
        if !std::mem::take(first) {
            self.out.push(b',');
        }
    }

    fn plain<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        serde_json::to_writer(&mut *self.out, value).map_err(told)
    }

    /// What needs no escapes.
    fn quoted(&mut self, value: &impl std::fmt::Display) -> Written {
        write!(self.out, "\"{value}\"").map_err(told)
    }
}

/// What numbers are called that JSON has none for.
fn name_of(number: f64) -> &'static str {
    match number {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    }
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
