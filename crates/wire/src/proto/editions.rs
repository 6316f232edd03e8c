//! Descriptors of files with editions, in the older words for the same.
//!
//! Generated code may come from such a file, and what reads descriptors here knows `proto2` and `proto3` alone. A file
//! of an edition says what one of `proto2` does, but for how messages within messages are sent, if it asks for that,
//! and for defaults that make no difference to who reads and writes both ways.

use bytes::Bytes;
use prost_reflect::DescriptorPool;
use salver_core::{Error, Result};

use crate::protobuf::write::{key, varint};
use crate::protobuf::{Fields, Value};

const WHAT: &str = "FileDescriptorSet";

/// Numbers of fields in google/protobuf/descriptor.proto.
mod numbers {
    pub const SET_FILE: u64 = 1;
    pub const FILE_MESSAGE: u64 = 4;
    pub const FILE_EXTENSION: u64 = 7;
    pub const FILE_OPTIONS: u64 = 8;
    pub const FILE_SYNTAX: u64 = 12;
    pub const FILE_EDITION: u64 = 14;
    pub const FILE_FEATURES: u64 = 50;
    pub const MESSAGE_FIELD: u64 = 2;
    pub const MESSAGE_NESTED: u64 = 3;
    pub const MESSAGE_EXTENSION: u64 = 6;
    pub const MESSAGE_OPTIONS: u64 = 7;
    pub const MESSAGE_FEATURES: u64 = 12;
    pub const FIELD_TYPE: u64 = 5;
    pub const FIELD_OPTIONS: u64 = 8;
    pub const FIELD_FEATURES: u64 = 21;
    pub const FEATURE_ENCODING: u64 = 5;
}

const DELIMITED: u64 = 2;
const GROUP: u64 = 10;
const MESSAGE: u64 = 11;

/// The descriptors in an encoded `FileDescriptorSet`.
pub fn pool(set: &Bytes) -> Result<DescriptorPool> {
    let lowered = rewritten(Fields::new(WHAT, set), &|number, value, fields, out| match number {
        numbers::SET_FILE => file(fields.nested(value)?, out).map(|()| true),
        _ => Ok(false),
    })?;
    DescriptorPool::decode(lowered.as_slice()).map_err(|error| Error::malformed(WHAT, error))
}

fn file(fields: Fields<'_>, out: &mut Vec<u8>) -> Result<()> {
    let syntax = last(&fields, numbers::FILE_SYNTAX)?;
    let syntax = syntax.map(|value| fields.bytes(value)).transpose()?.unwrap_or_default();
    if syntax != "editions" {
        return enclosed(out, numbers::SET_FILE, &fields.slice(fields.rest()));
    }
    let groups = encoding(&fields, numbers::FILE_OPTIONS, numbers::FILE_FEATURES)?.unwrap_or(false);
    let file = rewritten(fields, &|number, value, fields, out| match number {
        numbers::FILE_SYNTAX | numbers::FILE_EDITION => Ok(true),
        numbers::FILE_MESSAGE => message(fields.nested(value)?, groups, number, out).map(|()| true),
        numbers::FILE_EXTENSION => field(fields.nested(value)?, groups, number, out).map(|()| true),
        _ => Ok(false),
    })?;
    enclosed(out, numbers::SET_FILE, &file)
}

/// Writes a message; `groups` says whether messages in it are sent as groups, where nothing nearer says otherwise.
fn message(fields: Fields<'_>, groups: bool, place: u64, out: &mut Vec<u8>) -> Result<()> {
    let groups = encoding(&fields, numbers::MESSAGE_OPTIONS, numbers::MESSAGE_FEATURES)?.unwrap_or(groups);
    let written = rewritten(fields, &|number, value, fields, out| match number {
        numbers::MESSAGE_NESTED => message(fields.nested(value)?, groups, number, out).map(|()| true),
        numbers::MESSAGE_FIELD | numbers::MESSAGE_EXTENSION => {
            field(fields.nested(value)?, groups, number, out).map(|()| true)
        }
        _ => Ok(false),
    })?;
    enclosed(out, place, &written)
}

fn field(fields: Fields<'_>, groups: bool, place: u64, out: &mut Vec<u8>) -> Result<()> {
    let groups = encoding(&fields, numbers::FIELD_OPTIONS, numbers::FIELD_FEATURES)?.unwrap_or(groups);
    let written = rewritten(fields, &|number, value, _, out| match (number, value) {
        (numbers::FIELD_TYPE, Value::Varint(MESSAGE)) if groups => {
            varint(out, numbers::FIELD_TYPE << 3);
            varint(out, GROUP);
            Ok(true)
        }
        _ => Ok(false),
    })?;
    enclosed(out, place, &written)
}

/// Whether features in the options of a descriptor say that messages are sent as groups, if they say anything.
fn encoding(fields: &Fields<'_>, options: u64, features: u64) -> Result<Option<bool>> {
    let mut found = None;
    for way in [options, features].iter().try_fold(vec![fields.clone()], |within, &number| nested(within, number))? {
        if let Some(value) = last(&way, numbers::FEATURE_ENCODING)? {
            found = Some(way.number(value)? == DELIMITED);
        }
    }
    Ok(found)
}

/// All messages that messages have as this field.
fn nested<'a>(messages: Vec<Fields<'a>>, number: u64) -> Result<Vec<Fields<'a>>> {
    let mut found = Vec::new();
    for mut fields in messages {
        while let Some((other, value)) = fields.next()? {
            if other == number {
                found.push(fields.nested(value)?);
            }
        }
    }
    Ok(found)
}

fn last(fields: &Fields<'_>, number: u64) -> Result<Option<Value>> {
    let (mut fields, mut found) = (fields.clone(), None);
    while let Some((other, value)) = fields.next()? {
        if other == number {
            found = Some(value);
        }
    }
    Ok(found)
}

/// Writes what it says in the place of a field; `false` leaves the field as it is.
type Rewrite<'r> = &'r dyn Fn(u64, Value, &Fields<'_>, &mut Vec<u8>) -> Result<bool>;

fn rewritten(mut fields: Fields<'_>, rewrite: Rewrite<'_>) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(fields.rest().len());
    loop {
        let before = fields.rest().start;
        let Some((number, value)) = fields.next()? else { return Ok(out) };
        if !rewrite(number, value, &fields, &mut out)? {
            out.extend_from_slice(&fields.slice(before..fields.rest().start));
        }
    }
}

fn enclosed(out: &mut Vec<u8>, number: u64, content: &[u8]) -> Result<()> {
    key(out, number as usize, content.len());
    out.extend_from_slice(content);
    Ok(())
}
