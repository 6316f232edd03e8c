use bytes::Bytes;
use salver_core::{Answer, Code, DType, Error, Item, Shape, Tensor};
use salver_wire::proto::{Ending, RowCall, Said};
use salver_wire::Exchange;

use super::{only, reply, said, servable, Ports};
use crate::support::encoded;

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
