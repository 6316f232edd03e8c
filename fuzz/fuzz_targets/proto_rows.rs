#![no_main]
//! A message of anybody as a row of each of some methods that give back their input by the same field.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use salver_core::Servable;
use salver_wire::proto::{compile, mapped, MappedRpc, RowCall};
use salver_wire::Exchange;

/// Type and dimensions of a port as JSON, whether it is a document, and the field that it is.
const PORTS: [(&str, &str, bool, &str); 10] = [
    ("null", "null", false, "data"),
    ("\"float32\"", "[\"n\"]", false, "data"),
    ("\"uint8\"", "null", false, "i32"),
    ("\"float64\"", "[2, \"n\"]", false, "floats"),
    ("\"int8\"", "null", false, "longs"),
    ("\"str\"", "null", false, "colour"),
    ("\"str\"", "null", false, "texts"),
    ("\"float32\"", "null", false, "tensor"),
    ("\"float64\"", "null", false, "w_double"),
    ("\"str\"", "null", true, "."),
];

static ECHOES: LazyLock<Vec<(Servable, Arc<MappedRpc>)>> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/wire/tests/proto/kinds.proto");
    let files = STANDARD.encode(compile(&path, &[]).expect("the file is well-formed"));
    let echo = |(dtype, dims, json, field): (&str, &str, bool, &str)| {
        let port = format!(r#"[{{"name": "x", "dtype": {dtype}, "dims": {dims}, "json": {json}}}]"#);
        let text = format!(
            r#"{{"name": "echo", "version": 1, "runtime": "none", "stages": [], "methods": [{{"name": "m",
            "contract": {{"inputs": {port}, "outputs": {port}, "batched": true}},
            "plan": {{"steps": [], "outputs": [{{"input": 0}}]}}}}],
            "services": [{{"name": "test.Rows", "descriptors": "{files}", "methods": [{{"rpc": "Echo", "method": "m",
            "inputs": {{"x": "{field}"}}, "outputs": {{"x": "{field}"}}}}]}}]}}"#
        );
        let servable = Servable::from_json(&text).expect("the servable is well-formed");
        let rpc = Arc::clone(&mapped(&servable).expect("and its service fits it")[0].rpcs[0]);
        (servable, rpc)
    };
    PORTS.into_iter().map(echo).collect()
});

fuzz_target!(|body: &[u8]| {
    for (servable, rpc) in ECHOES.iter() {
        let method = &servable.methods[0];
        let mut call = RowCall::new(Arc::clone(rpc), servable, Bytes::copy_from_slice(body));
        if let Ok(parts) = call.parts(servable, method) {
            let _ = call.say(method, parts[0].columns());
        }
    }
});
