//! `HandleReloadConfigRequest`.

use salver_core::Code;
use salver_wire::tensorflow::{grpc_status, ReloadRequest, VersionPolicy};

use crate::messages::*;

fn model(name: &str, base_path: &str) -> ModelConfig {
    ModelConfig { name: name.into(), base_path: base_path.into(), ..Default::default() }
}

fn asked(config: Vec<ModelConfig>) -> bytes::Bytes {
    let model_config_list = Some(ModelConfigList { config });
    let config = Some(ModelServerConfig { model_config_list, custom_model_config: None });
    bytes(&ReloadConfigRequest { config })
}

fn refused(body: bytes::Bytes) -> (u32, String) {
    let reply = grpc_status(&ReloadRequest::parse(body).unwrap_err());
    (reply.code, reply.message)
}

#[test]
fn models_have_paths_policies_and_labels() {
    let policy = |choice| Some(crate::messages::VersionPolicy { choice: Some(choice) });
    let specific = PolicyChoice::Specific(Specific { versions: vec![42, 43] });
    let whole = ModelConfig {
        model_platform: "tensorflow".into(),
        model_version_policy: policy(specific),
        version_labels: [("stable".to_string(), 42)].into(),
        ..model("m", "/models/m")
    };
    let latest = |num_versions| policy(PolicyChoice::Latest(Latest { num_versions }));
    let request = ReloadRequest::parse(asked(vec![
        whole,
        ModelConfig { model_version_policy: policy(PolicyChoice::All(Nothing {})), ..model("all", "gs://bucket/all") },
        ModelConfig { model_version_policy: latest(3), model_type: 1, ..model("three", "/three") },
        ModelConfig { model_version_policy: latest(0), model_type: 2, ..model("one", "/one") },
        model("plain", "/plain"),
    ]))
    .unwrap();
    let policies: Vec<_> = request.models.iter().map(|model| model.policy.clone()).collect();
    let latest = VersionPolicy::Latest;
    assert_eq!(policies, [VersionPolicy::Specific(vec![42, 43]), VersionPolicy::All, latest(3), latest(1), latest(1)]);
    let first = &request.models[0];
    assert_eq!((first.name.as_str(), first.base_path.as_str(), first.labels["stable"]), ("m", "/models/m", 42));
    let platforms: Vec<_> = request.models.iter().map(|model| model.platform.as_str()).collect();
    assert_eq!(platforms, ["tensorflow", "", "tensorflow", "other", ""]);
}

#[test]
fn it_is_handed_on_as_a_document() {
    let request = ReloadRequest::parse(asked(vec![model("m", "/m")])).unwrap();
    let wanted = r#"{"models":[{"name":"m","base_path":"/m","platform":"","policy":{"latest":1},"labels":{}}]}"#;
    assert_eq!(serde_json::to_string(&request).unwrap(), wanted);
}

#[test]
fn an_empty_list_leaves_no_model() {
    assert_eq!(ReloadRequest::parse(asked(vec![])).unwrap().models, []);
}

#[test]
fn only_lists_of_models_are_understood() {
    let text = "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently supported";
    let custom = ModelServerConfig { model_config_list: None, custom_model_config: Some(Any::default()) };
    for config in [None, Some(ModelServerConfig::default()), Some(custom)] {
        assert_eq!(refused(bytes(&ReloadConfigRequest { config })), (3, text.into()));
    }
}

#[test]
fn names_are_listed_once_and_paths_are_absolute() {
    let twice = asked(vec![model("m", "/a"), model("n", "/b"), model("m", "/c")]);
    assert_eq!(refused(twice), (3, "Illegal to list model m multiple times in config list".into()));
    for path in ["models/m", "", "./m", "a/b://c"] {
        let wanted = format!("Expected model m to have an absolute path or URI; got base_path()={path}");
        assert_eq!(refused(asked(vec![model("m", path)])), (3, wanted));
    }
}

#[test]
fn replies_say_what_became_of_it() {
    let response: ReloadConfigResponse = read(&ReloadRequest::accepted());
    assert_eq!(response.status, Some(StatusProto::default()));
    let text = "Illegal to change a model's platform.";
    let failed = ReloadRequest::failed(Code::InvalidArgument, text);
    assert_eq!((failed.code, failed.message.as_str()), (3, text));
    let denied = ReloadRequest::denied();
    assert_eq!(denied.code, 7);
    assert!(denied.message.contains("marked for administration"), "{}", denied.message);
}
