//! Rows of outputs as fields of replies.

use bytes::Bytes;
use prost::Message as _;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use salver_core::{DType, Port, Tensor};

use super::field::{Form, Leaf, WHOLE};
use super::number::{same_layout, wire_type, Number};
use crate::numbers::write_string;
use crate::proto::json;
use crate::protobuf::write::{key, varint};

/// The place of what says how a call ended.
const STATUS: &str = "@status";

/// Where an output goes.
#[derive(Clone, Debug)]
pub(super) enum Output {
    /// It is the message as its bytes.
    Whole,
    WholeDocument,
    /// It says how the call ended.
    Status,
    Field(Box<Leaf>),
}

impl Output {
    /// Finds out how an output is a field of the reply. Why it cannot be, in a clause.
    pub fn new(message: &MessageDescriptor, path: &str, port: &Port) -> Result<Output, String> {
        match path {
            WHOLE if port.json => Ok(Output::WholeDocument),
            WHOLE if port.dtype == Some(DType::Bytes) => Ok(Output::Whole),
            WHOLE => Err(format!("only bytes or a document can be the whole message, which '{}' is not", port.name)),
            STATUS if port.dtype.is_some_and(DType::is_variable) => Ok(Output::Status),
            STATUS => Err(format!("a status is text, which '{}' is not", port.name)),
            path => Leaf::new(message, path, port).map(|leaf| Output::Field(Box::new(leaf))),
        }
    }

    pub fn is_whole(&self) -> bool {
        matches!(self, Output::Whole | Output::WholeDocument)
    }

    pub fn is_status(&self) -> bool {
        matches!(self, Output::Status)
    }

    /// Appends a row, whose leading dimension is 1, to an encoded reply. Why it cannot be, in a clause.
    pub fn write(&self, reply: &MessageDescriptor, row: &Tensor, out: &mut Vec<u8>) -> Result<(), String> {
        match self {
            Output::Status => Ok(()),
            Output::Whole => {
                out.extend_from_slice(value(row)?);
                Ok(())
            }
            Output::WholeDocument => {
                let message = json::read(reply, value(row)?).map_err(|error| error.to_string())?;
                out.extend_from_slice(&message.encode_to_vec());
                Ok(())
            }
            Output::Field(leaf) => leaf.write(row, out),
        }
    }
}

impl Leaf {
    fn write(&self, row: &Tensor, out: &mut Vec<u8>) -> Result<(), String> {
        let (number, way) = self.numbers.split_last().ok_or("a way to nothing")?;
        let field = self.path.leaf();
        if way.is_empty() && !self.wrapped {
            return write(&self.form, field, *number, row, out);
        }
        let mut inner = Vec::new();
        match self.wrapped {
            true => {
                let mut value = Vec::new();
                write(&self.form, field, 1, row, &mut value)?;
                enclose(*number, &value, &mut inner);
            }
            false => write(&self.form, field, *number, row, &mut inner)?,
        }
        // Messages that are written more than once are put together by whoever reads them.
        let wrapped = way.iter().rev().fold(inner, |inner, &outer| {
            let mut message = Vec::with_capacity(inner.len() + 8);
            enclose(outer, &inner, &mut message);
            message
        });
        out.extend_from_slice(&wrapped);
        Ok(())
    }
}

/// Writes a row as a field with this number.
fn write(form: &Form, field: &FieldDescriptor, number: u32, row: &Tensor, out: &mut Vec<u8>) -> Result<(), String> {
    match form {
        Form::Message => enclose(number, value(row)?, out),
        Form::Document => write_document(field, value(row)?, out)?,
        Form::Number(kind) => write_number(kind, field, number, row, out)?,
        Form::Numbers(kind) => write_numbers(kind, number, row, out)?,
        Form::Text(text) => {
            let value = checked(value(row)?, *text)?;
            if !value.is_empty() || field.supports_presence() {
                enclose(number, value, out);
            }
        }
        Form::Texts(text) => write_texts(*text, number, row, out)?,
        Form::Name(kind) => {
            let value = value_named(kind, value(row)?)?;
            varint(out, u64::from(number) << 3);
            varint(out, i64::from(value) as u64);
        }
        Form::Elements => {
            if row.dtype().size().is_none() {
                return Err(format!("it is {}, and the field has the elements of a tensor", row.dtype()));
            }
            enclose(number, row.bytes(), out);
        }
        Form::Tensor { shape, values } => enclose(number, &tensor(shape, values, row)?, out),
    }
    Ok(())
}

/// The message that a row is which says its own shape.
fn tensor(shape: &FieldDescriptor, values: &FieldDescriptor, row: &Tensor) -> Result<Vec<u8>, String> {
    let (mut message, mut lengths) = (Vec::new(), Vec::new());
    for &length in row.shape().row() {
        let length = Number::Int(length as i128);
        length.write_value(&shape.kind(), &mut lengths).ok_or("its shape is too large")?;
    }
    enclose(shape.number(), &lengths, &mut message);
    match values.kind() {
        kind @ (Kind::String | Kind::Bytes) => {
            write_texts(kind == Kind::String, values.number(), row, &mut message)?;
        }
        kind => write_numbers(&kind, values.number(), row, &mut message)?,
    }
    Ok(message)
}

fn write_texts(text: bool, number: u32, row: &Tensor, out: &mut Vec<u8>) -> Result<(), String> {
    if row.dtype().size().is_some() {
        return Err(format!("it is {}, and the field is text", row.dtype()));
    }
    row.values().iter().try_for_each(|value| checked(value, text).map(|value| enclose(number, value, out)))
}

/// A value of a field, which must be UTF-8 if it is one of text.
fn checked(value: &[u8], text: bool) -> Result<&[u8], String> {
    match text && std::str::from_utf8(value).is_err() {
        true => Err("it is not UTF-8 text".into()),
        false => Ok(value),
    }
}

/// The number of an enumeration's value.
fn value_named(kind: &Kind, name: &[u8]) -> Result<i32, String> {
    let name = std::str::from_utf8(name).map_err(|_| "it is not UTF-8 text")?;
    let names = kind.as_enum().ok_or("an enumeration that is none")?;
    let known = names.get_value_by_name(name);
    known.map(|known| known.number()).ok_or_else(|| format!("'{name}' is no value of {}", names.full_name()))
}

fn write_number(
    kind: &Kind,
    field: &FieldDescriptor,
    number: u32,
    row: &Tensor,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    let one = numbers(row).next().filter(|_| row.shape().elements() == Some(1));
    let one =
        one.ok_or_else(|| format!("it is a tensor of shape {:?}, and the field is one number", row.shape().row()))?;
    if !one.is_default() || field.supports_presence() {
        varint(out, u64::from(number) << 3 | wire_type(kind));
        one.write_value(kind, out).ok_or_else(|| format!("{one} is no {kind:?}"))?;
    }
    Ok(())
}

fn write_numbers(kind: &Kind, number: u32, row: &Tensor, out: &mut Vec<u8>) -> Result<(), String> {
    if row.dtype().size().is_none() {
        return Err(format!("it is {}, and the field is {kind:?}", row.dtype()));
    }
    if same_layout(kind, row.dtype()) {
        if !row.bytes().is_empty() {
            enclose(number, row.bytes(), out);
        }
        return Ok(());
    }
    let mut packed = Vec::with_capacity(row.bytes().len());
    for one in numbers(row) {
        one.write_value(kind, &mut packed).ok_or_else(|| format!("{one} is no {kind:?}"))?;
    }
    if !packed.is_empty() {
        enclose(number, &packed, out);
    }
    Ok(())
}

/// Writes the field that a document is: its name and the document are one of the message that has the field.
fn write_document(field: &FieldDescriptor, document: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    // Only what is one document may be put into another.
    serde_json::from_slice::<serde::de::IgnoredAny>(document).map_err(|error| format!("it is not JSON: {error}"))?;
    let mut member = Vec::with_capacity(document.len() + 32);
    member.push(b'{');
    write_string(&mut member, field.name());
    member.push(b':');
    member.extend_from_slice(document);
    member.push(b'}');
    let message = json::read(field.parent_message(), &member).map_err(|error| error.to_string())?;
    out.extend_from_slice(&message.encode_to_vec());
    Ok(())
}

/// Writes a field of bytes, text or a message.
fn enclose(number: u32, content: &[u8], out: &mut Vec<u8>) {
    key(out, number as usize, content.len());
    out.extend_from_slice(content);
}

/// The only value of a row of text or bytes; all bytes of one of uint8.
pub(super) fn value(row: &Tensor) -> Result<&[u8], String> {
    match (row.values(), row.dtype()) {
        ([value], _) => Ok(value),
        ([], DType::U8) => Ok(row.bytes()),
        _ => Err(format!("it is {} of shape {:?}, and not a single text", row.dtype(), row.shape().row())),
    }
}

fn numbers(row: &Tensor) -> impl Iterator<Item = Number> + '_ {
    let dtype = row.dtype();
    row.bytes().chunks_exact(dtype.size().unwrap_or(1)).filter_map(move |bytes| Number::of_element(dtype, bytes))
}

/// The message as it is, if that is all that an output is.
pub(super) fn shared(output: &Output, row: &Tensor) -> Option<Bytes> {
    match (output, row.values()) {
        (Output::Whole, [value]) => Some(value.clone()),
        _ => None,
    }
}
