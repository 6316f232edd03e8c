#![no_main]
//! Every request of TensorFlow Serving's gRPC but `Predict`, of anybody; those with examples through the whole
//! exchange of a method that gives back its examples as labels.

use std::sync::LazyLock;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use salver_core::{Answer, Item, Servable};
use salver_wire::tensorflow::{
    Inference, MetadataRequest, MultiInference, Origins, ReloadRequest, StatusRequest, Task,
};
use salver_wire::Exchange;

static LABELS: LazyLock<Servable> = LazyLock::new(|| {
    let text = r#"{"name": "labels", "version": 1, "runtime": "none", "stages": [], "methods": [{"name": "classify",
        "contract": {"inputs": [{"name": "inputs", "dtype": "bytes", "dims": []}],
        "outputs": [{"name": "classes", "dtype": "bytes", "dims": []}], "batched": true},
        "plan": {"steps": [], "outputs": [{"input": 0}]}}]}"#;
    Servable::from_json(text).expect("the servable is well-formed")
});

fn run<E: Exchange>(mut exchange: E) -> E::Reply {
    let _ = exchange.target();
    let method = &LABELS.methods[0];
    match exchange.parts(&LABELS, method) {
        Err(error) => exchange.refuse(&error),
        Ok(parts) => {
            let item = |part: salver_core::Part| {
                let rows = part.rows();
                Item { part: 0, first: 0, rows, last: true, outcome: Ok(part.into_columns()) }
            };
            exchange.answer(&LABELS, method, Answer { items: parts.into_iter().map(item).collect() })
        }
    }
}

fuzz_target!(|body: &[u8]| {
    let body = Bytes::copy_from_slice(body);
    for task in [Task::Classify, Task::Regress] {
        let _ = Inference::parse(task, body.clone()).map(run);
    }
    let tasks = MultiInference::parse(body.clone()).and_then(|multi| multi.tasks(&LABELS));
    drop(MultiInference::join(tasks.into_iter().flatten().map(run).collect()));
    let _ = MetadataRequest::parse(body.clone()).map(|request| request.grpc(&LABELS, &Origins::default()));
    let _ = StatusRequest::parse(body.clone()).map(|request| request.grpc(&[]));
    let _ = ReloadRequest::parse(body);
});
