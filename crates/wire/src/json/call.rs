use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use salver_core::{Answer, DType, Error, Method, Part, Port, Result, Servable, Tensor};
use serde::de::{Deserialize, Deserializer, Error as _, SeqAccess, Visitor};

use super::form::{self, Field};
use super::values::{with_types, Input};
use super::{events, reply, Address};
use crate::object::Object;
use crate::rows::{only_input, Gather, Row, Rows};
use crate::{Body, Exchange, HttpReply, Streamed, Target};

/// One call by plain JSON on its way.
#[derive(Debug)]
pub struct Call {
    address: Address,
    kind: Kind,
    body: Bytes,
    rows: Rows,
    /// Whether the body is an array of rows, and so the answer.
    many: bool,
    /// Whether the answer is to be a stream of events.
    events: bool,
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
        Ok(Call { address, kind, body, rows: Rows::default(), many: false, events: false })
    }

    /// The same call, answered by a stream of events. It must have a single row.
    pub fn into_events(self) -> Call {
        Call { events: true, ..self }
    }
}

impl Exchange for Call {
    type Reply = HttpReply;

    fn target(&self) -> Result<Target<'_>> {
        let Address { servable, version, method } = &self.address;
        Ok(Target { servable, version: *version, method: method.as_deref(), label: None, dotted: false })
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
                if self.many && self.events {
                    return Err(malformed(
                        "an event stream answers a single row; send an object, not an array of them",
                    ));
                }
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

impl Streamed for Call {
    fn item(&self, _: &Servable, method: &Method, item: Vec<Tensor>, last: bool) -> Result<Body> {
        events::item(&method.contract.outputs, &item, last)
    }

    fn ended(&self, _: &Servable) -> Body {
        events::done()
    }

    fn failed(&self, error: &Error) -> Body {
        events::failed(error)
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
        let inputs = &self.method.contract.inputs;
        match only_input(inputs).and_then(|index| inputs.get(index)) {
            Some(input) if Input::takes_bytes(input) => {
                self.row(vec![(Cow::Borrowed(&input.name), body)], |input, body| input.value(body, DType::Bytes))
            }
            _ => Err(malformed(format!(
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
        let given = |(value, input): (Option<Tensor>, &Port)| match value {
            None if input.optional => Ok(Port::absent(1)),
            value => value.ok_or_else(|| missing(input)),
        };
        row.into_iter().zip(inputs).map(given).collect()
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
