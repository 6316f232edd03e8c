use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};

/// Parameters of a request by name: text, numbers and truth values.
pub type Parameters = Map<String, Value>;

/// Headers that speak of how a request travels, not of the call. gRPC's own begin with `grpc-`, HTTP's about the body
/// with `content-`.
const TRANSPORT: [&str; 10] = [
    "accept-encoding",
    "connection",
    "expect",
    "host",
    "inference-header-content-length",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What a call says beside its inputs, as JSON: `{"metadata": [[name, value], ...], "parameters": {...}}`.
///
/// `headers` have names in lower case. Those of the transport are left out; values are shown as they were sent, so
/// those of names in `-bin` as base64.
pub fn details<'a>(headers: impl Iterator<Item = (&'a str, &'a [u8])>, parameters: &Parameters) -> String {
    #[derive(Serialize)]
    struct Details<'a> {
        metadata: Vec<(&'a str, Cow<'a, str>)>,
        parameters: &'a Parameters,
    }
    let metadata = headers.filter(|(name, _)| !is_transport(name));
    let metadata = metadata.map(|(name, value)| (name, String::from_utf8_lossy(value))).collect();
    // Text, numbers and truth values can always be written.
    serde_json::to_string(&Details { metadata, parameters }).unwrap_or_default()
}

fn is_transport(name: &str) -> bool {
    name.starts_with("grpc-") || name.starts_with("content-") || name.starts_with(':') || TRANSPORT.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_what_the_caller_chose_to_say() {
        let headers: [(&str, &[u8]); 10] = [
            (":path", b"/"),
            ("host", b"localhost"),
            ("content-type", b"application/grpc"),
            ("grpc-timeout", b"1S"),
            ("te", b"trailers"),
            ("user-agent", b"curl"),
            ("x-tag", b"a \"quoted\" word"),
            ("x-tag", b"again"),
            ("trace-bin", b"AAEC"),
            ("x-name", "äö".as_bytes()),
        ];
        let mut parameters = Parameters::new();
        parameters.insert("temperature".into(), 0.5.into());
        parameters.insert("stop".into(), true.into());
        let wanted = concat!(
            r#"{"metadata":[["user-agent","curl"],["x-tag","a \"quoted\" word"],["x-tag","again"],"#,
            r#"["trace-bin","AAEC"],["x-name","äö"]],"parameters":{"stop":true,"temperature":0.5}}"#
        );
        assert_eq!(details(headers.into_iter(), &parameters), wanted);
    }

    #[test]
    fn a_call_may_say_nothing() {
        assert_eq!(details([].into_iter(), &Parameters::new()), r#"{"metadata":[],"parameters":{}}"#);
    }
}
