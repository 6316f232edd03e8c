//! The Connect protocol: its errors, the end of its streams, and calls by GET.

use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD_NO_PAD};
use base64::engine::DecodePaddingMode;
use base64::Engine;
use bytes::Bytes;
use percent_encoding::percent_decode;
use prost::Message;
use salver_core::Code;
use serde_json::{json, Map, Value};

use crate::proto::{Detail, RichStatus};

/// The bit in an envelope's flags that says its message is the last, and the end of the stream.
pub const END_OF_STREAM: u8 = 2;

/// How a call failed, in gRPC's terms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    pub code: u32,
    pub message: String,
    /// What `grpc-status-details-bin` holds: a `google.rpc.Status`.
    pub details: Option<Bytes>,
}

impl Failure {
    pub fn new(code: u32, message: impl Into<String>) -> Failure {
        Failure { code, message: message.into(), details: None }
    }

    /// The code. An error is never well.
    fn code(&self) -> Code {
        match Code::of(self.code) {
            Code::Ok => Code::Unknown,
            code => code,
        }
    }

    /// The status of a unary reply.
    pub fn http_status(&self) -> u16 {
        self.code().http()
    }

    /// The body of a unary reply.
    pub fn body(&self) -> Bytes {
        self.document().to_string().into()
    }

    fn document(&self) -> Value {
        let mut document = Map::from_iter([("code".into(), name(self.code()).into())]);
        if !self.message.is_empty() {
            document.insert("message".into(), self.message.as_str().into());
        }
        let details = self.details.as_ref().and_then(|bytes| RichStatus::decode(bytes.clone()).ok());
        let details: Vec<Value> = details.into_iter().flat_map(|status| status.details).map(detail).collect();
        if !details.is_empty() {
            document.insert("details".into(), details.into());
        }
        document.into()
    }
}

/// The protocol's name of a code.
fn name(code: Code) -> String {
    match code {
        Code::Cancelled => "canceled".into(),
        code => code.name().to_ascii_lowercase(),
    }
}

fn detail(any: Detail) -> Value {
    let name = any.type_url.rsplit('/').next().unwrap_or_default();
    json!({"type": name, "value": STANDARD_NO_PAD.encode(&any.value)})
}

/// The message that ends a stream: why it failed if it did, and trailing metadata.
pub fn end_of_stream<'a>(failure: Option<&Failure>, metadata: impl Iterator<Item = (&'a str, &'a str)>) -> Bytes {
    let mut document = Map::new();
    if let Some(failure) = failure {
        document.insert("error".into(), failure.document());
    }
    let mut told = Map::new();
    for (name, value) in metadata {
        let values = told.entry(name).or_insert_with(|| Value::Array(Vec::new()));
        values.as_array_mut().into_iter().for_each(|values| values.push(value.into()));
    }
    if !told.is_empty() {
        document.insert("metadata".into(), told.into());
    }
    Value::from(document).to_string().into()
}

/// A time-out of `Connect-Timeout-Ms` as `grpc-timeout` has it; an error says what is wrong with it.
pub fn timeout(milliseconds: &str) -> Result<String, String> {
    let digits = (1..=10).contains(&milliseconds.len()) && milliseconds.bytes().all(|byte| byte.is_ascii_digit());
    match milliseconds.parse::<u64>() {
        Ok(number) if digits && number < 100_000_000 => Ok(format!("{number}m")),
        Ok(number) if digits => Ok(format!("{}S", number / 1000)),
        _ => Err(format!("Connect-Timeout-Ms: '{milliseconds}' is not 1 to 10 digits")),
    }
}

/// A call by GET, as its query has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// `proto` or `json`.
    pub encoding: String,
    pub message: Bytes,
    pub compression: Option<String>,
    /// What `connect` says the protocol's version is.
    pub version: Option<String>,
}

/// The alphabet that is safe in addresses, with padding or without.
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Query {
    /// Whether a query is one of a call; others are none of this protocol's.
    pub fn is_call(query: &str) -> bool {
        let has = |wanted: &str| query.split('&').any(|pair| pair.split('=').next() == Some(wanted));
        has("encoding") && has("message")
    }

    /// Reads a query; an error says what is wrong with it.
    pub fn parse(query: &str) -> Result<Query, String> {
        let mut parsed = Query::default();
        let mut base64 = false;
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            // In a query, + is a space.
            let value = value.replace('+', " ");
            let value: Vec<u8> = percent_decode(value.as_bytes()).collect();
            let text = || String::from_utf8(value.clone()).map_err(|_| format!("{name}: its bytes are not UTF-8"));
            match name {
                "encoding" => parsed.encoding = text()?,
                "message" => parsed.message = value.into(),
                "base64" => base64 = value == b"1",
                "compression" => parsed.compression = Some(text()?),
                "connect" => parsed.version = Some(text()?),
                _ => {}
            }
        }
        if base64 {
            let decoded = URL_SAFE.decode(&parsed.message);
            parsed.message = decoded.map_err(|error| format!("message: it is not URL-safe base64: {error}"))?.into();
        }
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_names_statuses_and_details() {
        let any =
            Detail { type_url: "type.googleapis.com/google.rpc.RetryInfo".into(), value: Bytes::from_static(b"\n\0") };
        let details = Some(RichStatus { details: vec![any], ..RichStatus::default() }.encode_to_vec().into());
        let cases = [
            (Failure::new(5, "no \"it\""), 404, r#"{"code":"not_found","message":"no \"it\""}"#),
            (Failure::new(1, ""), 499, r#"{"code":"canceled"}"#),
            (Failure::new(0, ""), 500, r#"{"code":"unknown"}"#),
            (Failure::new(77, "odd"), 500, r#"{"code":"unknown","message":"odd"}"#),
            (
                Failure { details, ..Failure::new(14, "") },
                503,
                r#"{"code":"unavailable","details":[{"type":"google.rpc.RetryInfo","value":"CgA"}]}"#,
            ),
            (
                Failure { details: Some(Bytes::from_static(b"\xff")), ..Failure::new(3, "") },
                400,
                r#"{"code":"invalid_argument"}"#,
            ),
        ];
        for (failure, status, body) in cases {
            assert_eq!((failure.http_status(), failure.body()), (status, body.into()));
        }
    }

    #[test]
    fn a_stream_ends_with_its_trailing_metadata() {
        let metadata = [("a", "1"), ("b", "2"), ("a", "3")];
        let failure = Failure::new(8, "full");
        assert_eq!(end_of_stream(None, [].into_iter()), "{}");
        assert_eq!(
            end_of_stream(Some(&failure), metadata.into_iter()),
            r#"{"error":{"code":"resource_exhausted","message":"full"},"metadata":{"a":["1","3"],"b":["2"]}}"#
        );
    }

    #[test]
    fn timeouts_fit_into_what_grpc_has_room_for() {
        let cases = [
            ("5", Ok("5m".to_string())),
            ("99999999", Ok("99999999m".into())),
            ("9999999999", Ok("9999999S".into())),
            ("", Err(())),
            ("-1", Err(())),
            ("+1", Err(())),
            ("1.5", Err(())),
            ("12345678901", Err(())),
        ];
        for (text, wanted) in cases {
            assert_eq!(timeout(text).map_err(|_| ()), wanted, "{text}");
        }
    }

    #[test]
    fn queries_are_read() {
        let parse = |query: &str| Query::parse(query).map(|query| (query.encoding, query.message, query.compression));
        let read = |encoding: &str, message: &'static [u8]| Ok((encoding.into(), Bytes::from_static(message), None));
        assert_eq!(parse("encoding=json&message=%7B%22a%22%3A+1%7D&connect=v1"), read("json", b"{\"a\": 1}"));
        assert_eq!(parse("message=-_8&encoding=proto&base64=1"), read("proto", b"\xfb\xff"));
        assert_eq!(parse("message=-_8%3D&encoding=proto&base64=1"), read("proto", b"\xfb\xff"));
        assert_eq!(parse("message=&encoding=proto"), read("proto", b""));
        assert!(parse("message=%2F&encoding=proto&base64=1").unwrap_err().contains("base64"));
        assert!(parse("message=&encoding=%ff").unwrap_err().contains("UTF-8"));
        for (query, wanted) in
            [("encoding=json&message=", true), ("message=1", false), ("", false), ("xencoding=&message=", false)]
        {
            assert_eq!(Query::is_call(query), wanted, "{query}");
        }
    }
}
