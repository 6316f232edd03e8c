//! `GetModelStatus`, the same over REST, and the list of models.

use salver_core::Code;
use salver_wire::tensorflow::{grpc_status, listing, Spec, State, StatusRequest, VersionStatus, Which};

use crate::messages::*;
use crate::servables::{address, text, told};

const VERSIONS: [VersionStatus<'static>; 4] = [
    VersionStatus { model: "m", version: 1, state: State::End, code: Code::Ok, message: "" },
    VersionStatus { model: "n", version: 1, state: State::Loading, code: Code::Ok, message: "" },
    VersionStatus { model: "m", version: 3, state: State::End, code: Code::Unknown, message: "no such file" },
    VersionStatus { model: "m", version: 2, state: State::Available, code: Code::Ok, message: "" },
];

fn asked(model_spec: ModelSpec) -> StatusRequest {
    StatusRequest::parse(bytes(&GetModelStatusRequest { model_spec: Some(model_spec) })).unwrap()
}

fn status(version: i64, state: i32, error_code: i32, message: &str) -> ModelVersionStatus {
    let status = Some(StatusProto { error_code, error_message: message.into() });
    ModelVersionStatus { version, state, status }
}

#[test]
fn all_versions_are_shown_newest_first() {
    let response: GetModelStatusResponse = read(&asked(spec("m").unwrap()).grpc(&VERSIONS));
    let wanted = [status(3, 50, 2, "no such file"), status(2, 30, 0, ""), status(1, 50, 0, "")];
    assert_eq!(response.model_version_status, wanted);
}

#[test]
fn one_version_may_be_asked_for_and_labels_are_ignored() {
    let version = |value| ModelSpec { version: Some(Int64Value { value }), ..spec("m").unwrap() };
    let response: GetModelStatusResponse = read(&asked(version(2)).grpc(&VERSIONS));
    assert_eq!(response.model_version_status, [status(2, 30, 0, "")]);
    let label = ModelSpec { version_label: Some("stable".into()), ..spec("m").unwrap() };
    let response: GetModelStatusResponse = read(&asked(label).grpc(&VERSIONS));
    assert_eq!(response.model_version_status.len(), 3);
}

#[test]
fn what_there_is_none_of_is_not_found() {
    let version = |value| ModelSpec { version: Some(Int64Value { value }), ..spec("m").unwrap() };
    let cases = [
        (spec("x").unwrap(), "Could not find any versions of model x"),
        (spec("").unwrap(), "Could not find any versions of model "),
        (version(9), "Could not find version 9 of model m"),
        (version(-1), "Could not find version -1 of model m"),
    ];
    for (spec, wanted) in cases {
        let reply = asked(spec).grpc(&VERSIONS);
        assert_eq!((reply.code, reply.message.as_str()), (5, wanted));
    }
    let reply = grpc_status(&StatusRequest::parse(bytes(&GetModelStatusRequest::default())).map(drop).unwrap_err());
    assert_eq!((reply.code, reply.message.as_str()), (3, "Missing ModelSpec"));
}

#[test]
fn over_rest_versions_are_text_and_nothing_is_left_out() {
    let spec = Spec { version: Which::Number(2), ..address("m") };
    let (status, document) = text(&StatusRequest::at(spec).http(&VERSIONS));
    let wanted = serde_json::json!({ "model_version_status": [
        { "version": "2", "state": "AVAILABLE", "status": { "error_code": "OK", "error_message": "" } },
    ] });
    assert_eq!((status, serde_json::from_str(&document).unwrap()), (200, wanted));
    let missing = StatusRequest::at(address("x")).http(&VERSIONS);
    assert_eq!(told(text(&missing)), (404, "Could not find any versions of model x".into()));
}

#[test]
fn the_list_of_models_has_them_all_by_name() {
    let (status, document) = text(&listing(&VERSIONS));
    let version = |version: &str, state: &str, code: &str, message: &str| {
        serde_json::json!({
            "version": version, "state": state, "status": { "error_code": code, "error_message": message },
        })
    };
    let wanted = serde_json::json!({ "models": [
        { "name": "m", "model_version_status": [
            version("3", "END", "UNKNOWN", "no such file"), version("2", "AVAILABLE", "OK", ""), version("1", "END", "OK", ""),
        ] },
        { "name": "n", "model_version_status": [version("1", "LOADING", "OK", "")] },
    ] });
    assert_eq!((status, serde_json::from_str(&document).unwrap()), (200, wanted));
    assert_eq!(text(&listing(&[])), (200, "{\n  \"models\": []\n}".into()));
}
