//! Examples as JSON objects, written as the serialized `Example`s that models take.

use bytes::Bytes;
use salver_core::{Error, Result};

use super::document::{Document, Member};
use super::values::{base64_object, base64_text, has_fraction, kind_here, lossy, special};
use super::walk::{Items, Members};
use crate::leading::bad_request;
use crate::numbers::{unescaped, Scan};
use crate::protobuf::write::{field_size, key, text, text_size, varint};
use crate::tensorflow::examples::Examples;

/// Reads `context`, if there is one, and `examples`.
pub(super) fn read(document: &Document, message: usize) -> Result<Examples> {
    let mut read = Examples::none(message);
    if let Some(context) = document.get(Member::Context) {
        read.set_context(example(&mut Scan::new(context))?);
    }
    let examples = document
        .get(Member::Examples)
        .ok_or_else(|| document.wrong("When method is classify, key 'examples' is expected and was not found"))?;
    let mut scan = Scan::new(examples);
    if scan.peek() != Some(b'[') {
        return Err(document.wrong("Expecting 'examples' value to be an list/array"));
    }
    let mut items = Items::default();
    if !items.next(&mut scan)? {
        return Err(document.wrong("'examples' value is an empty array"));
    }
    loop {
        read.push(example(&mut scan)?)?;
        if !items.next(&mut scan)? {
            return Ok(read);
        }
    }
}

/// An object of features as an `Example`.
fn example(scan: &mut Scan<'_>) -> Result<Bytes> {
    if scan.peek() != Some(b'{') {
        return Err(bad_request(format!("Example must be JSON object but got JSON {}", kind_here(scan))));
    }
    let (mut features, mut members) = (Vec::new(), Members::default());
    while let Some(name) = members.next(scan)? {
        let feature = Feature::read(&name, scan)?.written();
        key(&mut features, 1, text_size(1, name.len()) + field_size(2, feature.len()));
        text(&mut features, 1, name.as_ref());
        key(&mut features, 2, feature.len());
        features.extend_from_slice(&feature);
    }
    let mut out = Vec::with_capacity(features.len() + 8);
    key(&mut out, 1, features.len());
    out.extend_from_slice(&features);
    Ok(out.into())
}

/// The values of one feature, which must be of one kind.
struct Feature<'n> {
    name: &'n str,
    kind: Option<Kind>,
    /// The list's content: values of bytes with their lengths, or packed numbers.
    content: Vec<u8>,
}

/// The kinds that there are, by their field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bytes = 1,
    Float = 2,
    Int64 = 3,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Kind::Bytes => "bytes",
            Kind::Float => "float",
            Kind::Int64 => "int64",
        }
    }
}

impl<'n> Feature<'n> {
    /// Reads a value, or a list of them.
    fn read(name: &'n str, scan: &mut Scan<'_>) -> Result<Feature<'n>> {
        let mut feature = Feature { name, kind: None, content: Vec::new() };
        if scan.peek() != Some(b'[') {
            feature.value(scan)?;
            return Ok(feature);
        }
        let mut items = Items::default();
        while items.next(scan)? {
            feature.value(scan)?;
        }
        Ok(feature)
    }

    fn value(&mut self, scan: &mut Scan<'_>) -> Result<()> {
        match scan.peek() {
            Some(b'"') => {
                let value = scan.string().and_then(|(value, escaped)| unescaped(value, escaped));
                let value = value.ok_or_else(|| self.odd(scan))?;
                self.bytes(value.as_bytes())
            }
            Some(b'{') if base64_text(scan).is_some() => {
                let value = base64_object(scan)?;
                self.bytes(&value)
            }
            Some(b't' | b'f') => {
                let truth = scan.word("true");
                scan.word("false");
                self.int64(i64::from(truth))
            }
            Some(b'n' | b'[' | b'{') | None => Err(self.odd(scan)),
            Some(_) => self.number(scan),
        }
    }

    fn number(&mut self, scan: &mut Scan<'_>) -> Result<()> {
        if let Some(special) = special(scan) {
            return self.float(special);
        }
        let number = scan.number().ok_or_else(|| self.odd(scan))?;
        let whole = number.text.parse::<i64>().ok().filter(|_| !has_fraction(&number));
        match whole {
            Some(whole) => self.int64(whole),
            None if !has_fraction(&number) && number.text.parse::<u64>().is_ok() => {
                let name = self.name;
                Err(bad_request(format!("Feature: {name} has uint64 element. Only int64 is supported.")))
            }
            None => {
                let value = number.single().filter(|value| value.is_finite());
                self.float(value.ok_or_else(|| lossy(number.text, "float"))?)
            }
        }
    }

    fn bytes(&mut self, value: &[u8]) -> Result<()> {
        self.be(Kind::Bytes)?;
        key(&mut self.content, 1, value.len());
        self.content.extend_from_slice(value);
        Ok(())
    }

    fn float(&mut self, value: f32) -> Result<()> {
        self.be(Kind::Float)?;
        self.content.extend_from_slice(&value.to_le_bytes());
        Ok(())
    }

    fn int64(&mut self, value: i64) -> Result<()> {
        self.be(Kind::Int64)?;
        varint(&mut self.content, value as u64);
        Ok(())
    }

    fn be(&mut self, kind: Kind) -> Result<()> {
        let wanted = *self.kind.get_or_insert(kind);
        match wanted == kind {
            true => Ok(()),
            false => Err(bad_request(format!(
                "Unexpected element type in feature: {} expecting type: {}",
                self.name,
                wanted.name()
            ))),
        }
    }

    fn odd(&self, scan: &Scan<'_>) -> Error {
        let (name, kind) = (self.name, kind_here(&mut scan.clone()));
        bad_request(format!("Feature: {name} has element with unexpected JSON type: {kind}"))
    }

    /// A `Feature` message; one without values is empty.
    fn written(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.content.len() + 8);
        match self.kind {
            None => {}
            Some(Kind::Bytes) => {
                key(&mut out, Kind::Bytes as usize, self.content.len());
                out.extend_from_slice(&self.content);
            }
            Some(kind) => {
                key(&mut out, kind as usize, field_size(1, self.content.len()));
                key(&mut out, 1, self.content.len());
                out.extend_from_slice(&self.content);
            }
        }
        out
    }
}
