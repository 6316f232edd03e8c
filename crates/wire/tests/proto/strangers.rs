//! What anybody sends is read or refused, never more.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use salver_core::{Part, Servable};
use salver_wire::proto::{json, write_status, Documents, Found, MappedRpc, Names, Routes, RowCall, Said};
use salver_wire::Exchange;

use crate::mapped::{only, servable};
use crate::support::{kinds, message};

static KINDS: LazyLock<MessageDescriptor> = LazyLock::new(|| message("Kinds"));
static POOL: LazyLock<DescriptorPool> = LazyLock::new(kinds);

/// An echo by each field that some type of port goes with.
static ECHOES: LazyLock<Vec<(Servable, Arc<MappedRpc>)>> = LazyLock::new(|| {
    let ports = [
        ("any", "data"),
        ("str", "text"),
        ("float32[n]", "data"),
        ("uint8", "i32"),
        ("int64", "s64"),
        ("float16", "twice"),
        ("bool", "truth"),
        ("str", "colour"),
        ("float32[n]", "floats"),
        ("int8[2,n]", "longs"),
        ("bytes", "datas"),
        ("str", "inner.name"),
        ("float64", "w_double"),
        ("float32", "tensor"),
        ("str", "text_tensor"),
        ("?int32", "either_number"),
        ("json", "."),
        ("json", "inners"),
        ("json", "any"),
        ("bytes", "."),
        ("bytes", "inner"),
    ];
    let echo = |(dtype, field): (&str, &str)| {
        let servable = servable("Echo", false, &[("x", dtype, field)], &[("y", dtype, field)]);
        let rpc = only(&servable);
        (servable, rpc)
    };
    ports.into_iter().map(echo).collect()
});

/// What comes of a message: a reply that is one, or a refusal.
fn call_all(body: &[u8]) {
    for (servable, rpc) in ECHOES.iter() {
        let method = &servable.methods[0];
        let mut call = RowCall::new(Arc::clone(rpc), servable, body.to_vec().into());
        let Ok(parts) = call.parts(servable, method) else { continue };
        assert_eq!(parts.iter().map(Part::rows).collect::<Vec<_>>(), [1]);
        let absent = method.contract.inputs[0].optional && parts[0].columns()[0].shape().row() == [0];
        if let Ok(said) = call.say(method, parts[0].columns()) {
            assert!(!absent);
            let [Said::Message(reply)] = said.as_slice() else { panic!("{said:?}") };
            // What is passed through as it is need not be a message.
            let whole = method.contract.inputs[0].dtype == Some(salver_core::DType::Bytes);
            assert!(whole || DynamicMessage::decode(KINDS.clone(), reply.clone()).is_ok());
        }
    }
}

/// A document is refused, or the same again when it is written and read.
fn read_again(document: &[u8]) {
    let Ok(message) = json::read(&KINDS, document) else { return };
    let mut out = Vec::new();
    if json::write(&mut out, &message, Names::Json).is_ok() {
        let again = json::read(&KINDS, &out).unwrap();
        assert_eq!(again.encode_to_vec().len(), message.encode_to_vec().len());
    }
}

fn take_apart(body: &[u8], size: usize) {
    let mut documents = Documents::default();
    for piece in body.chunks(size) {
        documents.push(piece);
        loop {
            match documents.take_next() {
                Ok(Some(document)) => assert!(!document.is_empty()),
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
    let _ = documents.end();
}

static LIBRARY: LazyLock<Routes<()>> = LazyLock::new(|| {
    let methods: Vec<_> = POOL.get_service_by_name("test.Library").unwrap().methods().collect();
    Routes::new(methods.iter().map(|method| (method, ()))).0
});

fn ask(path: &str, query: &str, body: &[u8]) {
    for verb in ["GET", "POST", "PATCH", "LOCK"] {
        if let Found::Route { rule, bindings, .. } = LIBRARY.find(verb, path) {
            if let Ok(message) = rule.message(&bindings, query, body) {
                let _ = rule.write_answer(&mut Vec::new(), &message, Names::Original);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_bytes_do_no_harm(body in prop::collection::vec(any::<u8>(), 0..100)) {
        call_all(&body);
        read_again(&body);
        take_apart(&body, 3);
        ask("v1/books/a", "", &body);
        write_status(&mut Vec::new(), 3, "", &body, Some(&POOL));
    }

    #[test]
    fn fields_of_every_wire_type_do_no_harm(fields in prop::collection::vec((0u32..56, 0u32..6, any::<u16>(), 0usize..9), 0..8)) {
        let mut body = Vec::new();
        for (number, kind, value, length) in fields {
            prost::encoding::encode_varint(u64::from(number << 3 | kind), &mut body);
            match kind {
                0 => prost::encoding::encode_varint(u64::from(value) << 40 | u64::from(value), &mut body),
                1 => body.extend([value as u8; 8]),
                5 => body.extend([value as u8; 4]),
                _ => {
                    body.push(length as u8);
                    body.extend(value.to_le_bytes().iter().cycle().take(length));
                }
            }
        }
        call_all(&body);
    }

    #[test]
    fn pieces_of_json_do_no_harm(pieces in prop::collection::vec(
        prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"inner\"", "\"i64\"", "\"value\"", "\"any\"", "\"@type\"", "\"time\"", "\"\"", "1",
            "-0.5e3", "1e999", "true", "null", "\"\\ud800\"", "\"NaN\"", "\"type.googleapis.com/test.Kinds\"", " ", "\n",
        ]),
        0..30,
    )) {
        let text = pieces.concat();
        read_again(text.as_bytes());
        read_again(format!("{{{text}}}").as_bytes());
        take_apart(text.as_bytes(), 2);
        ask("v1/books/a", "", text.as_bytes());
    }

    #[test]
    fn paths_and_queries_do_no_harm(
        path in prop::collection::vec(prop::sample::select(vec!["v1", "shelves", "books", "/", "%2F", "%", "%ff", ":", "archive", "files", "a"]), 0..9),
        query in prop::collection::vec(prop::sample::select(vec![
            "name", "inner", ".", "=", "&", "tags", "printed", "rating", "%", "+", "notes", "cover", "1", "\u{e9}", "2024-01-01T00:00:00Z",
        ]), 0..9),
    ) {
        ask(&path.concat(), &query.concat(), b"");
        ask("v1/books/a", &query.concat(), b"{}");
    }
}

#[test]
fn deep_nesting_is_refused_not_followed() {
    for open in [
        "[",
        "{\"inner\":{\"parts\":[",
        "{\"value\":[",
        "{\"object\":{\"a\":",
        "{\"any\":{\"@type\":\"type.googleapis.com/test.Kinds\",\"any\":",
    ] {
        read_again(open.repeat(100_000).as_bytes());
    }
    // A message within a message, a hundred thousand deep.
    let mut body = Vec::new();
    for _ in 0..100_000 {
        let mut outer = vec![0x12];
        prost::encoding::encode_varint(body.len() as u64, &mut outer);
        outer.extend_from_slice(&body);
        body = outer;
        if body.len() > 60_000 {
            break;
        }
    }
    let mut inner = vec![0x8a, 0x01];
    prost::encoding::encode_varint(body.len() as u64, &mut inner);
    inner.extend(body);
    call_all(&inner);
}
