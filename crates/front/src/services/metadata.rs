use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::DecodePaddingMode;
use base64::Engine;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Base64 as gRPC has it: written without padding, read either way.
const BINARY: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Headers that belong to HTTP, to gRPC itself, or to what is between server and workers.
const TRANSPORT: [&str; 15] = [
    "salver-caller-bin",
    "te",
    "content-type",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "host",
    "accept",
    "accept-encoding",
    "grpc-timeout",
    "grpc-encoding",
    "grpc-accept-encoding",
    "grpc-status",
    "grpc-message",
];

/// A metadata value: text, or bytes where the key ends with `-bin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Text(String),
    Bytes(Vec<u8>),
}

/// The metadata among headers, in their order. Binary values that are no base64 are left out.
pub fn metadata(headers: &HeaderMap) -> Vec<(String, Value)> {
    let own = headers.iter().filter(|(name, _)| is_own(name));
    own.flat_map(|(name, value)| values(name, value).into_iter().map(|value| (name.to_string(), value))).collect()
}

/// Whether a header is somebody's own, and not HTTP's or gRPC's.
pub fn is_own(name: &HeaderName) -> bool {
    !TRANSPORT.contains(&name.as_str())
}

fn values(name: &HeaderName, value: &HeaderValue) -> Vec<Value> {
    if !name.as_str().ends_with("-bin") {
        return vec![Value::Text(String::from_utf8_lossy(value.as_bytes()).into_owned())];
    }
    // Several values of one key may have been joined on their way.
    let parts = value.as_bytes().split(|&byte| byte == b',');
    parts.filter_map(binary).map(Value::Bytes).collect()
}

/// The bytes of a binary value, if it is base64.
pub fn binary(value: &[u8]) -> Option<Vec<u8>> {
    BINARY.decode(value.trim_ascii()).ok()
}

/// Adds a handler's metadata to headers; an error says what is wrong with it.
pub fn add(headers: &mut HeaderMap, key: &str, value: &Value) -> Result<(), String> {
    let name = HeaderName::try_from(key).ok().filter(|name| name.as_str() == key);
    let name =
        name.ok_or_else(|| format!("'{key}' is no metadata key; use lower-case letters, digits, '_', '-', '.'"))?;
    if key.starts_with("grpc-") && key != "grpc-status-details-bin" || TRANSPORT.contains(&key) {
        return Err(format!("the metadata key '{key}' is gRPC's own; choose another"));
    }
    let value = match (value, key.ends_with("-bin")) {
        (Value::Bytes(bytes), true) => BINARY.encode(bytes),
        (Value::Text(text), true) => BINARY.encode(text),
        (Value::Text(text), false) => text.clone(),
        (Value::Bytes(bytes), false) => String::from_utf8(bytes.clone()).unwrap_or_else(|_| "\u{fffd}".into()),
    };
    let printable = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let value = HeaderValue::try_from(value).ok().filter(|_| printable);
    let value = value.ok_or_else(|| {
        format!(
            "the value of the metadata key '{key}' is not printable ASCII; a key that ends with '-bin' takes any bytes"
        )
    })?;
    headers.append(name, value);
    Ok(())
}
