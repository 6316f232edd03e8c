use std::fmt;

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use bytes::Bytes;
use salver_core::{DType, Error, Port, Result, Shape, Shown, Tensor};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::form::FieldKind;
use crate::numbers::Elements;
use crate::object::Text;
use crate::rows::shape_of_one;

/// An input of a servable, to read one row's value for.
pub(super) struct Input<'a> {
    pub servable: &'a str,
    pub port: &'a Port,
}

impl Input<'_> {
    /// A JSON value of the declared type and shape, or of any where the input is a document. For an optional input
    /// `null` says that it is absent.
    pub fn json(&self, json: &str) -> Result<Tensor> {
        if self.port.optional && json == "null" {
            return Ok(Port::absent(1));
        }
        if self.port.json {
            return self.document(json);
        }
        let dtype = self.port.dtype.map_or_else(|| guessed(json), Ok).map_err(|detail| self.wrong(detail))?;
        let declared = self.port.fixed_shape().and_then(|shape| shape.elements()).unwrap_or(usize::MAX);
        let mut elements = Elements::new(dtype, declared.min(json.len() / 2 + 1));
        let shape = match dtype {
            DType::Bytes => bytes_value(json, &mut elements),
            _ => elements.read(json).map(|layout| layout.shape),
        };
        let shape = shape.map_err(|detail| self.wrong(detail))?;
        let shape = shape.ok_or_else(|| self.wrong("arrays side by side have different lengths"))?;
        if !self.port.admits(shape.dims()) {
            return Err(self.wrong_shape(&shape));
        }
        let tensor = elements.into_tensor(Shape::batched(1, shape.dims()));
        tensor.ok_or_else(|| Error::internal("the elements read do not fit their shape"))
    }

    /// Whether the port takes bytes as they are.
    pub fn takes_bytes(port: &Port) -> bool {
        port.dtype.is_none_or(DType::is_variable) || port.is_byte_row()
    }

    /// A JSON value as the text that it is written in.
    fn document(&self, json: &str) -> Result<Tensor> {
        serde_json::from_str::<IgnoredAny>(json).map_err(|error| self.wrong(format!("it is not JSON: {error}")))?;
        self.one(Bytes::copy_from_slice(json.as_bytes()), self.port.dtype.unwrap_or(DType::Str))
    }

    /// One value of text or bytes as it is; `untyped` is its type where none is declared.
    pub fn value(&self, value: Bytes, untyped: DType) -> Result<Tensor> {
        if self.port.json {
            return self.document(self.text(&value)?.trim());
        }
        if self.port.is_byte_row() {
            return self.byte_row(value);
        }
        let dtype = self.port.dtype.unwrap_or(untyped);
        if dtype == DType::Str {
            self.text(&value)?;
        }
        self.one(value, dtype)
    }

    fn text<'v>(&self, value: &'v [u8]) -> Result<&'v str> {
        std::str::from_utf8(value).map_err(|_| self.wrong("its text is not UTF-8"))
    }

    fn one(&self, value: Bytes, dtype: DType) -> Result<Tensor> {
        let count = |wanted| {
            let (servable, input) = (self.servable.to_string(), self.port.name.clone());
            Error::InputElements { servable, input, given: 1, wanted }
        };
        let row = shape_of_one(self.port).map_err(count)?;
        let tensor = Tensor::variable(dtype, Shape::batched(1, row.dims()), vec![value]);
        tensor.ok_or_else(|| Error::internal("a single value does not fit its shape"))
    }

    fn byte_row(&self, value: Bytes) -> Result<Tensor> {
        let shape = Shape::new([value.len()]);
        if !self.port.admits(shape.dims()) {
            return Err(self.wrong_shape(&shape));
        }
        let tensor = Tensor::fixed(DType::U8, Shape::batched(1, shape.dims()), value);
        tensor.ok_or_else(|| Error::internal("a file does not fit its own length"))
    }

    /// A field of a form: a value of text or bytes as it is, one of another type as JSON.
    pub fn field(&self, kind: FieldKind, content: Bytes) -> Result<Tensor> {
        match (kind, self.port.dtype) {
            (FieldKind::Json, _) => self.json(self.text(&content)?.trim()),
            (FieldKind::File, _) if Self::takes_bytes(self.port) => self.value(content, DType::Bytes),
            (_, Some(dtype)) if !dtype.is_variable() => self.json(self.text(&content)?.trim()),
            (FieldKind::File, _) => self.value(content, DType::Bytes),
            (FieldKind::Text, _) => self.value(content, DType::Str),
        }
    }

    fn wrong(&self, detail: impl Into<String>) -> Error {
        let (servable, input) = (self.servable.to_string(), self.port.name.clone());
        let expected = match self.port.dtype.is_some() || self.port.dims.is_some() {
            true => format!(" (the input is {})", typed(self.port)),
            false => String::new(),
        };
        Error::InputValue { servable, input, detail: detail.into() + &expected }
    }

    fn wrong_shape(&self, given: &Shape) -> Error {
        let given = given.dims().iter().map(|&dim| i64::try_from(dim).unwrap_or(i64::MAX)).collect();
        Error::row_shape(self.servable, self.port, given, false)
    }
}

/// Type and row shape as people write them: `float32 [2, width]`.
fn typed(port: &Port) -> String {
    if port.json {
        return "json".into();
    }
    let dtype = port.dtype.map_or("any type", DType::name);
    match &port.dims {
        Some(dims) => format!("{dtype} {}", Shown(dims, false)),
        None => format!("{dtype} of any shape"),
    }
}

/// Names, types and row shapes of ports, for error texts.
pub(super) fn with_types(ports: &[Port]) -> String {
    let one = |port: &Port| format!("'{}': {}", port.name, typed(port));
    ports.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The type of a value for which none is declared, by the look of its first element.
pub(crate) fn guessed(json: &str) -> Result<DType, String> {
    let first = json.bytes().find(|byte| !byte.is_ascii_whitespace() && *byte != b'[');
    match first {
        Some(b'"') => Ok(DType::Str),
        Some(b't' | b'f') => Ok(DType::Bool),
        Some(b'{') => Ok(DType::Bytes),
        Some(b'-' | b'0'..=b'9') if !json.contains(['.', 'e', 'E']) => Ok(DType::I64),
        Some(b'n') => Err("null is not a value".into()),
        _ => Ok(DType::F64),
    }
}

/// Appends a value of bytes to elements: a string, `{"b64": "..."}`, or arrays of them. Gives its shape, `None`
/// if arrays side by side differ in length.
struct BytesValue<'a>(&'a mut Elements);

impl<'de> DeserializeSeed<'de> for BytesValue<'_> {
    type Value = Option<Shape>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for BytesValue<'_> {
    type Value = Option<Shape>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"a string or {"b64": "..."}"#)
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        self.0.push_value(text.as_bytes());
        Ok(Some(Shape::default()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = 0;
        while let Some((Text(key), Text(value))) = map.next_entry()? {
            entries += 1;
            if key != "b64" || entries > 1 {
                return Err(A::Error::custom(format!("expected \"b64\" alone, but found \"{key}\"")));
            }
            let value = STANDARD.decode(value.as_bytes());
            self.0.push_value(&value.map_err(|error| A::Error::custom(format!("not standard base64: {error}")))?);
        }
        match entries {
            0 => Err(A::Error::custom(r#"expected {"b64": "..."}, but found an empty object"#)),
            _ => Ok(Some(Shape::default())),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
        let (mut count, mut even, mut first) = (0, true, None);
        while let Some(shape) = values.next_element_seed(BytesValue(self.0))? {
            count += 1;
            even &= shape.is_some() && *first.get_or_insert_with(|| shape.clone()) == shape;
        }
        let inner = first.flatten().unwrap_or_default();
        Ok(even.then(|| Shape::batched(count, inner.dims())))
    }
}

fn bytes_value(json: &str, elements: &mut Elements) -> Result<Option<Shape>, String> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let shape = BytesValue(elements).deserialize(&mut deserializer);
    shape.and_then(|shape| deserializer.end().map(|()| shape)).map_err(|error| error.to_string())
}
