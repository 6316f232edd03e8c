//! `GetModelMetadata`, and the same over REST.

use prost::Message;
use salver_core::{DType, Servable};
use salver_wire::tensorflow::{grpc_status, MetadataRequest};

use crate::inference::{classifier, regressor};
use crate::messages::*;
use crate::servables::*;

fn asked(fields: &[&str]) -> bytes::Bytes {
    let metadata_field = fields.iter().map(|field| field.to_string()).collect();
    bytes(&GetModelMetadataRequest { model_spec: spec("m"), metadata_field })
}

fn described(servable: &Servable) -> SignatureDefMap {
    let request = MetadataRequest::parse(asked(&["signature_def"])).unwrap();
    let response: GetModelMetadataResponse = read(&request.grpc(servable));
    assert_eq!(response.model_spec, answered("m", 7, ""));
    let any = &response.metadata["signature_def"];
    assert_eq!(any.type_url, "type.googleapis.com/tensorflow.serving.SignatureDefMap");
    SignatureDefMap::decode(&any.value[..]).unwrap()
}

fn info(name: &str, dtype: i32, dims: Option<&[i64]>) -> TensorInfo {
    let unknown = TensorShape { dim: vec![], unknown_rank: true };
    let tensor_shape = dims.map_or(Some(unknown), shape);
    TensorInfo { name: name.into(), dtype, tensor_shape }
}

#[test]
fn signatures_are_contracts() {
    let map = described(&mnist());
    assert_eq!(map.signature_def.keys().collect::<Vec<_>>(), ["serving_default"]);
    let signature = &map.signature_def["serving_default"];
    assert_eq!(signature.inputs["images"], info("images:0", 1, Some(&[-1, 28, 28, 1])));
    assert_eq!(signature.outputs["scores"], info("scores:0", 1, Some(&[-1, 10])));
    assert_eq!((signature.method_name.as_str(), signature.defaults.len()), ("tensorflow/serving/predict", 0));
}

#[test]
fn every_public_method_is_a_signature_and_one_is_the_default() {
    let contract = |name: &str, batched| method(name, vec![untyped("x")], vec![port("y", DType::I8, &[-1])], batched);
    let many = servable(vec![contract("predict", true), contract("shout", false), contract("@call_m_0", true)]);
    let map = described(&many);
    assert_eq!(map.signature_def.keys().collect::<Vec<_>>(), ["predict", "serving_default", "shout"]);
    assert_eq!(map.signature_def["serving_default"], map.signature_def["predict"]);
    assert_eq!(map.signature_def["predict"].inputs["x"], info("x:0", 0, None));
    assert_eq!(map.signature_def["predict"].outputs["y"], info("y:0", 6, Some(&[-1, -1])));
    assert_eq!(map.signature_def["shout"].outputs["y"], info("y:0", 6, Some(&[-1])));
}

#[test]
fn classifiers_and_regressors_are_known_by_their_looks() {
    let name = |servable: &Servable| described(servable).signature_def["serving_default"].method_name.clone();
    assert_eq!(name(&classifier()), "tensorflow/serving/classify");
    assert_eq!(name(&regressor()), "tensorflow/serving/regress");
    let numbers = one(vec![port("inputs", DType::F32, &[2])], vec![port("outputs", DType::F32, &[1])]);
    assert_eq!(name(&numbers), "tensorflow/serving/predict");
}

#[test]
fn what_a_saved_model_says_of_itself_is_shown() {
    let inputs = [("images", "serving_default_images:0")];
    let told = exported(mnist(), "tensorflow/serving/regress", &inputs, &[("scores", "StatefulPartitionedCall:0")]);
    let signature = &described(&told).signature_def["serving_default"];
    assert_eq!(signature.inputs["images"].name, "serving_default_images:0");
    assert_eq!(signature.outputs["scores"].name, "StatefulPartitionedCall:0");
    assert_eq!(signature.method_name, "tensorflow/serving/regress");
    let silent = &described(&exported(classifier(), "", &[], &[])).signature_def["serving_default"];
    assert_eq!(
        (silent.method_name.as_str(), silent.inputs["inputs"].name.as_str()),
        ("tensorflow/serving/classify", "inputs:0")
    );
}

#[test]
fn inputs_that_may_be_left_out_have_a_default_to_show_it() {
    let inputs = vec![port("x", DType::F32, &[]), optional(port("k", DType::I32, &[]))];
    let servable = one(inputs, vec![port("y", DType::F32, &[])]);
    let signature = &described(&servable).signature_def["serving_default"];
    assert_eq!(signature.defaults.iter().collect::<Vec<_>>(), [(&"k".to_string(), &empty(3, &[0]))]);
}

#[test]
fn requests_must_ask_for_signatures_and_nothing_else() {
    let refused = |body| {
        let reply = grpc_status(&MetadataRequest::parse(body).map(drop).unwrap_err());
        (reply.code, reply.message)
    };
    let nothing = "GetModelMetadataRequest must specify at least one metadata_field";
    assert_eq!(refused(asked(&[])), (3, nothing.into()));
    let odd = "Metadata field graph is not supported";
    assert_eq!(refused(asked(&["signature_def", "graph"])), (3, odd.into()));
    let without = GetModelMetadataRequest { model_spec: None, metadata_field: vec![] };
    assert_eq!(refused(bytes(&without)), (3, "Missing ModelSpec".into()));
    let nameless = GetModelMetadataRequest { model_spec: spec(""), metadata_field: vec!["signature_def".into()] };
    let request = MetadataRequest::parse(bytes(&nameless)).unwrap();
    let reply = request.refuse(&request.target().unwrap_err());
    assert_eq!((reply.code, reply.message.as_str()), (3, "ModelSpec has no name specified."));
}

#[test]
fn over_rest_it_is_the_same_as_json() {
    let inputs = vec![port("x", DType::F32, &[2]), optional(untyped("k"))];
    let servable = one(inputs, vec![port("y", DType::Bytes, &[])]);
    let (status, document) = text(&MetadataRequest::at(address("m")).http(&servable));
    let read: serde_json::Value = serde_json::from_str(&document).unwrap();
    let dim = |size: &str| serde_json::json!({ "size": size, "name": "" });
    let wanted = serde_json::json!({
        "model_spec": { "name": "m", "signature_name": "", "version": "7" },
        "metadata": { "signature_def": { "signature_def": { "serving_default": {
            "inputs": {
                "x": { "dtype": "DT_FLOAT", "tensor_shape": { "dim": [dim("-1"), dim("2")], "unknown_rank": false }, "name": "x:0" },
                "k": { "dtype": "DT_INVALID", "tensor_shape": { "dim": [], "unknown_rank": true }, "name": "k:0" },
            },
            "outputs": {
                "y": { "dtype": "DT_STRING", "tensor_shape": { "dim": [dim("-1")], "unknown_rank": false }, "name": "y:0" },
            },
            "method_name": "tensorflow/serving/predict",
            "defaults": {
                "k": { "dtype": "DT_INVALID", "tensor_shape": { "dim": [dim("0")], "unknown_rank": false } },
            },
        } } } },
    });
    assert_eq!((status, read), (200, wanted));
}
