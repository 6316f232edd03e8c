use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::DecodePaddingMode;
use base64::Engine;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

use super::json;

/// A value that a path or a query names by text alone. Why not, in a clause.
pub fn value(field: &FieldDescriptor, text: &str) -> Result<Value, String> {
    match field.is_map() {
        true => Err("a map has no form in a path or a query; send it in the body".into()),
        false => of_kind(&field.kind(), text),
    }
}

fn of_kind(kind: &Kind, text: &str) -> Result<Value, String> {
    let wrong = |what: &str| format!("'{text}' is not {what}");
    match kind {
        Kind::String => Ok(Value::String(text.into())),
        Kind::Bool => text.parse().map(Value::Bool).map_err(|_| wrong("true or false")),
        Kind::Enum(names) => {
            let number = names.get_value_by_name(text).map(|value| value.number());
            let number = number.or_else(|| text.parse().ok());
            number.map(Value::EnumNumber).ok_or_else(|| wrong(&format!("a value of {}", names.full_name())))
        }
        Kind::Message(message) => of_message(message, text),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => text.parse().map(Value::I32).map_err(|_| wrong("an int32")),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => text.parse().map(Value::I64).map_err(|_| wrong("an int64")),
        Kind::Uint32 | Kind::Fixed32 => text.parse().map(Value::U32).map_err(|_| wrong("a uint32")),
        Kind::Uint64 | Kind::Fixed64 => text.parse().map(Value::U64).map_err(|_| wrong("a uint64")),
        Kind::Float => text.parse().map(Value::F32).map_err(|_| wrong("a number")),
        Kind::Double => text.parse().map(Value::F64).map_err(|_| wrong("a number")),
        Kind::Bytes => Ok(Value::Bytes(base64(text).ok_or_else(|| wrong("base64"))?.into())),
    }
}

/// Messages whose JSON form is a single value: wrappers, times, durations, masks.
fn of_message(message: &MessageDescriptor, text: &str) -> Result<Value, String> {
    if is_wrapper(message) {
        let mut wrapper = DynamicMessage::new(message.clone());
        let field = message.get_field(1).ok_or("a wrapper without a value")?;
        wrapper.set_field(&field, of_kind(&field.kind(), text)?);
        return Ok(Value::Message(wrapper));
    }
    match message.full_name() {
        "google.protobuf.Timestamp" | "google.protobuf.Duration" | "google.protobuf.FieldMask" => {
            let document = serde_json::to_vec(text).map_err(|error| error.to_string())?;
            json::read(message, &document).map(Value::Message).map_err(|error| format!("'{text}': {}", error.text))
        }
        name => Err(format!("{name} has no form in a path or a query; name one of its fields, or send it in the body")),
    }
}

/// Whether a message is one of those that put presence around a single value.
pub(crate) fn is_wrapper(message: &MessageDescriptor) -> bool {
    let name = message.full_name().strip_prefix("google.protobuf.").and_then(|name| name.strip_suffix("Value"));
    matches!(name, Some("Double" | "Float" | "Int64" | "UInt64" | "Int32" | "UInt32" | "Bool" | "String" | "Bytes"))
}

/// Base64 in either alphabet, padded or not.
fn base64(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let url_safe = text.contains(['-', '_']);
    let alphabet = if url_safe { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
    GeneralPurpose::new(alphabet, LENIENT).decode(text).ok()
}
