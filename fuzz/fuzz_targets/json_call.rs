#![no_main]
//! A plain JSON call of anybody, its content type up to the first line's end, through the whole exchange of a
//! method that gives back its inputs.

use std::sync::LazyLock;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use salver_core::{Answer, Item, Servable};
use salver_wire::json::{Address, Call};
use salver_wire::Exchange;

static ECHO: LazyLock<Servable> = LazyLock::new(|| {
    let ports = r#"[{"name": "x", "dtype": "float32", "dims": [2, "n"]}, {"name": "b", "dtype": "bytes", "dims": null},
        {"name": "any", "dtype": null, "dims": null}, {"name": "o", "dtype": "int8", "dims": [], "optional": true},
        {"name": "doc", "dtype": "str", "dims": [], "optional": true, "json": true}]"#;
    let text = format!(
        r#"{{"name": "echo", "version": 1, "runtime": "none", "stages": [], "methods": [{{"name": "predict",
        "contract": {{"inputs": {ports}, "outputs": {ports}, "batched": true}},
        "plan": {{"steps": [], "outputs": [{{"input": 0}}, {{"input": 1}}, {{"input": 2}}, {{"input": 3}},
        {{"input": 4}}]}}}}]}}"#
    );
    Servable::from_json(&text).expect("the servable is well-formed")
});

fuzz_target!(|input: &[u8]| {
    let split = input.iter().position(|&byte| byte == b'\n').unwrap_or(0);
    let (content_type, body) = input.split_at(split);
    let content_type = String::from_utf8_lossy(content_type);
    let Ok(address) = Address::parse("echo") else { return };
    let Ok(mut call) = Call::parse(address, &content_type, Bytes::copy_from_slice(body)) else { return };
    let method = &ECHO.methods[0];
    match call.parts(&ECHO, method) {
        Err(error) => drop(call.refuse(&error)),
        Ok(parts) => {
            let items = parts.into_iter().enumerate().map(|(part, data)| Item {
                part,
                first: 0,
                rows: data.rows(),
                last: true,
                outcome: Ok(data.into_columns()),
            });
            let answer = Answer { items: items.collect() };
            drop(call.answer(&ECHO, method, answer));
        }
    }
});
