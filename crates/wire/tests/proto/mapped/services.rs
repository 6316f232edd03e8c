use salver_core::{Servable, Service};
use salver_wire::proto::{mapped, Said};

use super::{described, look, parts, said, servable, Ports};

#[test]
fn services_that_do_not_fit_are_refused_when_they_are_loaded() {
    let x: Ports = &[("x", "json", ".")];
    let refused = |rpc: &str, sequence, inputs, outputs| mapped(&servable(rpc, sequence, inputs, outputs)).unwrap_err();
    let cases = [
        (refused("Nope", false, x, x), "service test.Rows has no method 'Nope'"),
        (refused("Gather", false, x, x), "test.Rows.Gather as method 'm': it takes a stream of messages"),
        (refused("Watch", false, x, x), "it answers with a stream of messages"),
        (refused("Echo", true, x, x), "it answers with a single message, and the method with a sequence"),
        (refused("Echo", false, &[("x", "str", "nope")], x), "'x': message test.Kinds has no field 'nope'"),
        (
            refused("Echo", false, &[("x", "str", "inners.name")], x),
            "field 'inners' of test.Kinds is not a single message",
        ),
        (
            refused("Echo", false, &[("x", "float32", "text")], x),
            "'x': field 'text' is string, which cannot be float32 of any shape",
        ),
        (refused("Echo", false, &[("x", "str", "i32")], x), "field 'i32' is int32, which cannot be str"),
        (refused("Echo", false, &[("x", "bool", "i32")], x), "field 'i32' is int32, which cannot be bool"),
        (refused("Echo", false, &[("x", "float32[2]", "single")], x), "which cannot be float32 [2]"),
        (refused("Echo", false, &[("x", "float32[a,b]", "floats")], x), "use a message with 'repeated int64 shape'"),
        (refused("Echo", false, &[("x", "float32[]", "floats")], x), "is many numbers, and 'x' is one"),
        (refused("Echo", false, &[("x", "str", "by_name")], x), "field 'by_name' is map test.Kinds.ByNameEntry"),
        (refused("Echo", false, &[("x", "str", "inners")], x), "field 'inners' is repeated test.Inner"),
        (refused("Echo", false, &[("x", "str", ".")], x), "the whole message can only be bytes or a document"),
        (refused("Echo", false, x, &[("y", "str", ".")]), "only bytes or a document can be the whole message"),
        (
            refused("Echo", false, x, &[("y", "json", "."), ("z", "str", "text")]),
            "a whole message cannot stand beside fields",
        ),
        (
            refused("Echo", false, x, &[("y", "str", "text"), ("z", "str", "@status")]),
            "a status only beside a whole message",
        ),
    ];
    for (why, wanted) in cases {
        assert!(why.contains(wanted), "{why}\nwanted: {wanted}");
    }
    let broken = |change: fn(&mut Service)| {
        let mut servable = servable("Echo", false, x, x);
        change(&mut servable.services[0]);
        mapped(&servable).unwrap_err()
    };
    let cases = [
        (broken(|service| service.descriptors = "*".into()), "the descriptors of service test.Rows are not base64"),
        (broken(|service| service.descriptors = "AAAA".into()), "the descriptors of service test.Rows are none"),
        (broken(|service| service.name = "test.No".into()), "there is no service test.No in its descriptors"),
        (broken(|service| service.methods[0].method = "n".into()), "servable 's' has no such method"),
        (broken(|service| service.methods[0].inputs.clear()), "no field is named for 'x'"),
        (broken(|service| drop(service.methods[0].inputs.insert("z".into(), "text".into()))), "the method has no 'z'"),
    ];
    for (why, wanted) in cases {
        assert!(why.contains(wanted), "{why}\nwanted: {wanted}");
    }
}

fn grouped(inputs: Ports, outputs: Ports) -> Servable {
    let mut servable = servable("Echo", false, inputs, outputs);
    let service = &mut servable.services[0];
    (service.name, service.descriptors) = ("test.Groups".into(), described("groups.proto"));
    servable
}

#[test]
fn groups_are_read_as_documents_only() {
    let message = b"\x0b\x12\x01a\x0c\x22\x01n";
    for (field, document, written) in [
        (".", r#"{"inner":{"text":"a"},"item":[],"name":"n"}"#, &message[..]),
        ("inner", r#"{"text":"a"}"#, &message[..5]),
    ] {
        let servable = grouped(&[("x", "json", field)], &[("y", "json", field)]);
        let parts = parts(&servable, message.to_vec()).unwrap();
        let row = parts[0].columns();
        assert_eq!(look(&row[0]), format!("str[] {document}"));
        assert_eq!(said(&servable, row).unwrap(), [Said::Message(written.to_vec().into())]);
    }
    let named = grouped(&[("x", "str", "name")], &[("y", "str", "name")]);
    assert_eq!(look(&parts(&named, message.to_vec()).unwrap()[0].columns()[0]), "str[] n");
    let text = "field 'inner' is sent as a group, which holds no row";
    for (dtype, field) in [("bytes", "inner"), ("str", "inner.text")] {
        let whole: Ports = &[("x", "json", ".")];
        for servable in [grouped(&[("x", dtype, field)], whole), grouped(whole, &[("x", dtype, field)])] {
            assert!(mapped(&servable).unwrap_err().contains(text), "{dtype} of {field}");
        }
    }
}

#[test]
fn short_groups_that_would_take_much_memory_are_refused() {
    let servable = grouped(&[("x", "json", ".")], &[("y", "json", ".")]);
    let unknown = [&b"\x7b"[..], &b"\x08\x00".repeat(3_000_000), b"\x7c"].concat();
    for message in [b"\x1b\x1c".repeat(300_000), unknown] {
        let error = parts(&servable, message).unwrap_err();
        assert!(error.to_string().contains("too many values"), "{error}");
    }
}
