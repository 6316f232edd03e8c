use prost::Message;
use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use prost_reflect::prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};
use prost_reflect::{DynamicMessage, Kind};
use salver_wire::proto::{json, pool, Names};

fn field(name: &str, number: i32, kind: Type, type_name: Option<&str>) -> FieldDescriptorProto {
    FieldDescriptorProto {
        name: Some(name.into()),
        number: Some(number),
        label: Some(Label::Optional.into()),
        r#type: Some(kind.into()),
        type_name: type_name.map(str::to_string),
        json_name: Some(name.into()),
        ..Default::default()
    }
}

/// A file of edition 2023 with a message that has a text and a message of its own kind; `features` are appended to the
/// latter's field.
fn edition(features: &[u8]) -> Vec<u8> {
    let text = field("text", 1, Type::String, None).encode_to_vec();
    let mut inner = field("inner", 2, Type::Message, Some(".ed.M")).encode_to_vec();
    inner.extend_from_slice(features);
    let mut message = DescriptorProto { name: Some("M".into()), ..Default::default() }.encode_to_vec();
    for field in [text, inner] {
        message.extend([0x12, field.len() as u8]);
        message.extend(field);
    }
    let mut file = FileDescriptorProto {
        name: Some("ed.proto".into()),
        package: Some("ed".into()),
        syntax: Some("editions".into()),
        ..Default::default()
    }
    .encode_to_vec();
    file.extend([0x22, message.len() as u8]);
    file.extend(message);
    // Edition 2023.
    file.extend([0x70, 0xe8, 0x07]);
    let mut set = FileDescriptorSet::default().encode_to_vec();
    set.extend([0x0a, file.len() as u8]);
    set.extend(file);
    set
}

#[test]
fn files_with_editions_are_read() {
    let pool = pool(&edition(b"").into()).unwrap();
    let message = pool.get_message_by_name("ed.M").unwrap();
    assert!(message.get_field(1).unwrap().supports_presence());
    let read = json::read(&message, br#"{"text":"","inner":{"text":"a"}}"#).unwrap();
    assert_eq!(read.encode_to_vec(), b"\x0a\x00\x12\x03\x0a\x01a");
    let mut out = Vec::new();
    json::write(&mut out, &DynamicMessage::decode(message, b"\x0a\x00".as_slice()).unwrap(), Names::Json).unwrap();
    assert_eq!(out, br#"{"text":""}"#);
}

#[test]
fn messages_may_be_delimited_as_groups() {
    // options { features { message_encoding: DELIMITED } }
    let pool = pool(&edition(b"\x42\x05\xaa\x01\x02\x28\x02").into()).unwrap();
    let message = pool.get_message_by_name("ed.M").unwrap();
    let inner = message.get_field(2).unwrap();
    assert!(inner.is_group() && matches!(inner.kind(), Kind::Message(_)));
    let read = json::read(&message, br#"{"inner":{"text":"a"}}"#).unwrap();
    assert_eq!(read.encode_to_vec(), b"\x13\x0a\x01a\x14");
}

#[test]
fn other_files_stay_as_they_are() {
    let set = crate::support::kinds().encode_to_vec();
    let read = pool(&set.clone().into()).unwrap();
    assert_eq!(read.encode_to_vec(), set);
}

#[test]
fn what_is_no_set_of_files_is_refused() {
    for set in [&b"\x0a"[..], b"\x0a\x02\xff\xff", b"\x0a\x03\x22\x01\x0a", b"\xff"] {
        assert!(pool(&set.to_vec().into()).is_err(), "{set:?}");
    }
}
