use bytes::Bytes;
use prost::Message;
use salver_core::DType;
use salver_wire::kserve::index::{IndexRequest, Indexed};
use salver_wire::kserve::messages::{
    ModelMetadataRequest, ModelMetadataResponse, RepositoryIndexRequest, RepositoryIndexResponse, ServerLiveResponse,
};
use salver_wire::kserve::metadata;

use crate::support::*;

#[test]
fn server_metadata_lists_only_what_works() {
    let reply = metadata::http(&metadata::server("0.1.0"));
    let wanted = br#"{"name":"salver","version":"0.1.0","extensions":["binary_tensor_data"]}"#;
    assert_eq!((reply.status, joined(&reply.body)), (200, wanted.to_vec()));
}

#[test]
fn model_metadata_is_the_contract() {
    let method =
        method(vec![port("image", DType::F32, &[3, -1]), untyped("any")], vec![port("label", DType::Str, &[])], true);
    let message = metadata::model("net.classify", &[1, 3], &servable(), &method);
    let wanted = concat!(
        r#"{"name":"net.classify","versions":["1","3"],"platform":"onnx","#,
        r#""inputs":[{"name":"image","datatype":"FP32","shape":[-1,3,-1]},{"name":"any","datatype":"BYTES","shape":[-1,-1]}],"#,
        r#""outputs":[{"name":"label","datatype":"BYTES","shape":[-1]}]}"#
    );
    let reply = metadata::http(&message);
    assert_eq!(String::from_utf8(joined(&reply.body)).unwrap(), wanted);
    assert_eq!(reply.headers, [("content-type", "application/json".to_string())]);

    let reply = metadata::grpc(&message);
    assert_eq!(ModelMetadataResponse::decode(Bytes::from(joined(&reply.body))), Ok(message));
}

#[test]
fn health_is_a_status_without_a_body() {
    assert_eq!((metadata::health(true).status, metadata::health(false).status), (200, 400));
    assert!(metadata::health(true).body.is_empty());
    assert_eq!(joined(&metadata::grpc(&ServerLiveResponse { live: true }).body), [0x08, 0x01]);
}

/// Recorded from `tritonclient`.
#[test]
fn a_metadata_request_is_read() {
    let wanted = ModelMetadataRequest { name: "add".into(), version: "1".into() };
    assert_eq!(ModelMetadataRequest::decode(hex("0a03616464120131")), Ok(wanted));
}

const VERSIONS: [Indexed<'_>; 3] = [
    Indexed { name: "n", version: 1, state: "LOADING", reason: "" },
    Indexed { name: "m", version: 1, state: "UNAVAILABLE", reason: "no such file" },
    Indexed { name: "m", version: 12, state: "READY", reason: "" },
];

fn index(request: IndexRequest) -> Vec<(String, String, String, String)> {
    let response = RepositoryIndexResponse::decode(joined(&request.grpc(&VERSIONS).body).as_slice()).unwrap();
    response.models.into_iter().map(|model| (model.name, model.version, model.state, model.reason)).collect()
}

#[test]
fn the_index_has_every_version_by_name_the_newest_first() {
    let wanted = [("m", "12", "READY", ""), ("m", "1", "UNAVAILABLE", "no such file"), ("n", "1", "LOADING", "")];
    let wanted = wanted.map(|(a, b, c, d)| (a.to_string(), b.to_string(), c.to_string(), d.to_string()));
    assert_eq!(index(IndexRequest::parse(Bytes::new()).unwrap()), wanted);
    let ready = RepositoryIndexRequest { ready: true, ..Default::default() };
    assert_eq!(index(IndexRequest::parse(ready.encode_to_vec().into()).unwrap()), wanted[..1]);
    let reply = IndexRequest::parse_http(b"").unwrap().http(&VERSIONS[..1]);
    let wanted = br#"[{"name":"n","version":"1","state":"LOADING","reason":""}]"#;
    assert_eq!((reply.status, joined(&reply.body)), (200, wanted.to_vec()));
    let none = IndexRequest::parse_http(br#"{"ready": true}"#).unwrap().http(&VERSIONS[..1]);
    assert_eq!(joined(&none.body), b"[]");
}

#[test]
fn what_asks_for_no_index_is_refused() {
    assert!(IndexRequest::parse(Bytes::from_static(b"\xff")).is_err());
    for body in ["[]", "{", r#"{"ready": 1}"#] {
        assert!(IndexRequest::parse_http(body.as_bytes()).is_err(), "{body}");
    }
}
