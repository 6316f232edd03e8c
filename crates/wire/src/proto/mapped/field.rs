//! What fields and ports have in common, whichever way data goes.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use salver_core::{DType, Port};

use super::number::Family;
use crate::proto::field_path::FieldPath;
use crate::proto::text::is_wrapper;

/// The field that stands for a whole message.
pub(super) const WHOLE: &str = ".";

/// How values of a field are those of a port.
#[derive(Clone, Debug)]
pub(super) enum Form {
    /// The message as its bytes.
    Message,
    /// Its document in JSON.
    Document,
    /// One number.
    Number(Kind),
    /// Numbers one after the other.
    Numbers(Kind),
    /// One text, or bytes; `true` for text.
    Text(bool),
    Texts(bool),
    /// The name of an enumeration's value.
    Name(Kind),
    /// Bytes that are the elements of a tensor.
    Elements,
    /// A message with a shape and values.
    Tensor {
        shape: FieldDescriptor,
        values: FieldDescriptor,
    },
}

/// A field as the place of a port's values.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub path: FieldPath,
    /// The numbers of the fields on the way, outermost first.
    pub numbers: Vec<u32>,
    /// Those of the fields of which only one can be set if this one is.
    pub siblings: Vec<u32>,
    /// Whether the value is the only field of a message, one of google/protobuf/wrappers.
    pub wrapped: bool,
    pub form: Form,
}

impl Leaf {
    /// Finds out how a field and a port go together. Why they do not, in a clause.
    pub fn new(message: &MessageDescriptor, path: &str, port: &Port) -> Result<Leaf, String> {
        let path = FieldPath::resolve(message, path)?;
        let group = path.outer().iter().find(|field| field.is_group());
        if let Some(field) = group.or(Some(path.leaf()).filter(|leaf| leaf.is_group() && !port.json)) {
            let text = "is sent as a group, which holds no row; take features.message_encoding = DELIMITED out";
            return Err(format!("field '{}' {text}", field.name()));
        }
        let mut numbers: Vec<u32> = path.outer().iter().map(FieldDescriptor::number).collect();
        let field = path.leaf().clone();
        numbers.push(field.number());
        let siblings = siblings(&field);
        let (field, wrapped) = match field.kind() {
            Kind::Message(message) if !port.json && !field.is_list() && is_wrapper(&message) => {
                (message.get_field(1).unwrap_or(field), true)
            }
            _ => (field, false),
        };
        let form = form(&field, port).ok_or_else(|| mismatch(&field, port))?;
        Ok(Leaf { path, numbers, siblings, wrapped, form })
    }

    pub fn name(&self) -> &str {
        self.path.leaf().full_name()
    }
}

fn siblings(field: &FieldDescriptor) -> Vec<u32> {
    let choice = field.containing_oneof();
    let others = choice.iter().flat_map(|choice| choice.fields().map(|other| other.number()).collect::<Vec<u32>>());
    others.filter(|&other| other != field.number()).collect()
}

/// The form in which a field's values are a port's, if there is one.
fn form(field: &FieldDescriptor, port: &Port) -> Option<Form> {
    if port.json {
        return Some(Form::Document);
    }
    let (kind, dtype) = (field.kind(), port.dtype);
    let textual = dtype.is_none_or(DType::is_variable);
    let single = port.dims.as_ref().is_none_or(Vec::is_empty);
    let one_dim = port.dims.as_ref().is_none_or(|dims| dims.len() == 1);
    if field.is_map() {
        return None;
    }
    match (&kind, field.is_list()) {
        (Kind::Message(_), true) => None,
        (Kind::Message(message), false) => match tensor(message, dtype) {
            Some((shape, values)) if dtype != Some(DType::Bytes) || !single => Some(Form::Tensor { shape, values }),
            _ => (dtype == Some(DType::Bytes) && single).then_some(Form::Message),
        },
        (Kind::String | Kind::Bytes, true) => (textual && one_dim).then_some(Form::Texts(kind == Kind::String)),
        (Kind::String, false) => (textual && single).then_some(Form::Text(true)),
        (Kind::Bytes, false) if textual => single.then_some(Form::Text(false)),
        (Kind::Bytes, false) => Some(Form::Elements),
        (Kind::Enum(_), false) if dtype == Some(DType::Str) => single.then_some(Form::Name(kind)),
        (_, list) => {
            let fits = dtype.is_none_or(|dtype| related(&kind, dtype)) && (list || single);
            fits.then(|| if list { Form::Numbers(kind) } else { Form::Number(kind) })
        }
    }
}

/// Whether numbers of the kind and of the type are of one sort, or one is a finer form of the other.
fn related(kind: &Kind, dtype: DType) -> bool {
    match (Family::of_kind(kind), Family::of_dtype(dtype)) {
        (Some(one), Some(other)) => one.goes_to(other) || other.goes_to(one),
        _ => false,
    }
}

/// The fields of a message that is a tensor: `repeated int64 shape` and `repeated ... values`, and no others.
fn tensor(message: &MessageDescriptor, dtype: Option<DType>) -> Option<(FieldDescriptor, FieldDescriptor)> {
    let (shape, values) = (message.get_field_by_name("shape")?, message.get_field_by_name("values")?);
    let ints = Family::of_kind(&shape.kind()) == Some(Family::Int) && !matches!(shape.kind(), Kind::Enum(_));
    let fits = match (values.kind(), dtype) {
        (Kind::String | Kind::Bytes, dtype) => dtype.is_none_or(DType::is_variable),
        (Kind::Message(_), _) => false,
        (kind, dtype) => dtype.is_none_or(|dtype| related(&kind, dtype)),
    };
    let only = message.fields().len() == 2 && shape.is_list() && values.is_list();
    (only && ints && fits).then_some((shape, values))
}

fn mismatch(field: &FieldDescriptor, port: &Port) -> String {
    let repeated = if field.is_map() {
        "map "
    } else if field.is_list() {
        "repeated "
    } else {
        ""
    };
    let kind = match field.kind() {
        Kind::Message(message) => message.full_name().to_string(),
        Kind::Enum(names) => names.full_name().to_string(),
        kind => format!("{kind:?}").to_lowercase(),
    };
    let dtype = port.dtype.map_or("any type", DType::name);
    let dims =
        port.dims.as_ref().map_or(" of any shape".into(), |dims| format!(" {}", salver_core::Shown(dims, false)));
    format!("field '{}' is {repeated}{kind}, which cannot be {dtype}{dims}", field.name())
}
