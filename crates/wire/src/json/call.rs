use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use salver_core::{Answer, DType, Error, Method, Part, Port, Result, Servable, Tensor};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::form::{self, Field};
use super::values::{with_types, Input, Text};
use super::{reply, Address};
use crate::rows::{Gather, Row, Rows};
use crate::{Exchange, HttpReply, Target};

/// One call by plain JSON on its way.
#[derive(Debug)]
pub struct Call {
    address: Address,
    kind: Kind,
    body: Bytes,
    rows: Rows,
    /// Whether the body is an array of rows, and so the answer.
    many: bool,
}

/// What a body is, by its content type.
#[derive(Debug)]
enum Kind {
    Json,
    Raw,
    Form { boundary: String },
}

impl Kind {
    fn of(content_type: &str) -> Result<Kind> {
        let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        Ok(match media.as_str() {
            "multipart/form-data" => Kind::Form { boundary: form::boundary(content_type)? },
            "application/octet-stream" => Kind::Raw,
            image if image.starts_with("image/") => Kind::Raw,
            _ => Kind::Json,
        })
    }
}

impl Call {
    /// Takes a request's body as what `content_type` says, JSON unless it says something else; it may be empty.
    pub fn parse(address: Address, content_type: &str, body: Bytes) -> Result<Call> {
        let kind = Kind::of(content_type)?;
        Ok(Call { address, kind, body, rows: Rows::default(), many: false })
    }
}

impl Exchange for Call {
    type Reply = HttpReply;

    fn target(&self) -> Result<Target<'_>> {
        let Address { servable, version, method } = &self.address;
        Ok(Target { servable, version: *version, method: method.as_deref(), dotted: false })
    }

    fn parts(&mut self, servable: &Servable, method: &Method) -> Result<Vec<Part>> {
        let reader = Reader { servable, method };
        let body = std::mem::take(&mut self.body);
        let mut gather = Gather::default();
        match &self.kind {
            Kind::Raw => gather.push(Ok(reader.raw(body)?))?,
            Kind::Form { boundary } => gather.push(Ok(reader.form(form::fields(&body, boundary)?)?))?,
            Kind::Json => {
                let text = std::str::from_utf8(&body).map_err(|_| malformed("it is not UTF-8"))?;
                self.many = text.trim_start().starts_with('[');
                match self.many {
                    true => reader.objects(text, &mut gather)?,
                    false => gather.push(Ok(reader.object(parsed(text)?)?))?,
                }
            }
        }
        if gather.is_empty() {
            return Err(Error::NoRows { servable: servable.name.clone(), method: method.name.clone() });
        }
        let (rows, parts) = gather.finish()?;
        self.rows = rows;
        Ok(parts)
    }

    fn answer(self, _: &Servable, method: &Method, answer: Answer) -> HttpReply {
        let outputs = &method.contract.outputs;
        let outcomes = self.rows.outcomes(&answer, outputs.len());
        match self.many {
            true => reply::many(outputs, &outcomes),
            false => reply::one(outputs, &outcomes),
        }
    }

    fn refuse(self, error: &Error) -> HttpReply {
        reply::refuse(error)
    }
}

/// Reads rows against one method's contract.
struct Reader<'a> {
    servable: &'a Servable,
    method: &'a Method,
}

impl<'a> Reader<'a> {
    fn objects(&self, text: &str, gather: &mut Gather) -> Result<()> {
        let mut rows = Objects { reader: self, gather, refusal: None };
        let mut document = serde_json::Deserializer::from_str(text);
        let read = document.deserialize_seq(&mut rows).and_then(|()| document.end());
        match rows.refusal {
            Some(refusal) => Err(refusal),
            None => read.map_err(malformed),
        }
    }

    fn object(&self, object: Object<'_>) -> Result<Row> {
        self.row(object.0, |input, value| input.json(value.get()))
    }

    fn form(&self, fields: Vec<Field>) -> Result<Row> {
        let named = fields.into_iter().map(|field| (Cow::Owned(field.name), (field.kind, field.content)));
        self.row(named.collect(), |input, (kind, content)| input.field(kind, content))
    }

    fn raw(&self, body: Bytes) -> Result<Row> {
        match &self.method.contract.inputs[..] {
            [input] if Input::takes_bytes(input) => {
                Ok(vec![self.input(input).value(body, DType::Bytes)?])
            }
            inputs => Err(malformed(format!(
                "only a method with a single input of bytes, str or uint8 in one dimension takes a raw body, but '{}' takes {}; send JSON or \
                 multipart/form-data",
                self.method.name,
                with_types(inputs)
            ))),
        }
    }

    /// One row of named values, each read by `read`.
    fn row<T>(&self, named: Vec<(Cow<'_, str>, T)>, read: impl Fn(Input<'a>, T) -> Result<Tensor>) -> Result<Row> {
        let inputs = &self.method.contract.inputs;
        let mut row: Vec<Option<Tensor>> = vec![None; inputs.len()];
        for (name, value) in named {
            let index = self.method.contract.input(&name).ok_or_else(|| self.unknown(&name))?;
            if row[index].is_some() {
                return Err(Error::RepeatedInput { servable: self.servable.name.clone(), input: name.into_owned() });
            }
            row[index] = Some(read(self.input(&inputs[index]), value)?);
        }
        let missing = |input: &Port| Error::MissingInput {
            servable: self.servable.name.clone(),
            method: self.method.name.clone(),
            input: input.name.clone(),
        };
        row.into_iter().zip(inputs).map(|(value, input)| value.ok_or_else(|| missing(input))).collect()
    }

    fn input(&self, port: &'a Port) -> Input<'a> {
        Input { servable: &self.servable.name, port }
    }

    fn unknown(&self, name: &str) -> Error {
        let declared = self.method.contract.inputs.iter().map(|input| input.name.clone()).collect();
        Error::UnknownInput { servable: self.servable.name.clone(), input: name.to_string(), declared }
    }
}

fn parsed<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T> {
    serde_json::from_str(text).map_err(malformed)
}

fn malformed(detail: impl fmt::Display) -> Error {
    Error::malformed("body", detail)
}

/// Takes an array's rows one after the other, so that no more of them is held than their data.
struct Objects<'r, 'a> {
    reader: &'r Reader<'a>,
    gather: &'r mut Gather,
    /// Why the call as a whole is refused; reading then ends.
    refusal: Option<Error>,
}

impl<'de> Visitor<'de> for &mut Objects<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        while let Some(object) = rows.next_element()? {
            if let Err(error) = self.gather.push(self.reader.object(object)) {
                self.refusal = Some(error);
                return Err(A::Error::custom("refused"));
            }
        }
        Ok(())
    }
}

/// An object's members in their order, their values unread.
struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row: an object with a value for every input")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some((Text(name), value)) = map.next_entry()? {
            members.push((name, value));
        }
        Ok(Object(members))
    }
}
