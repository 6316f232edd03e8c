use std::fmt;

use bytes::Bytes;
use salver_core::{Answer, Error, Method, Part, Port, Result, Servable, Tensor};
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{reply, values, Address};
use crate::mindspore::admit::{text_shape, Admit};
use crate::object::Object;
use crate::rows::{Gather, Row, Rows};
use crate::{Exchange, HttpReply, Target};

/// What the detail of a malformed request is about; the reply's text begins so.
pub(super) const PARSER: &str = "Parser request failed";
pub(super) const SYNTAX: &str = "Illegal JSON format.";

/// One call over HTTP on its way.
#[derive(Debug)]
pub struct Call {
    address: Address,
    body: Bytes,
    rows: Rows,
}

impl Call {
    pub fn new(address: Address, body: Bytes) -> Call {
        Call { address, body, rows: Rows::default() }
    }
}

impl Exchange for Call {
    type Reply = HttpReply;

    fn target(&self) -> Result<Target<'_>> {
        let Address { servable, method, version } = &self.address;
        Ok(Target {
            servable,
            version: (*version != 0).then_some(*version),
            method: Some(method),
            label: None,
            dotted: false,
        })
    }

    fn parts(&mut self, servable: &Servable, method: &Method) -> Result<Vec<Part>> {
        let mut gather = Gather::default();
        let admit = Admit { servable, method };
        let text = text(&self.body)?;
        for_each_instance(text, |instance| gather.push(admitted(&admit, row(&admit, instance)?)))?;
        let (rows, parts) = gather.finish()?;
        self.rows = rows;
        Ok(parts)
    }

    fn answer(self, _: &Servable, method: &Method, answer: Answer) -> HttpReply {
        let outputs = &method.contract.outputs;
        reply::answered(&self.address, outputs, self.rows.outcomes(&answer, outputs.len()))
    }

    /// What is wrong with the body comes before whom it is for.
    fn refuse(self, error: &Error) -> HttpReply {
        let of_target = matches!(
            error,
            Error::UnknownServable { .. }
                | Error::UnknownVersion { .. }
                | Error::UnknownMethod { .. }
                | Error::NotReady { .. }
        );
        let of_body = if of_target { malformed(&self.body) } else { None };
        of_body.unwrap_or_else(|| reply::refused(&self.address, error))
    }
}

/// The reply to a body that is no JSON, if it is none.
pub fn unreadable(body: &Bytes) -> Option<HttpReply> {
    let problem = text(body).and_then(json::<IgnoredAny>).err()?;
    Some(reply::refuse_unread(&problem))
}

/// The reply to a body that is no request of any servable, if it is none.
fn malformed(body: &Bytes) -> Option<HttpReply> {
    let values = |instance: Object<'_>| {
        instance.0.iter().try_for_each(|(_, value)| values::tensor(value.get()).map(drop).map_err(parser))
    };
    let problem = text(body).and_then(|text| for_each_instance(text, values)).err()?;
    Some(reply::refuse_unread(&problem))
}

fn json<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| Error::malformed(SYNTAX, error))
}

fn text(body: &Bytes) -> Result<&str> {
    std::str::from_utf8(body).map_err(|_| Error::malformed(SYNTAX, "it is not UTF-8"))
}

fn parser(detail: impl Into<String>) -> Error {
    Error::Malformed { what: PARSER, detail: detail.into() }
}

fn for_each_instance<'a>(text: &'a str, mut each: impl FnMut(Object<'a>) -> Result<()>) -> Result<()> {
    let members = match text.trim_start().starts_with('{') {
        true => json::<Object<'a>>(text)?.0,
        false => json::<IgnoredAny>(text).map(|_| Vec::new())?,
    };
    let found = members.iter().rfind(|(name, _)| name == "instances");
    let none = || parser("key 'instances' expects to exist once, but actually 0 times");
    let instances = found.ok_or_else(none)?.1.get().trim();
    match instances.as_bytes().first() {
        Some(b'{') => each(instance(instances, "json object, value is empty")?),
        Some(b'[') => {
            let empty = "json array, instance is object type, but no value";
            let each = |item: &'a RawValue| each(instance(item.get(), empty)?);
            let mut items = Items { each, count: 0, refusal: None };
            let read = serde_json::Deserializer::from_str(instances).deserialize_seq(&mut items);
            match (items.refusal, read) {
                (Some(refusal), _) => Err(refusal),
                (None, Err(error)) => Err(parser(error.to_string())),
                (None, Ok(())) if items.count == 0 => Err(parser("instances value is array type, but no value")),
                (None, Ok(())) => Ok(()),
            }
        }
        _ => Err(parser("instances no key mode is not supported")),
    }
}

/// Hands on an array's items one after the other, so that none of them is held.
struct Items<F> {
    each: F,
    count: usize,
    /// Why the call is refused; reading then ends.
    refusal: Option<Error>,
}

impl<'de, F: FnMut(&'de RawValue) -> Result<()>> Visitor<'de> for &mut Items<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of instances")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element()? {
            self.count += 1;
            if let Err(error) = (self.each)(item) {
                self.refusal = Some(error);
                return Err(A::Error::custom("refused"));
            }
        }
        Ok(())
    }
}

fn instance<'a>(text: &'a str, empty: &str) -> Result<Object<'a>> {
    if !text.starts_with('{') {
        return Err(parser("json array, instance is not object type"));
    }
    let object: Object<'a> = serde_json::from_str(text).map_err(|error| parser(error.to_string()))?;
    match &object.0[..] {
        [] => Err(parser(empty)),
        members if members.iter().any(|(name, _)| name.is_empty()) => Err(parser("string key is empty")),
        _ => Ok(object),
    }
}

/// The declared inputs of an instance, in their order; what else it holds is ignored.
fn row(admit: &Admit<'_>, instance: Object<'_>) -> Result<Vec<Option<Tensor>>> {
    let value = |input: &Port| {
        let found = instance.0.iter().rfind(|(name, _)| *name == input.name);
        let tensor = found.map(|(_, value)| values::tensor(value.get()).map_err(parser)).transpose()?;
        match tensor {
            None if !input.optional => Err(admit.missing(input)),
            Some(tensor) if is_array_of_text(&tensor) => {
                Err(admit.bad_tensor(input, text_shape(&tensor.shape().row())))
            }
            tensor => Ok(tensor),
        }
    };
    admit.method.contract.inputs.iter().map(value).collect()
}

fn is_array_of_text(tensor: &Tensor) -> bool {
    tensor.dtype().is_variable() && !matches!(tensor.shape().row(), [] | [1])
}

/// The values as a row of the method, or why the instance is wrong for it.
fn admitted(admit: &Admit<'_>, row: Vec<Option<Tensor>>) -> Result<Row> {
    let one = |(index, value): (usize, Option<Tensor>)| match value {
        None => Ok(Port::absent(1)),
        Some(tensor) => admit.tensor(index, tensor),
    };
    row.into_iter().enumerate().map(one).collect()
}
