use std::path::Path;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use salver_wire::proto::{compile, json, Names};

/// The messages and services of `kinds.proto`.
pub fn kinds() -> DescriptorPool {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/proto/kinds.proto");
    DescriptorPool::decode(compile(&path, &[]).unwrap().as_slice()).unwrap()
}

pub fn message(name: &str) -> MessageDescriptor {
    kinds().get_message_by_name(&format!("test.{name}")).unwrap()
}

/// A message from its JSON form, encoded.
pub fn encoded(name: &str, document: &str) -> Vec<u8> {
    json::read(&message(name), document.as_bytes()).unwrap().encode_to_vec()
}

/// The JSON form of an encoded message.
pub fn shown(name: &str, bytes: &[u8]) -> String {
    let mut out = Vec::new();
    json::write(&mut out, &DynamicMessage::decode(message(name), bytes).unwrap(), Names::Json).unwrap();
    String::from_utf8(out).unwrap()
}
