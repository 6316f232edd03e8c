use salver_core::{DType, Dim, Error, Fault, Resource};
use salver_wire::kserve::{grpc_status, http_reply};

use crate::support::joined;

fn author(fault: Fault, what: &str) -> Error {
    Error::Author { fault, what: what.into(), method: "predict".into(), index: 2, message: "it broke".into() }
}

/// Every kind of error: gRPC code, HTTP status, text.
fn table() -> Vec<(Error, u32, u16, &'static str)> {
    use Error::*;
    let (servable, method, input) = (|| "m".to_string(), || "f".to_string(), || "x".to_string());
    let ab = || vec!["a".to_string(), "b".to_string()];
    vec![
        (UnknownServable { servable: servable() }, 3, 400, "Request for unknown model: 'm' is not found"),
        (
            UnknownVersion { servable: servable(), version: "9".into() },
            5,
            404,
            "Request for unknown model: 'm' version 9 is not found",
        ),
        (
            NotReady { servable: servable(), version: Some(9), reason: None },
            14,
            503,
            "Request for unknown model: 'm' version 9 is not at ready state",
        ),
        (
            NotReady { servable: servable(), version: None, reason: None },
            5,
            404,
            "Request for unknown model: 'm' has no available versions",
        ),
        (
            NotReady { servable: servable(), version: Some(9), reason: Some("no weights".into()) },
            14,
            503,
            "Request for unknown model: 'm' version 9 is not at ready state: no weights",
        ),
        (
            NotReady { servable: servable(), version: None, reason: Some("version 9: no weights".into()) },
            5,
            404,
            "Request for unknown model: 'm' has no available versions: version 9: no weights",
        ),
        (
            UnknownMethod { servable: servable(), version: None, method: method() },
            3,
            400,
            "Request for unknown model: 'm.f' is not found; 'm' has no method 'f'",
        ),
        (Error::malformed("JSON", "odd"), 3, 400, "failed to parse the request JSON buffer: odd"),
        (Error::malformed("request", "odd"), 3, 400, "odd"),
        (Error::malformed("message", "odd"), 3, 400, "malformed message: odd"),
        (
            NoRows { servable: servable(), method: method() },
            3,
            400,
            "[request id: 7] inference request batch-size must be >= 1 for 'm'",
        ),
        (
            MissingInput { servable: servable(), method: method(), input: input() },
            3,
            400,
            "[request id: 7] missing required input 'x' for model 'm'",
        ),
        (
            InputCount { servable: servable(), given: vec!["a".into()], declared: ab() },
            3,
            400,
            "[request id: 7] expected 2 inputs but got 1 inputs for model 'm'. Got input(s) ['a'], \
             but missing required input(s) ['b']. Please provide all required input(s).",
        ),
        (
            InputCount { servable: servable(), given: ab(), declared: vec!["b".into()] },
            3,
            400,
            "[request id: 7] expected 1 inputs but got 2 inputs for model 'm'. Got input(s) ['a','b'], \
             but it takes ['b'].",
        ),
        (
            UnknownInput { servable: servable(), input: input(), declared: ab() },
            3,
            400,
            "unexpected inference input 'x' for model 'm'; it takes ['a','b']",
        ),
        (RepeatedInput { servable: servable(), input: input() }, 3, 400, "input 'x' already exists in request"),
        (
            UnknownOutput { servable: servable(), output: "y".into(), declared: ab() },
            3,
            400,
            "unexpected inference output 'y' for model 'm'; it gives ['a','b']",
        ),
        (RepeatedOutput { servable: servable(), output: "y".into() }, 3, 400, "output 'y' already exists in request"),
        (
            InputType { servable: servable(), input: input(), index: 0, given: "FP32".into(), declared: DType::Str },
            3,
            400,
            "[request id: 7] inference input 'x' data-type is 'FP32', but model 'm' expects 'BYTES'",
        ),
        (
            InputShape {
                servable: servable(),
                input: input(),
                given: vec![1, 3],
                declared: vec![Dim::Free("width".into()), Dim::Fixed(4)],
                batched: false,
            },
            3,
            400,
            "[request id: 7] unexpected shape for input 'x' for model 'm'. Expected [-1,4], got [1,3]. \
             NOTE: the model is not batched, so shapes have no batch dimension.",
        ),
        (
            InputSize { servable: servable(), input: input(), index: 0, given: 3, wanted: 4 },
            3,
            400,
            "[request id: 7] input byte size mismatch for input 'x' for model 'm'. Expected 4, got 3",
        ),
        (
            InputElements { servable: servable(), input: input(), given: 3, wanted: 4 },
            13,
            500,
            "Unable to parse 'data': Shape does not match true shape of 'data' field: \
             input 'x' has 3 elements, but its shape needs 4",
        ),
        (
            RowsDiffer { servable: servable(), input: input(), given: 2, wanted: 1 },
            3,
            400,
            "[request id: 7] input 'x' batch size does not match other inputs for 'm': \
             it has 2 rows, the first input 1",
        ),
        (
            InputValue { servable: servable(), input: input(), detail: "it is odd".into() },
            3,
            400,
            "[request id: 7] input 'x' for model 'm': it is odd",
        ),
        (
            TooManyRows { servable: "m".into(), rows: 9, limit: 8 },
            3,
            400,
            "[request id: 7] inference request batch-size must be <= 8 for 'm', but is 9",
        ),
        (Unsupported { what: "not \"here\"".into() }, 12, 501, "not \"here\""),
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
            "Exceeds maximum queue size: the server is at its limit of 10 calls in flight; try again later, \
             or raise --max-calls",
        ),
        (Failed { stage: "s".into(), message: "no".into() }, 13, 500, "stage 's' failed: no"),
        (author(Fault::Raised, ""), 13, 500, "it broke"),
        (
            author(Fault::Raised, "Function 'm.f'"),
            13,
            500,
            "Function 'm.f', stage 2 of method 'predict', failed: it broke",
        ),
        (author(Fault::Input, ""), 3, 400, "it broke"),
        (author(Fault::Output, ""), 13, 500, "it broke"),
        (
            Lost { stage: "s".into() },
            14,
            503,
            "the worker that ran stage 's' was lost; it is being restarted, try again",
        ),
        (DeadlineExceeded, 4, 504, "the call's deadline passed before it was answered"),
        (Cancelled, 1, 400, "the call was cancelled"),
        (Error::internal("odd"), 13, 500, "internal error, please report it: odd"),
    ]
}

#[test]
fn every_error_has_its_codes_and_text() {
    for (error, code, status, text) in table() {
        let grpc = grpc_status(&error, "7");
        assert_eq!((grpc.code, grpc.message.as_str()), (code, text), "{error:?}");
        let http = http_reply(&error, "7");
        let body: serde_json::Value = serde_json::from_slice(&joined(&http.body)).unwrap();
        assert_eq!((http.status, body), (status, serde_json::json!({ "error": text })), "{error:?}");
        assert_eq!(http.headers, [("content-type", "application/json".to_string())]);
    }
}

#[test]
fn a_draining_server_says_so_in_each_protocols_words() {
    let grpc = grpc_status(&Error::Draining, "");
    let text = "GRPC server is shutting down and has stopped accepting new requests.";
    assert_eq!((grpc.code, grpc.message.as_str()), (14, text));
    assert_eq!(http_reply(&Error::Draining, "").status, 503);
}

#[test]
fn texts_stay_short_whatever_names_they_hold() {
    let error = Error::UnknownServable { servable: "é".repeat(1_000_000) };
    assert!(grpc_status(&error, "").message.len() < 5000);
    assert!(joined(&http_reply(&error, "").body).len() < 5000);
}
