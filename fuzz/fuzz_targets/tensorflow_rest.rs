#![no_main]
//! A REST request of anybody, its path up to the first line's end, through the whole exchange of a method that gives
//! back its inputs.

use std::sync::LazyLock;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use salver_core::{Answer, Item, Servable};
use salver_wire::tensorflow::rest::{Binary, Inference, Predict, Route};
use salver_wire::tensorflow::{Spec, Task};
use salver_wire::Exchange;

static ECHO: LazyLock<Servable> = LazyLock::new(|| {
    let any = r#"[{"name": "inputs", "dtype": null, "dims": null}]"#;
    let some = r#"[{"name": "x", "dtype": "float32", "dims": ["n"]}, {"name": "b", "dtype": "bytes", "dims": []},
        {"name": "k", "dtype": "int8", "dims": [2], "optional": true}]"#;
    let method = |name: &str, ports: &str, outputs: &str| {
        format!(
            r#"{{"name": "{name}", "contract": {{"inputs": {ports}, "outputs": {ports}, "batched": true}},
            "plan": {{"steps": [], "outputs": [{outputs}]}}}}"#
        )
    };
    let methods =
        [method("any", any, r#"{"input": 0}"#), method("some", some, r#"{"input": 0}, {"input": 1}, {"input": 2}"#)];
    let text = format!(
        r#"{{"name": "echo", "version": 1, "runtime": "none", "stages": [], "methods": [{}]}}"#,
        methods.join(",")
    );
    Servable::from_json(&text).expect("the servable is well-formed")
});

fn run<E: Exchange>(mut exchange: E, method: usize) {
    let method = &ECHO.methods[method];
    match exchange.parts(&ECHO, method) {
        Err(error) => drop(exchange.refuse(&error)),
        Ok(parts) => {
            let item = |part: salver_core::Part| {
                let rows = part.rows();
                Item { part: 0, first: 0, rows, last: true, outcome: Ok(part.into_columns()) }
            };
            drop(exchange.answer(&ECHO, method, Answer { items: parts.into_iter().map(item).collect() }));
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let split = input.iter().position(|&byte| byte == b'\n').unwrap_or(0);
    let (path, body) = input.split_at(split);
    for method in ["GET", "POST"] {
        let _ = Route::parse(method, &String::from_utf8_lossy(path));
    }
    let body = Bytes::copy_from_slice(body);
    for method in 0..ECHO.methods.len() {
        let _ = Predict::parse(Spec::default(), body.clone()).map(|exchange| run(exchange, method));
    }
    for task in [Task::Classify, Task::Regress] {
        let _ = Inference::parse(task, Spec::default(), body.clone()).map(|exchange| run(exchange, 0));
    }
    let _ = Binary::predict(Spec::default(), body).map(|exchange| run(exchange, 0));
});
