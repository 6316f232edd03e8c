use std::borrow::Cow;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

/// The way from a message to a field in it, or in one of its messages: `shelf.name`.
#[derive(Clone, Debug)]
pub struct FieldPath {
    /// The messages on the way, outermost first.
    outer: Vec<FieldDescriptor>,
    leaf: FieldDescriptor,
}

/// The most names of a way. A message may hold itself, so that strangers could make ways as long as they like.
const LONGEST: usize = 32;

impl FieldPath {
    /// Finds a field by names with dots between them, each as the `.proto` or as JSON has it. Why not, in a clause.
    pub fn resolve(message: &MessageDescriptor, path: &str) -> Result<FieldPath, String> {
        if path.split('.').nth(LONGEST).is_some() {
            return Err(format!("a way to a field has at most {LONGEST} names"));
        }
        let mut names = path.split('.').peekable();
        let (mut message, mut outer) = (message.clone(), Vec::new());
        loop {
            let name = names.next().unwrap_or_default();
            let field = message.get_field_by_name(name).or_else(|| message.get_field_by_json_name(name));
            let field = field.ok_or_else(|| unknown(&message, name))?;
            if names.peek().is_none() {
                return Ok(FieldPath { outer, leaf: field });
            }
            message = match field.kind() {
                Kind::Message(inner) if !field.is_list() && !field.is_map() => inner,
                _ => return Err(format!("field '{name}' of {} is not a single message", message.full_name())),
            };
            outer.push(field);
        }
    }

    pub fn leaf(&self) -> &FieldDescriptor {
        &self.leaf
    }

    pub(crate) fn outer(&self) -> &[FieldDescriptor] {
        &self.outer
    }

    /// Whether the ways are the same, or one of them leads through the other's field.
    pub(crate) fn overlaps(&self, other: &FieldPath) -> bool {
        let numbers = |path: &FieldPath| -> Vec<u32> {
            path.outer.iter().chain([&path.leaf]).map(FieldDescriptor::number).collect()
        };
        let (one, other) = (numbers(self), numbers(other));
        one.iter().zip(&other).all(|(one, other)| one == other)
    }

    /// The message that holds the field; `None` if one on the way is not set.
    pub(crate) fn reach<'m>(&self, message: &'m DynamicMessage) -> Option<&'m DynamicMessage> {
        self.outer.iter().try_fold(message, |message, field| {
            match message.has_field(field).then(|| message.get_field(field))? {
                Cow::Borrowed(Value::Message(inner)) => Some(inner),
                _ => None,
            }
        })
    }

    /// The message that holds the field, made if it is not there.
    pub fn holder<'m>(&self, message: &'m mut DynamicMessage) -> &'m mut DynamicMessage {
        self.outer.iter().fold(message, |message, field| {
            // A way leads through messages alone.
            match message.get_field_mut(field) {
                Value::Message(inner) => inner,
                _ => unreachable!("a way leads through messages alone"),
            }
        })
    }
}

fn unknown(message: &MessageDescriptor, name: &str) -> String {
    let known: Vec<String> = message.fields().map(|field| format!("'{}'", field.name())).collect();
    let known = if known.is_empty() { "none".into() } else { known.join(", ") };
    format!("message {} has no field '{name}'; it has {known}", message.full_name())
}
