use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use bytes::Bytes;
use salver_core::{
    Answer, Code, Contract, DType, Dim, Error, Item, Method, Part, Plan, Port, Rpc, Servable, Service, Shape, Tensor,
};
use salver_wire::proto::{compile, mapped, Ending, MappedRpc, RowCall, Said};
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
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/proto/kinds.proto");
    let descriptors = STANDARD.encode(compile(&path, &[]).unwrap());
    let rpc = Rpc { rpc: rpc.into(), method: "m".into(), inputs: fields(inputs), outputs: fields(outputs) };
    let service = Service { name: "test.Rows".into(), descriptors, methods: vec![rpc] };
    Servable {
        name: "s".into(),
        version: 1,
        runtime: "none".into(),
        methods: vec![method],
        stages: vec![],
        services: vec![service],
    }
}

pub fn only(servable: &Servable) -> Arc<MappedRpc> {
    Arc::clone(&mapped(servable).unwrap()[0].rpcs[0])
}

fn parts(servable: &Servable, message: impl Into<Bytes>) -> Result<Vec<Part>, Error> {
    RowCall::new(only(servable), servable, message.into()).parts(servable, &servable.methods[0])
}

fn said(servable: &Servable, row: &[Tensor]) -> Result<Vec<Said>, Error> {
    RowCall::new(only(servable), servable, Bytes::new()).say(&servable.methods[0], row)
}

/// The reply that a row is, as JSON.
fn reply(servable: &Servable, row: &[Tensor]) -> Result<String, Error> {
    match said(servable, row)?.as_slice() {
        [Said::Message(message)] => Ok(shown("Kinds", message)),
        other => panic!("{other:?}"),
    }
}

/// Type and row shape of a column, with its data as text.
fn look(tensor: &Tensor) -> String {
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

#[test]
fn what_is_not_set_is_absent_or_its_default() {
    let absent = "bool[0] ";
    let cases = [
        ("int32", "i32", "int32[] 00000000"),
        ("?int32", "i32", "int32[] 00000000"),
        ("?int32", "maybe", absent),
        ("int32", "maybe", "int32[] 00000000"),
        ("?str", "left_side", absent),
        ("?float32[n]", "floats", absent),
        ("float32[n]", "floats", "float32[0] "),
        ("?float64", "w_double", absent),
        ("?float32", "tensor", absent),
        ("?bytes", "inner", absent),
        ("?json", "inner", absent),
        ("?json", "inner.name", absent),
        ("?json", "texts", absent),
        ("json", "texts", "str[] []"),
        ("json", "by_name", "str[] {}"),
        ("json", "text", r#"str[] """#),
        ("?str", "inner.name", absent),
        ("str", "inner.name", "str[] "),
        ("str", "colour", "str[] NONE"),
    ];
    for (dtype, field, wanted) in cases {
        let servable = servable("Echo", false, &[("x", dtype, field)], &[("y", "json", ".")]);
        let parts = parts(&servable, Bytes::new()).unwrap();
        assert_eq!(look(&parts[0].columns()[0]), wanted, "{dtype} of {field}");
    }
    for (dtype, field) in [("float64", "w_double"), ("float32", "tensor"), ("bytes", "inner"), ("json", "inner")] {
        let servable = servable("Echo", false, &[("x", dtype, field)], &[("y", "json", ".")]);
        assert!(matches!(parts(&servable, Bytes::new()), Err(Error::MissingInput { .. })), "{dtype} of {field}");
    }
}

/// Messages as other writers of protobuf may put them.
#[test]
fn every_way_to_encode_a_message_is_read() {
    let cases: [(&str, &str, &[u8], &str); 8] = [
        ("int32", "i32", b"\x10\x01\x10\x02", "int32[] 02000000"),
        ("float32", "floats", b"\x9d\x01\x00\x00\x80\x3f\x9d\x01\x00\x00\x00\x40", "float32[2] 0000803f00000040"),
        (
            "float32",
            "floats",
            b"\x9a\x01\x04\x00\x00\x80\x3f\x9a\x01\x04\x00\x00\x00\x40",
            "float32[2] 0000803f00000040",
        ),
        ("int64", "longs", b"\xa0\x01\x01\xa2\x01\x01\x02", "int64[2] 01000000000000000200000000000000"),
        ("str", "inner.name", b"\x8a\x01\x03\x0a\x01a\x8a\x01\x03\x0a\x01b", "str[] b"),
        ("bytes", "inner", b"\x8a\x01\x03\x0a\x01a\x8a\x01\x02\x18\x01", "bytes[] \n\u{1}a\u{18}\u{1}"),
        ("?int32", "either_number", b"\x98\x03\x05\xa2\x03\x01a", "bool[0] "),
        ("int32", "i32", b"\xf8\x7f\x05\x10\x07", "int32[] 07000000"),
    ];
    for (dtype, field, message, wanted) in cases {
        let servable = servable("Echo", false, &[("x", dtype, field)], &[("y", "json", ".")]);
        let parts = parts(&servable, message).unwrap();
        assert_eq!(look(&parts[0].columns()[0]), wanted, "{dtype} of {field}");
    }
}

#[test]
fn requests_that_are_no_rows_are_refused() {
    let document = |document: &str| encoded("Kinds", document);
    let cases = [
        ("uint8", "i32", document(r#"{"i32":256}"#), "input 'x' of servable 's': 256 is no uint8"),
        ("uint8", "i32", document(r#"{"i32":-1}"#), "-1 is no uint8"),
        ("float16", "twice", document(r#"{"twice":1e6}"#), "1000000 is no float16"),
        ("float32", "doubles", document(r#"{"doubles":[1e300]}"#), "is no float32"),
        ("int8[n]", "longs", document(r#"{"longs":["300"]}"#), "300 is no int8"),
        ("float32[3]", "floats", document(r#"{"floats":[1]}"#), "has shape [1], but [3] is expected"),
        ("float32[2,n]", "floats", document(r#"{"floats":[1]}"#), "has shape [1], but [2, n] is expected"),
        ("str[2]", "texts", document(r#"{"texts":["a"]}"#), "has shape [1], but [2] is expected"),
        ("str", "data", document(r#"{"data":"/w=="}"#), "it is not UTF-8 text"),
        ("float32[2]", "data", document(r#"{"data":"AAA="}"#), "2 bytes are no whole float32 elements"),
        ("str", "colour", document(r#"{"colour":77}"#), "77 is no value of test.Colour"),
        (
            "float32",
            "tensor",
            document(r#"{"tensor":{"shape":[2],"values":[1]}}"#),
            "has 1 elements, but its shape needs 2",
        ),
        ("float32", "tensor", document(r#"{"tensor":{"shape":[-1],"values":[1]}}"#), "its shape is none"),
        ("float32[2,n]", "tensor", document(r#"{"tensor":{"shape":[1,1],"values":[1]}}"#), "has shape [1, 1]"),
        ("str", "text_tensor", document(r#"{"textTensor":{"shape":[2],"values":["a"]}}"#), "has 1 elements"),
        ("int32", "i32", b"\x10".to_vec(), "malformed request message"),
        ("int32", "i32", b"\x12\x02ab".to_vec(), "malformed request message"),
        ("float32", "floats", b"\x9a\x01\x03abc".to_vec(), "packed numbers end within a number"),
        ("float32", "floats", b"\x98\x01\x01".to_vec(), "a number is sent as one of another kind"),
        ("float32", "tensor", b"\x88\x03\x01".to_vec(), "malformed request message"),
        ("bytes", "data", b"\x78\x01".to_vec(), "malformed request message"),
        ("json", "inner", b"\x8a\x01\x01\x0a".to_vec(), "malformed request message"),
        ("json", "text", b"\x72\x01\xff".to_vec(), "malformed request message"),
    ];
    for (dtype, field, message, wanted) in cases {
        let servable = servable("Echo", false, &[("x", dtype, field)], &[("y", "json", ".")]);
        let error = parts(&servable, message).unwrap_err();
        assert!(error.to_string().contains(wanted), "{dtype} of {field}: {error}\nwanted: {wanted}");
        assert_eq!(error.code(), Code::InvalidArgument);
    }
}

#[test]
fn short_messages_that_would_take_much_memory_are_refused() {
    let many = |field: &[u8], count: usize| field.repeat(count);
    let cases = [
        ("json", ".", many(b"\xb2\x01\x00", 300_000), "too many values"),
        ("json", "texts", many(b"\xaa\x01\x00", 5_000_000), "too many values"),
        ("str", "texts", many(b"\xaa\x01\x00", 1_100_000), "more than 1048576 values"),
        ("int64", "longs", many(b"\xa0\x01\x00", 1_100_000), "more than 1048576 values"),
    ];
    for (dtype, field, message, wanted) in cases {
        let servable = servable("Echo", false, &[("x", dtype, field)], &[("y", "json", ".")]);
        let error = parts(&servable, message).unwrap_err();
        assert!(error.to_string().contains(wanted), "{dtype} of {field}: {error}");
    }
    let packed: Vec<u8> = [&b"\xa2\x01\x80\x80\x80\x01"[..], &vec![1; 1 << 21]].concat();
    let servable = servable("Echo", false, &[("x", "int8[n]", "longs")], &[("y", "json", ".")]);
    assert_eq!(parts(&servable, packed).unwrap()[0].columns()[0].shape().dims(), [1, 1 << 21]);
}

fn text(value: &str) -> Tensor {
    Tensor::variable(DType::Str, Shape::new([1]), vec![value.to_string().into()]).unwrap()
}

fn ints(values: &[i64]) -> Tensor {
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Tensor::fixed(DType::I64, Shape::batched(1, &[values.len()]), data.into()).unwrap()
}

#[test]
fn outputs_that_do_not_fit_are_the_authors_fault() {
    let cases = [
        ("any", "i32", text("a"), "it is a tensor of shape [], and the field is one number"),
        ("any", "i32", ints(&[1, 2]), "it is a tensor of shape [2], and the field is one number"),
        ("int64", "i32", ints(&[1 << 31]), "2147483648 is no int32"),
        ("int64[n]", "longs", text("a"), "it is str, and the field is int64"),
        ("any", "text", ints(&[1]), "it is int64 of shape [1], and not a single text"),
        ("any", "texts", ints(&[1]), "it is int64, and the field is text"),
        (
            "bytes",
            "text",
            Tensor::variable(DType::Bytes, Shape::new([1]), vec![Bytes::from_static(b"\xff")]).unwrap(),
            "not UTF-8",
        ),
        ("str", "colour", text("GREEN"), "'GREEN' is no value of test.Colour"),
        ("json", "inner", text("{"), "it is not JSON"),
        ("json", "inner", text(r#"{"nope":1}"#), "unrecognized field name 'nope'"),
        ("json", "inner", text(r#"{}, "text": "smuggled""#), "it is not JSON"),
        ("json", ".", text(r#"{"inner":{"size":"x"}}"#), "field 'inner.size'"),
    ];
    for (dtype, field, row, wanted) in cases {
        let servable = servable("Echo", false, &[("x", "json", ".")], &[("y", dtype, field)]);
        let error = reply(&servable, &[row]).unwrap_err();
        assert!(error.to_string().contains(wanted), "{dtype} as {field}: {error}\nwanted: {wanted}");
        assert!(error.to_string().starts_with("output 'y' of method 'm' cannot be "), "{error}");
        assert_eq!(error.code(), Code::Internal);
    }
}

#[test]
fn what_an_output_leaves_out_is_not_sent() {
    let servable = servable(
        "Echo",
        false,
        &[("x", "json", ".")],
        &[("a", "str", "text"), ("b", "json", "inner"), ("c", "float32[n]", "floats")],
    );
    let floats = Tensor::fixed(DType::F32, Shape::new([1, 0]), Bytes::new()).unwrap();
    let said = said(&servable, &[text(""), text("null"), floats]).unwrap();
    assert_eq!(said, [Said::Message(Bytes::new())]);
}

#[test]
fn handlers_of_whole_messages_may_say_how_a_call_ends() {
    let whole: Ports = &[("response", "bytes", "."), ("status", "bytes", "@status")];
    let request: Ports = &[("request", "bytes", ".")];
    let pairs = |key: &str, value: &str| vec![(key.to_string(), value.to_string())];
    let message = Said::Message(Bytes::from_static(b"r"));
    let end = |code, message: &str| Said::End(Ending { code, message: message.into(), ..Ending::default() });
    // The remark, what it says in the only answer, and in a sequence.
    let cases = [
        ("", vec![message.clone()], vec![message.clone()]),
        ("{}", vec![message.clone(), end(0, "")], vec![]),
        (r#"{"code":5,"message":"gone"}"#, vec![end(5, "gone")], vec![end(5, "gone")]),
        (
            r#"{"metadata":[["a","b"]]}"#,
            vec![Said::Metadata(pairs("a", "b")), message.clone(), end(0, "")],
            vec![Said::Metadata(pairs("a", "b"))],
        ),
        (
            r#"{"code":0,"trailers":[["t","u"]],"details":"AQI="}"#,
            vec![
                message.clone(),
                Said::End(Ending { trailers: pairs("t", "u"), details: vec![1, 2], ..Ending::default() }),
            ],
            vec![Said::End(Ending { trailers: pairs("t", "u"), details: vec![1, 2], ..Ending::default() })],
        ),
    ];
    let row = |remark: &str| {
        let value =
            |value: &str| Tensor::variable(DType::Bytes, Shape::new([1]), vec![value.to_string().into()]).unwrap();
        [value("r"), value(remark)]
    };
    for (remark, unary, sequence) in cases {
        assert_eq!(said(&servable("Echo", false, request, whole), &row(remark)), Ok(unary), "{remark}");
        assert_eq!(said(&servable("Watch", true, request, whole), &row(remark)), Ok(sequence), "{remark}");
    }
    let error = said(&servable("Echo", false, request, whole), &row("{\"cod\":1}")).unwrap_err();
    assert!(error.to_string().contains("its status is none: unknown field `cod`"), "{error}");
}

#[test]
fn an_answer_ends() {
    let servable = servable("Echo", false, &[("x", "str", "text")], &[("y", "str", "text")]);
    let call = || RowCall::new(only(&servable), &servable, Bytes::new());
    let answer = |outcome| Answer { items: vec![Item { part: 0, first: 0, rows: 1, last: true, outcome }] };
    let message = Said::Message(encoded("Kinds", r#"{"text":"a"}"#).into());
    let answered = call().answer(&servable, &servable.methods[0], answer(Ok(vec![text("a")])));
    assert_eq!(answered, [message, Said::End(Ending::default())]);
    let failed = call().answer(&servable, &servable.methods[0], answer(Err(Error::DeadlineExceeded)));
    assert_eq!(failed, [Said::End(Ending::from(&Error::DeadlineExceeded))]);
    assert_eq!(call().target().unwrap().servable, "s");
}

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
