//! What `predict` refuses over REST.

use salver_core::{DType, Servable};
use salver_wire::tensorflow::{http_reply, rest};

use crate::servables::*;

fn refused(servable: &Servable, body: &str) -> String {
    let (status, text) = told(rest_predict(servable, body, same));
    assert_eq!(status, 400, "{text}");
    text
}

fn floats(row: &[i64]) -> Servable {
    echo(DType::F32, row)
}

#[test]
fn a_body_must_be_a_json_object() {
    let cases = [
        ("", "JSON Parse error: The document is empty"),
        ("  \n", "JSON Parse error: The document is empty. at offset: 3"),
        ("{", "JSON Parse error: Missing a name for object member. at offset: 1"),
        ("{\"instances\": [1, 2}", "JSON Parse error: Missing a comma or ] after an array element. at offset: 19"),
        ("{\"instances\": [1.}", "JSON Parse error: Miss fraction part in number. at offset: 17"),
        ("{\"instances\" [1]}", "JSON Parse error: Missing a colon after a name of object member. at offset: 13"),
        (
            "{\"instances\": [1] \"inputs\"}",
            "JSON Parse error: Missing a comma or } after an object member. at offset: 18",
        ),
        ("nonsense", "JSON Parse error: Invalid value. at offset: 0"),
        ("[1, 2]", "JSON Value: [1, 2] Is not object"),
        ("5", "JSON Value: 5 Is not object"),
    ];
    for (body, wanted) in cases {
        assert_eq!(refused(&floats(&[]), body), wanted);
    }
    let deep = format!("{{\"instances\": {}", "[".repeat(100_000));
    let wanted = "JSON Parse error: Arrays and objects are nested more than 100 deep. at offset: 114";
    assert_eq!(refused(&floats(&[]), &deep), wanted);
    let reply = rest::Predict::parse(address("m"), (&b"{\"\xff\": 1}"[..]).into()).map(drop).unwrap_err();
    assert_eq!(told(text(&http_reply(&reply))).1, "JSON Parse error: Invalid encoding in string. at offset: 2");
}

#[test]
fn bad_json_is_refused_before_anybody_looks_for_the_model() {
    assert!(rest::Predict::parse(address("nobody"), "{".into()).is_err());
    assert!(rest::Predict::parse(address("nobody"), "{}".into()).is_ok());
}

#[test]
fn there_is_one_of_two_keys() {
    assert_eq!(refused(&floats(&[]), "{}"), "Missing 'inputs' or 'instances' key");
    assert_eq!(refused(&floats(&[]), r#"{"Instances": [1]}"#), "Missing 'inputs' or 'instances' key");
    let both = r#"{"instances": [1], "inputs": [1]}"#;
    let wanted = format!(
        "JSON Value: {both} Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist "
    );
    assert_eq!(refused(&floats(&[]), both), wanted);
    let wanted =
        "JSON Value: {\"signature_name\": 5} not formatted correctly. 'signature_name' key must be a string value.";
    assert_eq!(refused(&floats(&[]), r#"{"signature_name": 5}"#), wanted);
}

#[test]
fn instances_are_a_list_with_something_in_it() {
    let wanted = "JSON Value: {\"instances\": 5} Excepting 'instances' to be an list/array";
    assert_eq!(refused(&floats(&[]), r#"{"instances": 5}"#), wanted);
    let wanted = "JSON Value: {\"instances\": []} No values in 'instances' array";
    assert_eq!(refused(&floats(&[]), r#"{"instances": []}"#), wanted);
    let wanted = "instances is a plain list, but expecting list of objects as multiple input tensors required as per \
                  tensorinfo_map";
    assert_eq!(refused(&two_inputs(), r#"{"instances": [1]}"#), wanted);
    assert_eq!(
        refused(&two_inputs(), r#"{"inputs": [1]}"#),
        "inputs is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map"
    );
}

#[test]
fn rows_name_all_inputs_and_no_others() {
    let keys = "keys must be equal to: a,b";
    let cases = [
        (
            r#"[{"a": [1, 2]}]"#,
            format!("Failed to process element: 0 of 'instances' list. JSON object: {{\"a\": [1, 2]}} {keys}"),
        ),
        (
            r#"[{"a": [1, 2], "b": 1}, {"b": 1}]"#,
            format!("Failed to process element: 1 of 'instances' list. JSON object: {{\"b\": 1}} {keys}"),
        ),
        (r#"[{}]"#, format!("Failed to process element: 0 of 'instances' list. JSON object: {{}} {keys}")),
        (
            r#"[{"a": [1, 2], "c": 1}]"#,
            "Failed to process element: 0 key: c of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not \
             have named input: c"
                .into(),
        ),
        (
            r#"[{"a": [1, 2], "a": [1, 2]}]"#,
            "Failed to process element: 0 key: a of 'instances' list. Error: INVALID_ARGUMENT: JSON object: has the \
             input twice: a"
                .into(),
        ),
        (r#"[{"a": [1, 2], "b": 1}, 5]"#, "Expecting object but got list at item 1 of input list".into()),
    ];
    for (instances, wanted) in cases {
        assert_eq!(refused(&two_inputs(), &format!(r#"{{"instances": {instances}}}"#)), wanted);
    }
    let wanted = "Expecting value/list but got object at item 1 of input list";
    assert_eq!(refused(&floats(&[]), r#"{"instances": [1, {"x": 1}]}"#), wanted);
}

#[test]
fn whole_inputs_must_be_there() {
    let wanted = "Missing named input: b in 'inputs' object.";
    assert_eq!(refused(&two_inputs(), r#"{"inputs": {"a": [[1, 2]]}}"#), wanted);
    assert_eq!(refused(&two_inputs(), r#"{"inputs": {}}"#), "Missing named input: a in 'inputs' object.");
}

#[test]
fn lists_side_by_side_are_alike() {
    let cases = [
        ("[[1, 2], [3]]", "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
        ("[[1], []]", "Encountered list at unexpected size: 0 at level: 1 expected size: 1"),
        ("[[], [1]]", "Encountered list at unexpected size: 1 at level: 1 expected size: 0"),
        ("[1, [2]]", "Encountered list at unexpected level: 1 expected < 1"),
        ("[[1], 2]", "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
    ];
    for (values, wanted) in cases {
        assert_eq!(refused(&floats(&[-1]), &format!(r#"{{"inputs": {values}}}"#)), wanted, "{values}");
        let nested = refused(&floats(&[-1, -1]), &format!(r#"{{"instances": [{values}]}}"#));
        let place = "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: ";
        assert_eq!(nested, format!("{place}{wanted}"));
    }
}

#[test]
fn rows_are_alike() {
    let place = |index| format!("Failed to process element: {index} of 'instances' list. Error: INVALID_ARGUMENT: ");
    let cases = [
        ("[[1, 2], [3]]", 1, "Expecting tensor size: 2 but got: 1"),
        ("[[1, 2], [[3], [4]]]", 1, "Expecting shape [2] but got: [2,1]"),
        ("[1, 2, \"a\"]", 2, "JSON Value: \"a\" Type: String is not of expected type: float"),
        ("[null]", 0, "JSON Value: null Type: Null is not of expected type: float"),
    ];
    for (instances, index, wanted) in cases {
        let text = refused(&floats(&[-1]), &format!(r#"{{"instances": {instances}}}"#));
        assert_eq!(text, place(index) + wanted);
    }
}

#[test]
fn shapes_must_be_the_signatures() {
    let wanted = "input 'x' of model 'm' has the shape [2,3], but [-1,2] is expected; without its first dimension it \
                  is one row";
    assert_eq!(refused(&floats(&[2]), r#"{"instances": [[1, 2, 3], [4, 5, 6]]}"#), wanted);
}

#[test]
fn long_values_are_cut_so_that_the_reason_is_read() {
    let long = format!(r#"{{"instances": ["{}"]}}"#, "x".repeat(100_000));
    let text = refused(&floats(&[]), &long);
    assert!(text.len() < 700 && text.ends_with("xxx... Type: String is not of expected type: float"), "{text}");
}
