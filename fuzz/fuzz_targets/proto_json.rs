#![no_main]
//! A document of anybody as a message, alone and in a stream, and as a request by a route whose path and query are its
//! first two lines.

use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use prost_reflect::{DescriptorPool, MessageDescriptor};
use salver_wire::proto::{compile, json, Documents, Found, Names, Routes};

static KINDS: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/wire/tests/proto/kinds.proto");
    let files = compile(&path, &[]).expect("the file is well-formed");
    DescriptorPool::decode(files.as_slice()).expect("and so is what it becomes")
});

static MESSAGE: LazyLock<MessageDescriptor> =
    LazyLock::new(|| KINDS.get_message_by_name("test.Kinds").expect("the message is there"));

static LIBRARY: LazyLock<Routes<()>> = LazyLock::new(|| {
    let service = KINDS.get_service_by_name("test.Library").expect("the service is there");
    let methods: Vec<_> = service.methods().collect();
    Routes::new(methods.iter().map(|method| (method, ()))).0
});

fuzz_target!(|body: &[u8]| {
    if let Ok(message) = json::read(&MESSAGE, body) {
        let _ = json::write(&mut Vec::new(), &message, Names::Json);
    }
    let mut documents = Documents::default();
    documents.push(body);
    while let Ok(Some(_)) = documents.take_next() {}
    let mut lines = body.splitn(3, |&byte| byte == b'\n').map(String::from_utf8_lossy);
    let (path, query) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let content = lines.next().unwrap_or_default();
    for verb in ["GET", "POST", "PATCH"] {
        if let Found::Route { rule, bindings, .. } = LIBRARY.find(verb, &path) {
            let _ = rule.message(&bindings, &query, content.as_bytes());
        }
    }
});
