//! Whole calls of `predict` over REST.

use salver_core::{DType, Error, Part, Port, Tensor};

use crate::servables::*;

fn squeezed(document: &str) -> String {
    document.chars().filter(|char| !char.is_whitespace()).collect()
}

fn replied(servable: &salver_core::Servable, body: &str, outputs: Run) -> String {
    let (status, document) = rest_predict(servable, body, outputs);
    assert_eq!(status, 200, "{document}");
    squeezed(&document)
}

#[test]
fn a_list_of_values_is_a_row_each() {
    let reply = replied(&echo(DType::F32, &[2]), r#"{"instances": [[1, 2.5], [3.0, -4e3]]}"#, same);
    assert_eq!(reply, r#"{"predictions":[[1.0,2.5],[3.0,-4000.0]]}"#);
    assert_eq!(replied(&echo(DType::F32, &[]), r#"{"instances": [1, 2]}"#, same), r#"{"predictions":[1.0,2.0]}"#);
}

#[test]
fn the_quick_starts_own_request_is_answered_word_for_word() {
    let half_plus_two: Run = |part| {
        assert_eq!(part.columns(), [f32s(&[3, 1], &[1.0, 2.0, 5.0])]);
        Ok(vec![f32s(&[3, 1], &[2.5, 3.0, 4.5])])
    };
    let (status, reply) = rest_predict(&echo(DType::F32, &[1]), r#"{"instances": [1.0, 2.0, 5.0]}"#, half_plus_two);
    assert_eq!((status, reply.as_str()), (200, "{\n    \"predictions\": [2.5,3.0,4.5]\n}"));
    for (body, wanted) in [
        (r#"{"instances": [1]}"#, r#"{"predictions":[1.0]}"#),
        (r#"{"instances": [[1]]}"#, r#"{"predictions":[[1.0]]}"#),
        (r#"{"instances": [{"x": 1}, {"x": 2}]}"#, r#"{"predictions":[1.0,2.0]}"#),
        (r#"{"inputs": [1, 2]}"#, r#"{"outputs":[1.0,2.0]}"#),
        (r#"{"inputs": {"x": [[1], [2]]}}"#, r#"{"outputs":[[1.0],[2.0]]}"#),
    ] {
        assert_eq!(replied(&echo(DType::F32, &[1]), body, same), wanted, "{body}");
    }
}

#[test]
fn no_rows_are_answered_by_none() {
    let never: Run = |_| panic!("there is nothing to run");
    assert_eq!(replied(&echo(DType::F32, &[]), r#"{"inputs": []}"#, never), r#"{"outputs":[]}"#);
    let outputs = vec![port("y", DType::F32, &[2]), port("n", DType::I64, &[])];
    let servable = one(vec![port("x", DType::F32, &[1])], outputs);
    assert_eq!(replied(&servable, r#"{"inputs": {"x": []}}"#, never), r#"{"outputs":{"y":[],"n":[]}}"#);
}

#[test]
fn names_may_be_written_with_escapes() {
    let reply = replied(&echo(DType::F32, &[]), r#"{"instan\u0063es": [1, 2]}"#, same);
    assert_eq!(reply, r#"{"predictions":[1.0,2.0]}"#);
}

#[test]
fn a_single_input_may_be_named_in_every_row() {
    let reply = replied(&echo(DType::I32, &[1]), r#"{"instances": [{"x": [1]}, {"x": [2]}]}"#, same);
    assert_eq!(reply, r#"{"predictions":[[1],[2]]}"#);
}

#[test]
fn several_inputs_are_objects() {
    let body = r#"{"instances": [{"a": [1, 2], "b": 3}, {"b": 4, "a": [5, 6]}]}"#;
    let given = rest_columns(&two_inputs(), body).unwrap();
    assert_eq!(given, [f32s(&[2, 2], &[1., 2., 5., 6.]), i64s(&[2], &[3, 4])]);
}

#[test]
fn several_outputs_are_objects_row_by_row() {
    let outputs = vec![port("y", DType::F32, &[2]), port("n", DType::I64, &[])];
    let servable = one(vec![port("x", DType::F32, &[])], outputs);
    let give: Run = |_| Ok(vec![f32s(&[2, 2], &[1., 2., 3., 4.]), i64s(&[2], &[5, 6])]);
    let reply = replied(&servable, r#"{"instances": [0, 0]}"#, give);
    assert_eq!(reply, r#"{"predictions":[{"y":[1.0,2.0],"n":5},{"y":[3.0,4.0],"n":6}]}"#);
    let reply = replied(&servable, r#"{"inputs": [0, 0]}"#, give);
    assert_eq!(reply, r#"{"outputs":{"y":[[1.0,2.0],[3.0,4.0]],"n":[5,6]}}"#);
}

#[test]
fn whole_inputs_are_values_or_objects_of_them() {
    let echo = echo(DType::F32, &[2]);
    for body in
        [r#"{"inputs": [[1, 2]]}"#, r#"{"inputs": {"x": [[1, 2]]}}"#, r#"{"inputs": {"z": {"a": 1}, "x": [[1, 2]]}}"#]
    {
        assert_eq!(replied(&echo, body, same), r#"{"outputs":[[1.0,2.0]]}"#);
    }
    let given = rest_columns(&two_inputs(), r#"{"inputs": {"a": [[1, 2]], "b": [3], "a": 0}}"#).unwrap();
    assert_eq!(given, [f32s(&[1, 2], &[1., 2.]), i64s(&[1], &[3])]);
}

#[test]
fn a_value_without_its_rows_is_one() {
    let reply = replied(&echo(DType::F32, &[2]), r#"{"inputs": [1, 2]}"#, same);
    assert_eq!(reply, r#"{"outputs":[[1.0,2.0]]}"#);
    assert_eq!(replied(&echo(DType::F32, &[]), r#"{"inputs": 5}"#, same), r#"{"outputs":[5.0]}"#);
}

#[test]
fn a_method_without_batch_takes_exactly_its_shape() {
    let contract = |row: &[i64]| vec![port("x", DType::F32, row)];
    let whole = servable(vec![method("serving_default", contract(&[-1, 2]), contract(&[-1, 2]), false)]);
    assert_eq!(rest_columns(&whole, r#"{"instances": [[1, 2], [3, 4]]}"#).unwrap()[0].shape().dims(), [1, 2, 2]);
    let reply = replied(&whole, r#"{"instances": [[1, 2], [3, 4]]}"#, same);
    assert_eq!(reply, r#"{"predictions":[[1.0,2.0],[3.0,4.0]]}"#);
}

#[test]
fn inputs_with_defaults_may_be_left_out_of_all_rows() {
    let inputs = vec![port("x", DType::F32, &[]), optional(port("k", DType::I32, &[]))];
    let servable = one(inputs, vec![port("y", DType::F32, &[])]);
    let absent = [f32s(&[2], &[1., 2.]), Port::absent(2)];
    for body in [r#"{"instances": [1, 2]}"#, r#"{"instances": [{"x": 1}, {"x": 2}]}"#, r#"{"inputs": {"x": [1, 2]}}"#] {
        assert_eq!(rest_columns(&servable, body).unwrap(), absent);
    }
    let (status, _) = rest_predict(&servable, r#"{"instances": [{"x": 1}, {"x": 2, "k": 1}]}"#, same);
    assert_eq!(status, 400);
}

#[test]
fn the_signature_is_the_bodys() {
    let parse = |body: &str| salver_wire::tensorflow::rest::Predict::parse(address("m"), body.to_string().into());
    let method = |body: &str| {
        let predict = parse(body).unwrap();
        salver_wire::Exchange::target(&predict).unwrap().method.map(String::from)
    };
    assert_eq!(method(r#"{"signature_name": "sh\u006fut", "instances": []}"#), Some("shout".into()));
    assert_eq!(method(r#"{"signature_name": "serving_default", "instances": []}"#), None);
    assert_eq!(method(r#"{"instances": []}"#), None);
}

#[test]
fn bytes_are_base64_in_and_out() {
    let given = rest_columns(&echo(DType::Bytes, &[]), r#"{"instances": [{"b64": "AAH/"}, "text", {"b64": "YQ"}]}"#);
    assert_eq!(given.unwrap(), [words(DType::Bytes, &[3], &[b"\x00\x01\xff", b"text", b"a"])]);
    let given = rest_columns(&echo(DType::Bytes, &[]), r#"{"inputs": {"b64": "YWI="}}"#);
    assert_eq!(given.unwrap(), [words(DType::Bytes, &[1], &[b"ab"])]);
    let given = rest_columns(&echo(DType::Bytes, &[1]), r#"{"instances": [{"x": [{"b64": "YWI="}]}]}"#);
    assert_eq!(given.unwrap(), [words(DType::Bytes, &[1, 1], &[b"ab"])]);

    let named = |name: &str| one(vec![port("x", DType::Bytes, &[])], vec![port(name, DType::Bytes, &[])]);
    let text: Run = |_| Ok(vec![words(DType::Bytes, &[1], &[b"a\"b"])]);
    assert_eq!(replied(&named("y"), r#"{"instances": [""]}"#, text), r#"{"predictions":["a\"b"]}"#);
    assert_eq!(replied(&named("y_bytes"), r#"{"instances": [""]}"#, text), r#"{"predictions":[{"b64":"YSJi"}]}"#);
    let raw: Run = |_| Ok(vec![words(DType::Bytes, &[1], &[b"\xff"])]);
    assert_eq!(replied(&named("y"), r#"{"instances": [""]}"#, raw), r#"{"predictions":[{"b64":"/w=="}]}"#);
    let numbers = one(vec![port("x", DType::Bytes, &[])], vec![port("y_bytes", DType::F32, &[])]);
    let give: Run = |_| Ok(vec![f32s(&[1], &[1.0])]);
    assert_eq!(replied(&numbers, r#"{"instances": [""]}"#, give), r#"{"predictions":[1.0]}"#);
}

#[test]
fn floats_have_the_fewest_digits_and_never_look_whole() {
    let values = "[0.2, 1, -0.0, 16777216, 1e20, 3.0e-5, 1.17549435e-38, NaN, Infinity, -Infinity]";
    let reply = replied(&echo(DType::F32, &[10]), &format!(r#"{{"instances": [{values}]}}"#), same);
    let wanted = "[[0.2,1.0,-0.0,16777216.0,1e20,0.00003,1.1754944e-38,NaN,Infinity,-Infinity]]";
    assert_eq!(reply, format!(r#"{{"predictions":{wanted}}}"#));
    let reply = replied(&echo(DType::F64, &[]), r#"{"instances": [0.1, 1e300, 3]}"#, same);
    assert_eq!(reply, r#"{"predictions":[0.1,1e300,3.0]}"#);
    let reply = replied(&echo(DType::Bool, &[]), r#"{"instances": [true, false]}"#, same);
    assert_eq!(reply, r#"{"predictions":[true,false]}"#);
}

#[test]
fn documents_are_laid_out_for_people() {
    let (_, document) = rest_predict(&echo(DType::F32, &[]), r#"{"instances": [1]}"#, same);
    assert_eq!(document, "{\n    \"predictions\": [1.0]\n}");
}

#[test]
fn what_follows_the_document_is_ignored() {
    let given = rest_columns(&echo(DType::F32, &[]), "  {\"instances\": [1]} trailing { text");
    assert_eq!(given.unwrap(), [f32s(&[1], &[1.0])]);
}

#[test]
fn rows_need_outputs_that_are_rows() {
    let outputs = vec![port("y", DType::F32, &[]), port("z", DType::F32, &[])];
    let whole = servable(vec![method("serving_default", vec![port("x", DType::F32, &[1])], outputs, false)]);
    let scalar: Run = |_| Ok(vec![f32s(&[1], &[1.0]), f32s(&[1], &[1.0])]);
    let refused = told(rest_predict(&whole, r#"{"instances": [1]}"#, scalar));
    assert_eq!(refused, (400, "Tensor name: y has no shape information ".into()));
    let uneven: Run =
        |_: Part| -> Result<Vec<Tensor>, Error> { Ok(vec![f32s(&[1, 2], &[1.0; 2]), f32s(&[1, 3], &[1.0; 3])]) };
    let refused = told(rest_predict(&whole, r#"{"instances": [1]}"#, uneven));
    assert_eq!(refused, (400, "Tensor name: z has inconsistent batch size: 3 expecting: 2".into()));
    let reply = replied(&whole, r#"{"inputs": [1]}"#, uneven);
    assert_eq!(reply, r#"{"outputs":{"y":[1.0,1.0],"z":[1.0,1.0,1.0]}}"#);
}
