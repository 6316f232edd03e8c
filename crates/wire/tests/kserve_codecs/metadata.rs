use bytes::Bytes;
use prost::Message;
use salver_core::DType;
use salver_wire::kserve::messages::{ModelMetadataRequest, ModelMetadataResponse, ServerLiveResponse};
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
