//! Services whose calls are rows: what passes from messages to rows, and back.

mod replies;
mod requests;
mod services;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use bytes::Bytes;
use salver_core::{Contract, DType, Dim, Error, Method, Part, Plan, Port, Rpc, Servable, Service, Tensor};
use salver_wire::proto::{compile, mapped, MappedRpc, RowCall, Said};
use salver_wire::Exchange;

use crate::support::{encoded, shown};

/// `float32[2,]` and the like; `?` in front is optional, `json` a document, `any` of no type.
fn port(name: &str, text: &str) -> Port {
    let (text, optional) = text.strip_prefix('?').map_or((text, false), |text| (text, true));
    let (dtype, dims) = text.split_once('[').map_or((text, None), |(dtype, dims)| (dtype, Some(dims)));
    let dim = |dim: &str| dim.parse().map_or_else(|_| Dim::Free(dim.into()), Dim::Fixed);
    let dims = dims.map(|dims| dims.trim_end_matches(']').split_terminator(',').map(dim).collect());
    let json = dtype == "json";
    let dtype = if json { Some(DType::Str) } else { DType::from_name(dtype) };
    Port { name: name.into(), dtype, dims, optional, json }
}

pub type Ports<'a> = &'a [(&'a str, &'a str, &'a str)];

/// A servable whose only method has these ports, of (name, type, field), as an rpc of the service.
pub fn servable(rpc: &str, sequence: bool, inputs: Ports, outputs: Ports) -> Servable {
    let ports = |ports: Ports| ports.iter().map(|(name, text, _)| port(name, text)).collect();
    let fields = |ports: Ports| -> BTreeMap<String, String> {
        ports.iter().map(|(name, _, field)| (name.to_string(), field.to_string())).collect()
    };
    let contract = Contract { inputs: ports(inputs), outputs: ports(outputs), batched: true };
    let plan = Plan { steps: vec![], outputs: vec![] };
    let method = Method { name: "m".into(), contract, plan, sequence, origin: None };
    let rpc = Rpc { rpc: rpc.into(), method: "m".into(), inputs: fields(inputs), outputs: fields(outputs) };
    let service = Service { name: "test.Rows".into(), descriptors: described("kinds.proto"), methods: vec![rpc] };
    Servable {
        name: "s".into(),
        version: 1,
        runtime: "none".into(),
        methods: vec![method],
        stages: vec![],
        services: vec![service],
    }
}

/// The descriptors of one of the files here, as a servable has them.
pub fn described(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/proto").join(file);
    STANDARD.encode(compile(&path, &[]).unwrap())
}

pub fn only(servable: &Servable) -> Arc<MappedRpc> {
    Arc::clone(&mapped(servable).unwrap()[0].rpcs[0])
}

pub fn parts(servable: &Servable, message: impl Into<Bytes>) -> Result<Vec<Part>, Error> {
    RowCall::new(only(servable), servable, message.into()).parts(servable, &servable.methods[0])
}

pub fn said(servable: &Servable, row: &[Tensor]) -> Result<Vec<Said>, Error> {
    RowCall::new(only(servable), servable, Bytes::new()).say(&servable.methods[0], row)
}

/// The reply that a row is, as JSON.
pub fn reply(servable: &Servable, row: &[Tensor]) -> Result<String, Error> {
    match said(servable, row)?.as_slice() {
        [Said::Message(message)] => Ok(shown("Kinds", message)),
        other => panic!("{other:?}"),
    }
}

/// Type and row shape of a column, with its data as text.
pub fn look(tensor: &Tensor) -> String {
    let data = match tensor.values() {
        [] => tensor.bytes().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(""),
        values => values.iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect::<Vec<_>>().join("|"),
    };
    format!("{}{:?} {data}", tensor.dtype(), tensor.shape().row())
}

#[test]
fn values_pass_between_fields_and_ports() {
    // Type of the port, field, document, and the row that it is. The row as a reply is the document again.
    let cases = [
        ("bytes", "data", r#"{"data":"YWI="}"#, "bytes[] ab"),
        ("any", "data", r#"{"data":"YWI="}"#, "bytes[] ab"),
        ("str", "text", r#"{"text":"ä"}"#, "str[] ä"),
        ("bytes[]", "text", r#"{"text":"a"}"#, "bytes[] a"),
        ("str", "data", r#"{"data":"YWI="}"#, "str[] ab"),
        ("uint8[n]", "data", r#"{"data":"AAE="}"#, "uint8[2] 0001"),
        ("float32[2]", "data", r#"{"data":"AACAPwAAAEA="}"#, "float32[2] 0000803f00000040"),
        ("bool", "truth", r#"{"truth":true}"#, "bool[] 01"),
        ("int32", "i32", r#"{"i32":-2}"#, "int32[] feffffff"),
        ("int64", "i32", r#"{"i32":-2}"#, "int64[] feffffffffffffff"),
        ("uint8[]", "i64", r#"{"i64":"255"}"#, "uint8[] ff"),
        ("uint64", "u64", r#"{"u64":"18446744073709551615"}"#, "uint64[] ffffffffffffffff"),
        ("any", "s32", r#"{"s32":-1}"#, "int32[] ffffffff"),
        ("int16", "s64", r#"{"s64":"-1"}"#, "int16[] ffff"),
        ("uint32", "f32", r#"{"f32":7}"#, "uint32[] 07000000"),
        ("any", "f64", r#"{"f64":"7"}"#, "uint64[] 0700000000000000"),
        ("int32", "sf32", r#"{"sf32":-1}"#, "int32[] ffffffff"),
        ("int64", "sf64", r#"{"sf64":"-1"}"#, "int64[] ffffffffffffffff"),
        ("float32", "single", r#"{"single":1.0}"#, "float32[] 0000803f"),
        ("float16", "single", r#"{"single":1.0}"#, "float16[] 003c"),
        ("bfloat16", "twice", r#"{"twice":1.0}"#, "bfloat16[] 803f"),
        ("float32", "single", r#"{"single":"-Infinity"}"#, "float32[] 000080ff"),
        ("float64", "twice", r#"{"twice":1.0}"#, "float64[] 000000000000f03f"),
        ("str", "colour", r#"{"colour":"BLUE"}"#, "str[] BLUE"),
        ("int32", "colour", r#"{"colour":"BLUE"}"#, "int32[] feffffff"),
        ("float32[2]", "floats", r#"{"floats":[1.0,2.0]}"#, "float32[2] 0000803f00000040"),
        ("float32[1,n]", "floats", r#"{"floats":[1.0,2.0]}"#, "float32[1, 2] 0000803f00000040"),
        ("float32", "floats", r#"{"floats":[1.0]}"#, "float32[1] 0000803f"),
        ("float64", "floats", r#"{"floats":[1.0]}"#, "float64[1] 000000000000f03f"),
        ("uint8[2,1]", "longs", r#"{"longs":["1","2"]}"#, "uint8[2, 1] 0102"),
        ("bool[n]", "truths", r#"{"truths":[true,false]}"#, "bool[2] 0100"),
        ("any", "colours", r#"{"colours":["RED","BLUE"]}"#, "int32[2] 01000000feffffff"),
        ("float64", "doubles", r#"{"doubles":[1.0]}"#, "float64[1] 000000000000f03f"),
        ("str[n]", "texts", r#"{"texts":["a",""]}"#, "str[2] a|"),
        ("bytes", "datas", r#"{"datas":["YQ==","Yg=="]}"#, "bytes[2] a|b"),
        ("str", "inner.name", r#"{"inner":{"name":"n"}}"#, "str[] n"),
        ("float64", "w_double", r#"{"wDouble":1.0}"#, "float64[] 000000000000f03f"),
        ("float64", "w_double", r#"{"wDouble":0.0}"#, "float64[] 0000000000000000"),
        ("str", "w_text", r#"{"wText":"a"}"#, "str[] a"),
        ("int8", "w_i64", r#"{"wI64":"-3"}"#, "int8[] fd"),
        ("int32", "maybe", r#"{"maybe":0}"#, "int32[] 00000000"),
        ("float32", "tensor", r#"{"tensor":{"shape":["2","1"],"values":[1.0,2.0]}}"#, "float32[2, 1] 0000803f00000040"),
        (
            "float64[a,b]",
            "tensor",
            r#"{"tensor":{"shape":["1","1"],"values":[1.0]}}"#,
            "float64[1, 1] 000000000000f03f",
        ),
        ("float32", "tensor", r#"{"tensor":{"shape":["0","3"]}}"#, "float32[0, 3] "),
        ("str", "text_tensor", r#"{"textTensor":{"values":["a","b"],"shape":[1,2]}}"#, "str[1, 2] a|b"),
        ("json", "by_name", r#"{"byName":{"a":1}}"#, r#"str[] {"a":1}"#),
        ("json", "texts", r#"{"texts":["a"]}"#, r#"str[] ["a"]"#),
        ("json", "value", r#"{"value":[1.0,null]}"#, "str[] [1.0,null]"),
        ("json", "object", r#"{"object":{"a":true}}"#, r#"str[] {"a":true}"#),
        ("json", "i64", r#"{"i64":"5"}"#, r#"str[] "5""#),
        (
            "json",
            "inner.parts",
            r#"{"inner":{"parts":[{"name":"a"}]}}"#,
            r#"str[] [{"name":"a","parts":[],"size":"0"}]"#,
        ),
        ("bytes", "inner", r#"{"inner":{"name":"n"}}"#, "bytes[] \n\u{1}n"),
        ("bytes", ".", r#"{"text":"a"}"#, "bytes[] r\u{1}a"),
    ];
    for (dtype, field, document, wanted) in cases {
        let servable = servable("Echo", false, &[("x", dtype, field)], &[("y", dtype, field)]);
        let parts = parts(&servable, encoded("Kinds", document)).unwrap_or_else(|error| panic!("{field}: {error}"));
        let row = parts[0].columns();
        assert_eq!(look(&row[0]), wanted, "{dtype} of {field}");
        assert_eq!(reply(&servable, row).unwrap(), document, "{dtype} of {field}");
    }
}

#[test]
fn a_whole_message_may_be_a_document() {
    let servable = servable("Echo", false, &[("x", "json", ".")], &[("y", "json", ".")]);
    let parts = parts(&servable, encoded("Kinds", r#"{"leftSide":"a","i64":"3"}"#)).unwrap();
    let document: serde_json::Value = serde_json::from_slice(&parts[0].columns()[0].values()[0]).unwrap();
    assert_eq!(document["left_side"], "a");
    assert_eq!(
        (&document["i64"], &document["text"], &document["floats"]),
        (&"3".into(), &"".into(), &serde_json::json!([]))
    );
    assert!(document.get("right_side").is_none() && document.get("maybe").is_none() && document.get("inner").is_none());
    assert_eq!(reply(&servable, parts[0].columns()).unwrap(), r#"{"i64":"3","leftSide":"a"}"#);
}

#[test]
fn a_row_has_a_value_for_every_port() {
    let ports = [("image", "bytes", "data"), ("size", "int64", "i64"), ("scores", "float32[n]", "floats")];
    let servable = servable("Echo", false, &ports, &ports);
    let document = r#"{"i64":"3","data":"YQ==","floats":[1.0]}"#;
    let parts = parts(&servable, encoded("Kinds", document)).unwrap();
    assert_eq!(parts[0].rows(), 1);
    let looks: Vec<String> = parts[0].columns().iter().map(look).collect();
    assert_eq!(looks, ["bytes[] a", "int64[] 0300000000000000", "float32[1] 0000803f"]);
    assert_eq!(reply(&servable, parts[0].columns()).unwrap(), document);
}
