//! What calls say beside their inputs, to stages that want to know.

use salver_wire::kserve::messages::{InferParameter, ParameterChoice};
use serde_json::{json, Value};

use crate::lane::words;
use crate::served::{served, Answer, Served};
use crate::talk::{framed, request, Talk};

fn told(served: &Served) -> Option<Value> {
    let batch = served.lane.take();
    served.lane.finish(&batch, Ok(words(&["hm"])));
    batch.segments[0].details.as_deref().map(|text| serde_json::from_str(text).unwrap())
}

#[test]
fn headers_are_metadata() {
    let served = served();
    let mut answer = served.events("tell", r#"{"x": "once"}"#);
    assert_eq!(told(&served), Some(json!({"metadata": [["accept", "text/event-stream"]], "parameters": {}})));
    answer.rest();
}

#[test]
fn parameters_of_kserve_are_told_as_well() {
    let served = served();
    let body = r#"{"inputs": [{"name": "x", "shape": [1], "datatype": "BYTES", "data": ["once"]}],
        "parameters": {"temperature": 0.5, "seed": 7, "binary_data_output": false, "odd": {"not": "passed on"}}}"#;
    let socket = served.send("/v2/models/story.whisper/infer", "X-Who: Me\r\n", body);
    let wanted = json!({"metadata": [["x-who", "Me"]], "parameters": {"temperature": 0.5, "seed": 7}});
    assert_eq!(told(&served), Some(wanted));
    assert_eq!(Answer::read(socket).status, 200);
}

#[test]
fn stages_that_do_not_ask_are_told_nothing() {
    let served = served();
    let mut answer = served.events("echo", r#"{"x": "once"}"#);
    assert_eq!(told(&served), None);
    answer.rest();
}

#[test]
fn streams_tell_their_headers_with_each_request() {
    let served = served();
    let mut talk = Talk::begin_with(&served, &[("x-trace-bin", "AAEC"), ("user-agent", "test")]);
    for seed in [1, 2] {
        let mut asked = request("tell", "", &["once"]);
        let choices = [
            ("seed", ParameterChoice::Int64Param(seed)),
            ("style", ParameterChoice::StringParam("plain".into())),
            ("rhyme", ParameterChoice::BoolParam(false)),
            ("temperature", ParameterChoice::DoubleParam(0.5)),
            ("triton_enable_empty_final_response", ParameterChoice::BoolParam(true)),
        ];
        let parameter = |choice| InferParameter { parameter_choice: Some(choice) };
        asked.parameters.extend(choices.map(|(name, choice)| (name.to_string(), parameter(choice))));
        talk.send(framed(&asked));
        let wanted = json!({
            "metadata": [["x-trace-bin", "AAEC"], ["user-agent", "test"]],
            "parameters": {"seed": seed, "style": "plain", "rhyme": false, "temperature": 0.5},
        });
        assert_eq!(told(&served), Some(wanted));
        talk.reply();
    }
}
