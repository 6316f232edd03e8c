//! The code and text of every error, over gRPC and over REST.

use salver_core::{DType, Dim, Error, Fault, Resource};
use salver_wire::tensorflow::{rest, Form, Inference, Predict, Spec, Task, Which};
use salver_wire::Exchange;

use crate::messages::*;
use crate::servables::{text, told};

fn asked(version: Which, signature: &str) -> Spec {
    Spec { name: "m".into(), signature: signature.into(), version }
}

fn grpc_spec(spec: &Spec) -> Option<ModelSpec> {
    let (version, version_label) = match &spec.version {
        Which::Newest => (None, None),
        Which::Number(value) => (Some(Int64Value { value: *value }), None),
        Which::Label(label) => (None, Some(label.clone())),
    };
    Some(ModelSpec { name: spec.name.clone(), version, signature_name: spec.signature.clone(), version_label })
}

fn over_grpc(spec: &Spec, error: &Error) -> (u32, String) {
    let request = PredictRequest { model_spec: grpc_spec(spec), ..Default::default() };
    let reply = Predict::parse(bytes(&request), Form::Typed).unwrap().refuse(error);
    (reply.code, reply.message)
}

fn over_rest(spec: &Spec, error: &Error) -> (u16, String) {
    let body = format!(r#"{{"signature_name": "{}"}}"#, spec.signature);
    let address = Spec { signature: String::new(), ..spec.clone() };
    told(text(&rest::Predict::parse(address, body.into()).unwrap().refuse(error)))
}

#[test]
fn what_is_not_found_is_named_as_it_was_asked_for() {
    use Which::*;
    let unknown = Error::UnknownServable { servable: "m".into() };
    let version = Error::UnknownVersion { servable: "m".into(), version: "3".into() };
    let unready = Error::NotReady { servable: "m".into(), version: None, reason: None };
    let broken = Error::NotReady { servable: "m".into(), version: Some(3), reason: Some("no weights".into()) };
    let cases = [
        (Newest, &unknown, 5, 404, "Servable not found for request: Latest(m)"),
        (Newest, &unready, 5, 404, "Servable not found for request: Latest(m)"),
        (Number(3), &broken, 5, 404, "Servable not found for request: Specific(m, 3): no weights"),
        (Number(3), &unknown, 5, 404, "Servable not found for request: Specific(m, 3)"),
        (Number(3), &version, 5, 404, "Servable not found for request: Specific(m, 3)"),
        (Number(-1), &version, 5, 404, "Servable not found for request: Specific(m, -1)"),
        (Label("3".into()), &version, 5, 404, "Servable not found for request: Specific(m, 3)"),
        (Label("best".into()), &version, 3, 400, "Unrecognized servable version label: best"),
        (Label("best".into()), &unknown, 3, 400, "Unrecognized servable version label: best"),
    ];
    for (version, error, code, status, text) in cases {
        let spec = asked(version, "");
        assert_eq!(over_grpc(&spec, error), (code, text.to_string()));
        assert_eq!(over_rest(&spec, error), (status, text.to_string()));
    }
}

#[test]
fn unknown_signatures_are_told_as_each_api_tells_them() {
    let error = Error::UnknownMethod { servable: "m".into(), version: None, method: "f".into() };
    let spec = asked(Which::Newest, "f");
    assert_eq!(over_grpc(&spec, &error), (9, "Serving signature key \"f\" not found.".into()));
    let rest = "Serving signature name: \"f\" not found in signature def";
    assert_eq!(over_rest(&spec, &error), (400, rest.into()));
    let unnamed = asked(Which::Newest, "");
    assert_eq!(over_grpc(&unnamed, &error), (9, "Serving signature key \"serving_default\" not found.".into()));
    let request = InferenceRequest { model_spec: grpc_spec(&spec), input: None };
    for task in [Task::Classify, Task::Regress] {
        let reply = Inference::parse(task, bytes(&request)).unwrap().refuse(&error);
        assert_eq!((reply.code, reply.message.as_str()), (3, "No signature was found with the name: f"));
    }
}

/// Every other kind of error: gRPC code, HTTP status, text.
fn table() -> Vec<(Error, u32, u16, &'static str)> {
    use Error::*;
    let (servable, method, input) = (|| "m".to_string(), || "f".to_string(), || "x".to_string());
    let ab = || vec!["b".to_string(), "a".to_string()];
    vec![
        (Error::malformed("request", "odd"), 3, 400, "odd"),
        (Error::malformed("PredictRequest", "odd"), 3, 400, "malformed PredictRequest: odd"),
        (
            InputCount { servable: servable(), given: vec![input()], declared: ab() },
            3,
            400,
            "input size does not match signature: 1!=2 len({x}) != len({a,b}). Sent extra: {x}. \
             Missing but required: {a,b}.",
        ),
        (
            UnknownOutput { servable: servable(), output: "y".into(), declared: ab() },
            3,
            400,
            "output tensor alias not found in signature: y Outputs expected to be in the set {a,b}.",
        ),
        (RepeatedOutput { servable: servable(), output: "y".into() }, 3, 400, "duplicate output tensor alias: y"),
        (
            InputType { servable: servable(), input: input(), index: 2, given: "bool".into(), declared: DType::F16 },
            3,
            400,
            "Expects arg[2] to be half but bool is provided (input 'x' of model 'm')",
        ),
        (
            InputShape {
                servable: servable(),
                input: input(),
                given: vec![1, 3],
                declared: vec![Dim::Free("n".into()), Dim::Fixed(4)],
                batched: false,
            },
            3,
            400,
            "input 'x' of model 'm' has the shape [1,3], but [-1,4] is expected",
        ),
        (
            NoRows { servable: servable(), method: method() },
            3,
            400,
            "a request to 'm' method 'f' needs at least one row",
        ),
        (
            InputValue { servable: servable(), input: input(), detail: "it is odd".into() },
            3,
            400,
            "input 'x' of servable 'm': it is odd",
        ),
        (
            TooManyRows { servable: servable(), rows: 9, limit: 8 },
            3,
            400,
            "Task size 9 is larger than maximum input batch size 8",
        ),
        (
            Busy { resource: Resource::Queue, limit: 8 },
            14,
            503,
            "The batch scheduling queue to which this task was submitted is full; the server is at its limit of 8 \
             rows waiting for a model; try again later, or raise max_waiting_batches in salver.toml",
        ),
        (Unsupported { what: "not here".into() }, 12, 501, "not here"),
        (
            TooLarge { what: "message", size: 9, limit: 8, option: "--max-message-bytes" },
            8,
            413,
            "Received message larger than max (9 vs. 8); --max-message-bytes sets the limit",
        ),
        (
            Busy { resource: Resource::Calls, limit: 10 },
            14,
            503,
            "The batch scheduling queue to which this task was submitted is full; the server is at its limit of 10 \
             calls in flight; try again later, or raise --max-calls",
        ),
        (Failed { stage: "s".into(), message: "no".into() }, 13, 500, "stage 's' failed: no"),
        (
            Author { fault: Fault::Input, what: String::new(), method: method(), index: 1, message: "bad".into() },
            3,
            400,
            "bad",
        ),
        (
            Lost { stage: "s".into() },
            14,
            503,
            "the worker that ran stage 's' was lost; it is being restarted, try again",
        ),
        (DeadlineExceeded, 4, 504, "the call's deadline passed before it was answered"),
        (Cancelled, 1, 499, "the call was cancelled"),
        (Draining, 14, 503, "the server is shutting down and accepts no new calls"),
        (Error::internal("odd"), 13, 500, "internal error, please report it: odd"),
    ]
}

#[test]
fn every_error_has_its_codes_and_text() {
    let spec = asked(Which::Newest, "");
    for (error, code, status, text) in table() {
        assert_eq!(over_grpc(&spec, &error), (code, text.to_string()), "{error:?}");
        assert_eq!(over_rest(&spec, &error), (status, text.to_string()), "{error:?}");
    }
}

#[test]
fn long_texts_are_cut() {
    let long = Error::malformed("request", "ä".repeat(1025));
    let wanted = "ä".repeat(1024) + "...TRUNCATED";
    assert_eq!(over_grpc(&asked(Which::Newest, ""), &long).1, wanted);
    assert_eq!(over_rest(&asked(Which::Newest, ""), &long).1, wanted);
    let fitting = Error::malformed("request", "a".repeat(1024));
    assert_eq!(over_grpc(&asked(Which::Newest, ""), &fitting).1, "a".repeat(1024));
}
