//! Bytes from anybody are answered or refused, never more.

use proptest::prelude::*;
use salver_core::{DType, Dim};
use serde::de::IgnoredAny;

use crate::servables::*;

const TYPES: [&str; 4] = ["application/json", "image/png", "multipart/form-data; boundary=b", ""];

fn call_all(body: &[u8]) {
    let free = [Dim::Free(String::new())];
    let mut servables: Vec<_> = DType::ALL.map(|dtype| echo(vec![port("x", dtype, Some(&free))])).into();
    servables.extend([picture(), echo(vec![port("x", None, None)]), echo(vec![document("x")])]);
    servables.push(echo(vec![optional("x", DType::F32, Some(&free))]));
    for servable in servables {
        for content_type in TYPES {
            let (_, document) = read(&call_by(&servable, content_type, body, same));
            serde_json::from_str::<IgnoredAny>(&document).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_bytes_do_no_harm(body in prop::collection::vec(any::<u8>(), 0..100)) {
        call_all(&body);
    }

    #[test]
    fn pieces_of_json_do_no_harm(pieces in prop::collection::vec(
        prop::sample::select(vec!["{", "}", "[", "]", ",", ":", "\"x\"", "\"b64\"", "1", "-0.5e3", "true", "null", "\"\\ud800\"", "ä"]),
        0..30,
    )) {
        let pieces = pieces.concat();
        call_all(pieces.as_bytes());
        call_all(format!(r#"{{"x":{pieces}}}"#).as_bytes());
    }
}

#[test]
fn deep_nesting_is_refused_not_followed() {
    for open in ["[", r#"{"x":"#, r#"[{"x":"#, r#"[{"b64":"#] {
        let deep = open.repeat(100_000);
        call_all(deep.as_bytes());
        call_all(format!(r#"{{"x":{deep}}}"#).as_bytes());
    }
    for (open, close) in [("[", "]"), (r#"{"x":"#, "}")] {
        let deep = open.repeat(10_000) + "1" + &close.repeat(10_000);
        call_all(format!(r#"{{"x":{deep}}}"#).as_bytes());
    }
}
