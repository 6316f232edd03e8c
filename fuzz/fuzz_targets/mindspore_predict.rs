#![no_main]
//! A `PredictRequest` of anybody, through the whole exchange of a method that gives back its inputs.

use std::sync::LazyLock;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use salver_core::{Answer, Item, Servable};
use salver_wire::mindspore::Predict;
use salver_wire::Exchange;

static ECHO: LazyLock<Servable> = LazyLock::new(|| {
    let ports = r#"[{"name": "x1", "dtype": "float32", "dims": [2, 2]}, {"name": "x2", "dtype": "int8", "dims": ["n"]},
        {"name": "x3", "dtype": null, "dims": null}]"#;
    let text = format!(
        r#"{{"name": "echo", "version": 1, "runtime": "none", "stages": [], "methods": [{{"name": "predict",
        "contract": {{"inputs": {ports}, "outputs": {ports}, "batched": true}},
        "plan": {{"steps": [], "outputs": [{{"input": 0}}, {{"input": 1}}, {{"input": 2}}]}}}}]}}"#
    );
    Servable::from_json(&text).expect("the servable is well-formed")
});

fuzz_target!(|body: &[u8]| {
    let Ok(mut predict) = Predict::parse(Bytes::copy_from_slice(body)) else { return };
    let _ = predict.target();
    let method = &ECHO.methods[0];
    match predict.parts(&ECHO, method) {
        Err(error) => drop(predict.refuse(&error)),
        Ok(parts) => {
            let items = parts.into_iter().enumerate().map(|(part, data)| Item {
                part,
                first: 0,
                rows: data.rows(),
                last: true,
                outcome: Ok(data.into_columns()),
            });
            let answer = Answer { items: items.collect() };
            drop(predict.answer(&ECHO, method, answer));
        }
    }
});
