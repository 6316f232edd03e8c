//! What `Predict` refuses, in the order of its checks.

use salver_core::DType;

use crate::messages::*;
use crate::servables::*;

fn refused(servable: &salver_core::Servable, request: &PredictRequest) -> (u32, String) {
    let reply = predict(servable, bytes(request), same);
    (reply.code, reply.message)
}

fn pair() -> PredictRequest {
    request("m", [("a", floats(&[1, 2], &[1.0])), ("b", TensorProto { int64_val: vec![1], ..empty(9, &[1]) })])
}

#[test]
fn a_request_needs_a_spec_with_a_name() {
    let nameless = PredictRequest { model_spec: spec(""), ..pair() };
    assert_eq!(refused(&two_inputs(), &nameless), (3, "ModelSpec has no name specified.".into()));
    let without = PredictRequest { model_spec: None, ..pair() };
    assert_eq!(refused(&two_inputs(), &without), (3, "Missing ModelSpec".into()));
}

#[test]
fn the_number_of_inputs_is_checked_first() {
    let few = request("m", [("b", empty(0, &[]))]);
    let wanted = "input size does not match signature: 1!=2 len({b}) != len({a,b}). Sent extra: {}. \
                  Missing but required: {a}.";
    assert_eq!(refused(&two_inputs(), &few), (3, wanted.into()));
    let mut many = pair();
    many.inputs.insert("z".into(), empty(1, &[]));
    many.inputs.insert("c".into(), empty(1, &[]));
    let wanted = "input size does not match signature: 4!=2 len({a,b,c,z}) != len({a,b}). Sent extra: {c,z}. \
                  Missing but required: {}.";
    assert_eq!(refused(&two_inputs(), &many), (3, wanted.into()));
}

#[test]
fn names_are_checked_input_by_input() {
    let wrong = request("m", [("a", floats(&[1, 2], &[1.0])), ("c", floats(&[1], &[1.0]))]);
    let wanted = "Signature input alias: b(feed name: b:0) not found in request and no default value provided. Inputs \
                  expected to be in the request {a,c}, or default input alias set: ";
    assert_eq!(refused(&two_inputs(), &wrong), (3, wanted.into()));
    let named = exported(two_inputs(), "", &[("b", "serving_default_b:0")], &[]);
    let wanted = wanted.replace("feed name: b:0", "feed name: serving_default_b:0");
    assert_eq!(refused(&named, &wrong), (3, wanted));

    let inputs = vec![port("x", DType::F32, &[]), optional(port("k", DType::F32, &[]))];
    let lenient = one(inputs, vec![port("y", DType::F32, &[])]);
    let one_wrong = request("m", [("x", floats(&[1], &[1.0])), ("z", floats(&[1], &[1.0]))]);
    let wanted = "Inputs contains invalid name. Used request inputs: x, request input: x,z";
    assert_eq!(refused(&lenient, &one_wrong), (3, wanted.into()));
    let lacking = request("m", [("k", floats(&[1], &[1.0]))]);
    let wanted = "Signature input alias: x(feed name: x:0) not found in request and no default value provided. Inputs \
                  expected to be in the request {k}, or default input alias set: k";
    assert_eq!(refused(&lenient, &lacking), (3, wanted.into()));
}

#[test]
fn what_is_no_tensor_cannot_be_parsed() {
    let unknown_rank = Some(TensorShape { dim: vec![], unknown_rank: true });
    let cases = [
        empty(0, &[1, 2]),
        empty(99, &[1, 2]),
        empty(101, &[1, 2]),
        floats(&[1, -2], &[1.0]),
        floats(&[i64::MAX, i64::MAX], &[1.0]),
        TensorProto { tensor_shape: unknown_rank, ..floats(&[], &[1.0]) },
        content(1, &[1, 2], &[0; 7]),
        content(1, &[1, 2], &[0; 12]),
        content(1, &[0, 2], &[0; 4]),
        content(7, &[1, 2], b"\x01\x05a"),
        content(7, &[1, 2], b"\x01\x00abc"),
        content(7, &[1, 9], b"\x01"),
    ];
    for tensor in cases {
        let mut request = pair();
        request.inputs.insert("a".into(), tensor.clone());
        assert_eq!(refused(&two_inputs(), &request), (3, "tensor parsing error: a".into()), "{tensor:?}");
    }
}

#[test]
fn output_filters_come_after_the_inputs() {
    let filtered = |names: &[&str]| {
        let output_filter = names.iter().map(|name| name.to_string()).collect();
        refused(&two_inputs(), &PredictRequest { output_filter, ..pair() })
    };
    let wanted = "output tensor alias not found in signature: z Outputs expected to be in the set {y}.";
    assert_eq!(filtered(&["y", "z"]), (3, wanted.into()));
    assert_eq!(filtered(&["y", "y"]), (3, "duplicate output tensor alias: y".into()));
    let mut both = PredictRequest { output_filter: vec!["z".into()], ..pair() };
    both.inputs.insert("a".into(), empty(0, &[]));
    assert_eq!(refused(&two_inputs(), &both), (3, "tensor parsing error: a".into()));
    both.inputs.insert("a".into(), TensorProto { bool_val: vec![true], ..empty(10, &[1, 2]) });
    assert_eq!(refused(&two_inputs(), &both), (3, wanted.into()), "before types");
}

#[test]
fn types_and_shapes_come_last_and_name_the_input() {
    let with = |tensor| {
        let mut request = pair();
        request.inputs.insert("a".into(), tensor);
        refused(&two_inputs(), &request)
    };
    let cases = [
        (empty(10, &[1, 2]), 3, "Expects arg[0] to be float but bool is provided (input 'a' of model 'm')"),
        (empty(8, &[1, 2]), 3, "Expects arg[0] to be float but complex64 is provided (input 'a' of model 'm')"),
        (floats(&[1, 3], &[1.0]), 3, "input 'a' of model 'm' has the shape [1,3], but [-1,2] is expected; without its first dimension it is one row"),
        (floats(&[], &[1.0]), 3, "input 'a' of model 'm' has the shape [], but [-1,2] is expected; without its first dimension it is one row"),
        (floats(&[2, 2], &[1.0]), 3, "input 'b' of servable 'm' has 1 rows, but the first input has 2"),
        (empty(1, &[0, 2]), 3, "input 'b' of servable 'm' has 1 rows, but the first input has 0"),
    ];
    for (tensor, code, text) in cases {
        assert_eq!(with(tensor), (code, text.into()));
    }
}

#[test]
fn types_that_are_not_here_are_refused_where_any_would_do() {
    let any = one(vec![untyped("x")], vec![untyped("y")]);
    let text = "input 'x' of model 'm' is complex128, a type that this server does not have";
    assert_eq!(refused(&any, &request("m", [("x", empty(18, &[1]))])), (12, text.into()));
}

#[test]
fn text_must_be_text_where_it_is_declared_so() {
    let wrong = TensorProto { string_val: vec![vec![0xff]], ..empty(7, &[1]) };
    let text = "input 'x' of servable 'm': element 0 is not UTF-8 text";
    assert_eq!(refused(&echo(DType::Str, &[]), &request("m", [("x", wrong)])), (3, text.into()));
}

#[test]
fn a_short_message_cannot_ask_for_much() {
    let (float, text) = (1i64 << 40, 1i64 << 30);
    let cases = [
        (DType::F32, floats(&[float], &[1.0]), float * 4),
        (DType::I64, empty(9, &[float]), float * 8),
        (DType::Bytes, TensorProto { string_val: vec![b"a".to_vec()], ..empty(7, &[text]) }, text * 32),
    ];
    for (dtype, tensor, bytes) in cases {
        let (code, told) = refused(&echo(dtype, &[]), &request("m", [("x", tensor)]));
        let wanted = format!(
            "input 'x' of servable 'm': its shape asks for {bytes} bytes, far more than were sent; send the values \
             themselves"
        );
        assert_eq!((code, told), (3, wanted));
    }
    let empty_rows = empty(1, &[1 << 40, 0]);
    let (code, told) = refused(&echo(DType::F32, &[0]), &request("m", [("x", empty_rows)]));
    assert_eq!((code, told.contains("too many empty rows")), (3, true), "{told}");
}

#[test]
fn several_tensors_share_what_they_may_ask_for() {
    let large = || floats(&[1 << 22], &[1.0]);
    let inputs = ["a", "b", "c"].map(|name| port(name, DType::F32, &[])).to_vec();
    let servable = one(inputs, vec![port("y", DType::F32, &[])]);
    let (code, told) = refused(&servable, &request("m", [("a", large()), ("b", large()), ("c", large())]));
    assert_eq!((code, told.contains("'c'")), (3, true), "{told}");
}

#[test]
fn broken_messages_say_where_they_break() {
    let cases: [(&[u8], &str); 5] = [
        (b"\x0a\x7f", "a field is longer than the 0 bytes that are left"),
        (b"\x0b", "it ends within a number"),
        (b"\x0a\x03\x0a\x01\xff", "a name is not UTF-8 text"),
        (b"\x08\x01", "a field of bytes is sent as a number"),
        (b"\x0a\x02\x12", "a field is longer than the 1 bytes that are left"),
    ];
    for (body, wanted) in cases {
        let reply = predict(&two_inputs(), body.to_vec().into(), same);
        assert_eq!((reply.code, reply.message), (3, format!("malformed PredictRequest: {wanted}")));
    }
}

#[test]
fn very_many_tensors_and_dimensions_are_refused() {
    let body = b"\x12\x00".repeat(1025);
    let reply = predict(&two_inputs(), body.into(), same);
    assert_eq!((reply.code, reply.message), (3, "malformed PredictRequest: it has more than 1024 tensors".into()));
    let deep = request("m", [("x", empty(1, &[1; 65]))]);
    let wanted = "malformed PredictRequest: a shape has more than 64 dimensions";
    assert_eq!(refused(&echo(DType::F32, &[]), &deep), (3, wanted.into()));
}

#[test]
fn no_rows_are_refused_where_only_the_model_knows_what_it_would_say_of_them() {
    let no_rows = request("m", [("x", empty(1, &[0, 2]))]);
    let wanted = "a request to 'm' method 'serving_default' needs at least one row";
    let free = one(vec![port("x", DType::F32, &[2])], vec![port("y", DType::F32, &[-1])]);
    assert_eq!(refused(&free, &no_rows), (3, wanted.into()));
    let any = one(vec![port("x", DType::F32, &[2])], vec![untyped("y")]);
    assert_eq!(refused(&any, &no_rows), (3, wanted.into()));
}
