//! Fields of requests as rows of inputs.

use bytes::Bytes;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor};
use salver_core::{DType, Dim, Error, Port, Result, Shape, Tensor};

use super::field::{Form, Leaf, WHOLE};
use super::number::{natural, same_layout, Number};
use super::weight;
use crate::proto::json;
use crate::protobuf::{Fields, Value};

const WHAT: &str = "request message";

/// The most values of a field that are not packed. Each takes far more memory than its bytes.
const MOST_VALUES: usize = 1 << 20;

/// Where an input comes from.
#[derive(Clone, Debug)]
pub(super) enum Input {
    /// The message as its bytes.
    Whole,
    WholeDocument,
    Field(Box<Leaf>),
}

/// A request on its way into a row.
pub(super) struct Request<'a> {
    pub servable: &'a str,
    pub method: &'a str,
    pub body: &'a Bytes,
    /// The same parsed, for documents.
    parsed: Option<DynamicMessage>,
}

impl Input {
    /// Finds out how a field of the request is an input. Why it cannot be, in a clause.
    pub fn new(message: &MessageDescriptor, path: &str, port: &Port) -> Result<Input, String> {
        match path {
            WHOLE if port.json => Ok(Input::WholeDocument),
            WHOLE if port.dtype == Some(DType::Bytes) => Ok(Input::Whole),
            WHOLE => Err(format!("the whole message can only be bytes or a document, which '{}' is not", port.name)),
            path => {
                let leaf = Leaf::new(message, path, port)?;
                match (&leaf.form, port.dims.as_deref()) {
                    (Form::Numbers(_) | Form::Elements, Some(dims)) if free(dims) > 1 => Err(format!(
                        "the shape of '{}' cannot be told from the number of its elements; use a message with \
                         'repeated int64 shape' and 'repeated ... values'",
                        port.name
                    )),
                    (Form::Numbers(_) | Form::Elements, Some([])) => {
                        Err(format!("field '{path}' is many numbers, and '{}' is one", port.name))
                    }
                    _ => Ok(Input::Field(Box::new(leaf))),
                }
            }
        }
    }

    fn is_document(&self) -> bool {
        match self {
            Input::WholeDocument => true,
            Input::Whole => false,
            Input::Field(leaf) => matches!(leaf.form, Form::Document),
        }
    }
}

impl<'a> Request<'a> {
    /// Takes a message; it is parsed as a whole only where an input is a document.
    pub fn new(
        servable: &'a str,
        method: &'a str,
        descriptor: MessageDescriptor,
        body: &'a Bytes,
        inputs: &[Input],
    ) -> Result<Request<'a>> {
        let parse = || {
            weight::check(&descriptor, Fields::new(WHAT, body))?;
            DynamicMessage::decode(descriptor.clone(), body.clone()).map_err(|error| Error::malformed(WHAT, error))
        };
        let parsed = inputs.iter().any(Input::is_document).then(parse).transpose()?;
        Ok(Request { servable, method, body, parsed })
    }

    /// The row of one input.
    pub fn row(&self, input: &Input, port: &Port) -> Result<Tensor> {
        match input {
            Input::Whole => one(DType::Bytes, self.body.clone()),
            Input::WholeDocument => {
                let mut out = Vec::new();
                json::write_full(&mut out, self.parsed()?).map_err(|error| self.wrong(port, &error))?;
                one(port.dtype.unwrap_or(DType::Str), out.into())
            }
            Input::Field(leaf) => match self.field(leaf, port)? {
                Some(tensor) => Ok(tensor),
                None if port.optional => Ok(Port::absent(1)),
                None => {
                    let (servable, method) = (self.servable.to_string(), self.method.to_string());
                    Err(Error::MissingInput { servable, method, input: port.name.clone() })
                }
            },
        }
    }

    fn parsed(&self) -> Result<&DynamicMessage> {
        self.parsed.as_ref().ok_or_else(|| Error::internal("a document of a message that was not parsed"))
    }

    /// The field's value; `None` if it is not set, where that can be told and matters.
    fn field(&self, leaf: &Leaf, port: &Port) -> Result<Option<Tensor>> {
        if let Form::Document = leaf.form {
            return self.document(leaf, port);
        }
        let (mut fields, mut values) = (Fields::new(WHAT, self.body), Vec::new());
        collect(&mut fields, &leaf.numbers, &leaf.siblings, &mut values)?;
        let unset = values.is_empty();
        let field = leaf.path.leaf();
        let tells = field.supports_presence() || field.is_list() || leaf.numbers.len() > 1;
        let must_be_set = leaf.wrapped || matches!(leaf.form, Form::Message | Form::Tensor { .. });
        if unset && (must_be_set || port.optional && tells) {
            return Ok(None);
        }
        if leaf.wrapped {
            let mut inner = Vec::new();
            for value in std::mem::take(&mut values) {
                collect(&mut fields.nested(value)?, &[1], &[], &mut inner)?;
            }
            values = inner;
        }
        self.read(&leaf.form, values, &fields, port).map(Some)
    }

    fn read(&self, form: &Form, values: Vec<Value>, fields: &Fields<'_>, port: &Port) -> Result<Tensor> {
        let textual = |text: &bool| port.dtype.unwrap_or(if *text { DType::Str } else { DType::Bytes });
        match form {
            Form::Number(kind) => self.number(last(kind, values, fields)?, port.dtype.unwrap_or(natural(kind)), port),
            Form::Numbers(kind) => {
                let (dtype, elements) = self.numbers(kind, values, fields, port)?;
                self.shaped(port, dtype, elements)
            }
            Form::Elements => self.elements(last_bytes(values, fields)?, port),
            Form::Text(text) => {
                let (dtype, value) = (textual(text), last_bytes(values, fields)?);
                self.check_text(port, dtype, &value)?;
                one(dtype, value)
            }
            Form::Texts(text) => {
                let texts = self.texts(port, textual(text), values, fields)?;
                let shape = shape_of(port, texts.len()).ok_or_else(|| self.count(port, texts.len()))?;
                variable(textual(text), &shape, texts)
            }
            Form::Name(kind) => self.name(kind, last(kind, values, fields)?, port),
            Form::Message => one(DType::Bytes, put_together(values, fields)?),
            Form::Tensor { shape, values: elements } => self.tensor(shape, elements, values, fields, port),
            Form::Document => Err(Error::internal("a document is read by its parsed message")),
        }
    }

    fn number(&self, number: Number, dtype: DType, port: &Port) -> Result<Tensor> {
        let mut element = Vec::with_capacity(8);
        number.write_element(dtype, &mut element).ok_or_else(|| self.too_large(port, number, dtype))?;
        fixed(dtype, &[], element.into())
    }

    fn elements(&self, bytes: Bytes, port: &Port) -> Result<Tensor> {
        let dtype = port.dtype.unwrap_or(DType::U8);
        match bytes.len() % dtype.size().unwrap_or(1) {
            0 => self.shaped(port, dtype, bytes),
            _ => Err(self.wrong(port, &format!("{} bytes are no whole {dtype} elements", bytes.len()))),
        }
    }

    /// The name of an enumeration's value.
    fn name(&self, kind: &Kind, number: Number, port: &Port) -> Result<Tensor> {
        let names = kind.as_enum().ok_or_else(|| Error::internal("an enumeration that is none"))?;
        let known = match number {
            Number::Int(number) => i32::try_from(number).ok().and_then(|number| names.get_value(number)),
            _ => None,
        };
        let unknown = || self.wrong(port, &format!("{number} is no value of {}", names.full_name()));
        one(DType::Str, known.ok_or_else(unknown)?.name().to_string().into())
    }

    fn document(&self, leaf: &Leaf, port: &Port) -> Result<Option<Tensor>> {
        let field = leaf.path.leaf();
        let Some(holder) = leaf.path.reach(self.parsed()?) else { return Ok(None) };
        let single = matches!(field.kind(), Kind::Message(_)) && !field.is_list() && !field.is_map();
        let tells = field.supports_presence() || field.is_list() || field.is_map();
        if !holder.has_field(field) && (single || port.optional && tells) {
            return Ok(None);
        }
        let mut out = Vec::new();
        json::write_field(&mut out, holder, field, json::Names::Original).map_err(|error| self.wrong(port, &error))?;
        one(port.dtype.unwrap_or(DType::Str), out.into()).map(Some)
    }

    fn numbers(&self, kind: &Kind, mut values: Vec<Value>, fields: &Fields<'_>, port: &Port) -> Result<(DType, Bytes)> {
        let dtype = port.dtype.unwrap_or(natural(kind));
        if let (true, [Value::Span(_)]) = (same_layout(kind, dtype), &values[..]) {
            let packed = values.pop().map(|value| fields.bytes(value)).transpose()?.unwrap_or_default();
            return match packed.len() % dtype.size().unwrap_or(1) {
                0 => Ok((dtype, packed)),
                _ => Err(fields.broken("packed numbers end within a number")),
            };
        }
        let mut elements = Vec::new();
        for value in values {
            Number::read(kind, value, fields, &mut |number| {
                number.write_element(dtype, &mut elements).ok_or_else(|| self.too_large(port, number, dtype))
            })?;
        }
        Ok((dtype, elements.into()))
    }

    fn texts(&self, port: &Port, dtype: DType, values: Vec<Value>, fields: &Fields<'_>) -> Result<Vec<Bytes>> {
        let text = |value| {
            let value = fields.bytes(value)?;
            self.check_text(port, dtype, &value).map(|()| value)
        };
        values.into_iter().map(text).collect()
    }

    fn tensor(
        &self,
        shape: &FieldDescriptor,
        elements: &FieldDescriptor,
        messages: Vec<Value>,
        fields: &Fields<'_>,
        port: &Port,
    ) -> Result<Tensor> {
        let (mut lengths, mut values) = (Vec::new(), Vec::new());
        for message in messages {
            let within = fields.nested(message)?;
            collect(&mut within.clone(), &[shape.number()], &[], &mut lengths)?;
            collect(&mut within.clone(), &[elements.number()], &[], &mut values)?;
        }
        let dims = self.dims(&shape.kind(), lengths, fields, port)?;
        let wrong_count = |given| {
            let (servable, input) = (self.servable.to_string(), port.name.clone());
            let wanted = Shape::new(dims.iter().copied()).elements().unwrap_or(usize::MAX);
            Error::InputElements { servable, input, given, wanted }
        };
        match elements.kind() {
            kind @ (Kind::String | Kind::Bytes) => {
                let dtype = port.dtype.unwrap_or(natural(&kind));
                let texts = self.texts(port, dtype, values, fields)?;
                let given = texts.len();
                Tensor::variable(dtype, Shape::batched(1, &dims), texts).ok_or_else(|| wrong_count(given))
            }
            kind => {
                let (dtype, bytes) = self.numbers(&kind, values, fields, port)?;
                let given = bytes.len() / dtype.size().unwrap_or(1);
                Tensor::fixed(dtype, Shape::batched(1, &dims), bytes).ok_or_else(|| wrong_count(given))
            }
        }
    }

    /// The shape that a message says it has, if the port takes it.
    fn dims(&self, kind: &Kind, lengths: Vec<Value>, fields: &Fields<'_>, port: &Port) -> Result<Vec<usize>> {
        let mut dims: Vec<usize> = Vec::new();
        for length in lengths {
            Number::read(kind, length, fields, &mut |number| {
                let length = match number {
                    Number::Int(length) => usize::try_from(length).ok().filter(|_| dims.len() < Port::MAX_ROW_RANK),
                    _ => None,
                };
                dims.push(length.ok_or_else(|| self.wrong(port, &"its shape is none"))?);
                Ok(())
            })?;
        }
        if !port.admits(&dims) {
            let given = dims.iter().map(|&dim| i64::try_from(dim).unwrap_or(i64::MAX)).collect();
            return Err(Error::row_shape(self.servable, port, given, false));
        }
        Ok(dims)
    }

    fn shaped(&self, port: &Port, dtype: DType, elements: Bytes) -> Result<Tensor> {
        let count = elements.len() / dtype.size().unwrap_or(1);
        let shape = shape_of(port, count).ok_or_else(|| self.count(port, count))?;
        fixed(dtype, &shape, elements)
    }

    fn check_text(&self, port: &Port, dtype: DType, value: &[u8]) -> Result<()> {
        match dtype == DType::Str && std::str::from_utf8(value).is_err() {
            true => Err(self.wrong(port, &"it is not UTF-8 text")),
            false => Ok(()),
        }
    }

    fn wrong(&self, port: &Port, why: &dyn std::fmt::Display) -> Error {
        Error::InputValue { servable: self.servable.into(), input: port.name.clone(), detail: why.to_string() }
    }

    fn too_large(&self, port: &Port, number: Number, dtype: DType) -> Error {
        self.wrong(port, &format!("{number} is no {dtype}"))
    }

    fn count(&self, port: &Port, given: usize) -> Error {
        let declared = port.dims.clone().unwrap_or_default();
        let given = vec![i64::try_from(given).unwrap_or(i64::MAX)];
        Error::InputShape { servable: self.servable.into(), input: port.name.clone(), given, declared, batched: false }
    }
}

/// All values that a message has for a field, in their order. A field of the same choice takes them back.
fn collect(fields: &mut Fields<'_>, way: &[u32], siblings: &[u32], values: &mut Vec<Value>) -> Result<()> {
    let Some((&first, rest)) = way.split_first() else { return Ok(()) };
    while let Some((number, value)) = fields.next()? {
        if number == u64::from(first) {
            if values.len() == MOST_VALUES {
                return Err(fields.broken(format!("a field has more than {MOST_VALUES} values one by one")));
            }
            match rest.is_empty() {
                true => values.push(value),
                false => collect(&mut fields.nested(value)?, rest, siblings, values)?,
            }
        } else if rest.is_empty() && siblings.iter().any(|&sibling| number == u64::from(sibling)) {
            values.clear();
        }
    }
    Ok(())
}

/// The number that counts of those that were sent for a single field.
fn last(kind: &Kind, mut values: Vec<Value>, fields: &Fields<'_>) -> Result<Number> {
    let mut number = Number::zero(kind);
    if let Some(value) = values.pop() {
        if let Value::Span(_) = value {
            return Err(fields.broken("a number is sent as bytes"));
        }
        Number::read(kind, value, fields, &mut |read| {
            number = read;
            Ok(())
        })?;
    }
    Ok(number)
}

/// The same of text and bytes.
fn last_bytes(mut values: Vec<Value>, fields: &Fields<'_>) -> Result<Bytes> {
    Ok(values.pop().map(|value| fields.bytes(value)).transpose()?.unwrap_or_default())
}

/// One message: several occurrences of one are one, put together.
fn put_together(values: Vec<Value>, fields: &Fields<'_>) -> Result<Bytes> {
    let mut pieces = values.into_iter().map(|value| fields.bytes(value)).collect::<Result<Vec<Bytes>>>()?;
    Ok(if pieces.len() == 1 { pieces.pop().unwrap_or_default() } else { pieces.concat().into() })
}

fn free(dims: &[Dim]) -> usize {
    dims.iter().filter(|dim| dim.fixed().is_none()).count()
}

/// The shape in which a port takes so many elements.
fn shape_of(port: &Port, count: usize) -> Option<Vec<usize>> {
    let Some(dims) = &port.dims else { return Some(vec![count]) };
    let fixed: Option<usize> = dims.iter().filter_map(Dim::fixed).try_fold(1usize, usize::checked_mul);
    let fixed = fixed?;
    let open = match free(dims) {
        0 if fixed == count => 0,
        1 if fixed > 0 && count % fixed == 0 => count / fixed,
        1 if fixed == 0 && count == 0 => 0,
        _ => return None,
    };
    Some(dims.iter().map(|dim| dim.fixed().unwrap_or(open)).collect())
}

fn fixed(dtype: DType, row: &[usize], data: Bytes) -> Result<Tensor> {
    Tensor::fixed(dtype, Shape::batched(1, row), data).ok_or_else(|| Error::internal("elements that do not fit"))
}

fn variable(dtype: DType, row: &[usize], values: Vec<Bytes>) -> Result<Tensor> {
    Tensor::variable(dtype, Shape::batched(1, row), values).ok_or_else(|| Error::internal("values that do not fit"))
}

/// A single value of text or bytes.
fn one(dtype: DType, value: Bytes) -> Result<Tensor> {
    variable(dtype, &[], vec![value])
}
