//! `classify` and `regress` over REST.

use prost::Message;
use salver_wire::tensorflow::Task;

use crate::inference::{classifier, labels, lengths, regressor};
use crate::messages::ExampleList;
use crate::servables::*;

#[derive(Clone, PartialEq, Message)]
struct Floats {
    #[prost(float, repeated, tag = "1")]
    value: Vec<f32>,
}

#[derive(Clone, PartialEq, Message)]
struct Ints {
    #[prost(int64, repeated, tag = "1")]
    value: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct Feature {
    #[prost(message, optional, tag = "1")]
    bytes: Option<ExampleList>,
    #[prost(message, optional, tag = "2")]
    floats: Option<Floats>,
    #[prost(message, optional, tag = "3")]
    ints: Option<Ints>,
}

#[derive(Clone, PartialEq, Message)]
struct Features {
    #[prost(btree_map = "string, message", tag = "1")]
    feature: std::collections::BTreeMap<String, Feature>,
}

#[derive(Clone, PartialEq, Message)]
struct Example {
    #[prost(message, optional, tag = "1")]
    features: Option<Features>,
}

/// The examples that a body comes to.
fn examples(body: &str) -> Vec<Example> {
    let mut inference =
        salver_wire::tensorflow::rest::Inference::parse(Task::Regress, address("m"), body.to_string().into()).unwrap();
    let servable = regressor();
    let parts = salver_wire::Exchange::parts(&mut inference, &servable, &servable.methods[0]).unwrap();
    parts[0].columns()[0].values().iter().map(|value| Example::decode(value.clone()).unwrap()).collect()
}

fn ints(value: &[i64]) -> Feature {
    Feature { ints: Some(Ints { value: value.to_vec() }), ..Default::default() }
}

fn floats(value: &[f32]) -> Feature {
    Feature { floats: Some(Floats { value: value.to_vec() }), ..Default::default() }
}

fn bytes(value: &[&[u8]]) -> Feature {
    let examples = value.iter().map(|value| value.to_vec()).collect();
    Feature { bytes: Some(ExampleList { examples, context: None }), ..Default::default() }
}

#[test]
fn features_are_of_the_kind_that_their_values_are() {
    let body = r#"{"examples": [{
        "whole": 5, "list": [1, -2], "truth": [true, false], "decimal": 0.5, "decimals": [1.0, 2e3, NaN],
        "text": "a\u00e9", "texts": ["", {"b64": "AP8="}], "empty": [], "huge": 1e20
    }, {}]}"#;
    let given = examples(body);
    let feature = |name: &str| given[0].features.as_ref().unwrap().feature[name].clone();
    assert_eq!(feature("whole"), ints(&[5]));
    assert_eq!(feature("list"), ints(&[1, -2]));
    assert_eq!(feature("truth"), ints(&[1, 0]));
    assert_eq!(feature("decimal"), floats(&[0.5]));
    assert_eq!(feature("huge"), floats(&[1e20]));
    let decimals = feature("decimals").floats.unwrap().value;
    assert!(decimals[..2] == [1.0, 2000.0] && decimals[2].is_nan());
    assert_eq!(feature("text"), bytes(&["aé".as_bytes()]));
    assert_eq!(feature("texts"), bytes(&[b"", b"\x00\xff"]));
    assert_eq!(feature("empty"), Feature::default());
    assert_eq!(given[1].features, Some(Features::default()));
}

#[test]
fn a_context_is_merged_into_every_example() {
    let given = examples(r#"{"context": {"c": 1}, "examples": [{"x": 2}, {"x": 3}]}"#);
    for (example, x) in given.iter().zip([2, 3]) {
        let features = &example.features.as_ref().unwrap().feature;
        assert_eq!((&features["c"], &features["x"]), (&ints(&[1]), &ints(&[x])));
    }
}

#[test]
fn results_are_pairs_or_numbers() {
    let squeezed = |(status, document): (u16, String)| (status, document.split_whitespace().collect::<String>());
    let body = r#"{"examples": [{"x": 1}, {"x": 2}]}"#;
    let wanted = r#"{"results":[[["cat",0.0],["dog",0.25]],[["cat",0.5],["dog",0.75]]]}"#;
    assert_eq!(squeezed(rest_infer(Task::Classify, &classifier(), body, labels)), (200, wanted.into()));
    let wanted = r#"{"results":[14.0,14.0]}"#;
    assert_eq!(squeezed(rest_infer(Task::Regress, &regressor(), body, lengths)), (200, wanted.into()));
}

#[test]
fn what_is_no_example_is_refused() {
    let odd = |kind: &str| format!("Feature: x has element with unexpected JSON type: {kind}");
    let mixed = |kind: &str| format!("Unexpected element type in feature: x expecting type: {kind}");
    let shown = |body: &str, told: &str| format!("JSON Value: {body} {told}");
    let missing = "When method is classify, key 'examples' is expected and was not found";
    let cases = [
        ("", "JSON Parse error: The document is empty".to_string()),
        ("{}", shown("{}", missing)),
        (r#"{"examples": {}}"#, shown(r#"{"examples": {}}"#, "Expecting 'examples' value to be an list/array")),
        (r#"{"examples": []}"#, shown(r#"{"examples": []}"#, "'examples' value is an empty array")),
        (r#"{"examples": [5]}"#, "Example must be JSON object but got JSON Number".into()),
        (r#"{"context": [], "examples": [{}]}"#, "Example must be JSON object but got JSON Array".into()),
        (r#"{"examples": [{"x": null}]}"#, odd("Null")),
        (r#"{"examples": [{"x": [[1]]}]}"#, odd("Array")),
        (r#"{"examples": [{"x": {"y": 1}}]}"#, odd("Object")),
        (r#"{"examples": [{"x": {"b64": "?"}}]}"#, "Unable to base64 decode".into()),
        (r#"{"examples": [{"x": [1, 2.5]}]}"#, mixed("int64")),
        (r#"{"examples": [{"x": [2.5, 1]}]}"#, mixed("float")),
        (r#"{"examples": [{"x": ["a", true]}]}"#, mixed("bytes")),
        (
            r#"{"examples": [{"x": 9223372036854775808}]}"#,
            "Feature: x has uint64 element. Only int64 is supported.".into(),
        ),
        (
            r#"{"examples": [{"x": 1e39}]}"#,
            "Cannot convert JSON value: 1e39 to float without loss of precision.".into(),
        ),
    ];
    for (body, wanted) in cases {
        assert_eq!(told(rest_infer(Task::Classify, &classifier(), body, labels)), (400, wanted));
    }
}

#[test]
fn signatures_must_be_those_of_the_task_here_too() {
    let refused = told(rest_infer(Task::Regress, &classifier(), r#"{"examples": [{}]}"#, labels));
    assert_eq!(refused, (400, "Expected one output Tensor.".into()));
}
