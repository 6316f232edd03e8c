#![no_main]
//! An infer request over HTTP of anybody, its JSON up to the first line's end if there is one, through the whole
//! exchange of a method that gives back its input.

use std::sync::LazyLock;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use salver_core::{Answer, Item, Servable};
use salver_wire::kserve::http::Infer;
use salver_wire::Exchange;

static ECHO: LazyLock<Servable> = LazyLock::new(|| {
    let port = r#"[{"name": "x", "dtype": null, "dims": null}]"#;
    let text = format!(
        r#"{{"name": "echo", "version": 1, "runtime": "none", "stages": [], "methods": [{{"name": "predict",
        "contract": {{"inputs": {port}, "outputs": {port}, "batched": true}},
        "plan": {{"steps": [], "outputs": [{{"input": 0}}]}}}}]}}"#
    );
    Servable::from_json(&text).expect("the servable is well-formed")
});

fuzz_target!(|body: &[u8]| {
    let json = body.iter().position(|&byte| byte == b'\n').map(|length| length.to_string());
    let body = Bytes::copy_from_slice(body);
    let Ok(mut infer) = Infer::parse("echo", None, json.as_deref(), body) else { return };
    let _ = infer.target();
    let method = &ECHO.methods[0];
    match infer.parts(&ECHO, method) {
        Err(error) => drop(infer.refuse(&error)),
        Ok(parts) => {
            let item = |part: salver_core::Part| {
                let rows = part.rows();
                Item { part: 0, first: 0, rows, last: true, outcome: Ok(part.into_columns()) }
            };
            let answer = Answer { items: parts.into_iter().map(item).collect() };
            drop(infer.answer(&ECHO, method, answer));
        }
    }
});
