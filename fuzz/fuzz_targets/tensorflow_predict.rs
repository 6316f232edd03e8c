#![no_main]
//! A `PredictRequest` of anybody, through the whole exchange of a method that gives back its inputs.

use std::sync::LazyLock;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use salver_core::{Answer, Item, Servable};
use salver_wire::tensorflow::{Form, Predict};
use salver_wire::Exchange;

static ECHO: LazyLock<Servable> = LazyLock::new(|| {
    let ports = r#"[{"name": "x", "dtype": null, "dims": null},
        {"name": "k", "dtype": "int8", "dims": ["n"], "optional": true},
        {"name": "s", "dtype": "str", "dims": [2], "optional": true}]"#;
    let text = format!(
        r#"{{"name": "echo", "version": 1, "runtime": "none", "stages": [], "methods": [{{"name": "predict",
        "contract": {{"inputs": {ports}, "outputs": {ports}, "batched": true}},
        "plan": {{"steps": [], "outputs": [{{"input": 0}}, {{"input": 1}}, {{"input": 2}}]}}}}]}}"#
    );
    Servable::from_json(&text).expect("the servable is well-formed")
});

fuzz_target!(|body: &[u8]| {
    for form in [Form::Typed, Form::Content] {
        let Ok(mut predict) = Predict::parse(Bytes::copy_from_slice(body), form) else { return };
        let _ = predict.target();
        let method = &ECHO.methods[0];
        match predict.parts(&ECHO, method) {
            Err(error) => drop(predict.refuse(&error)),
            Ok(parts) => {
                let item = |part: salver_core::Part| {
                    let rows = part.rows();
                    Item { part: 0, first: 0, rows, last: true, outcome: Ok(part.into_columns()) }
                };
                let answer = Answer { items: parts.into_iter().map(item).collect() };
                drop(predict.answer(&ECHO, method, answer));
            }
        }
    }
});
