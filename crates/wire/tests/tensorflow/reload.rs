//! `HandleReloadConfigRequest`.

use prost::Message;
use salver_core::Code;
use salver_wire::tensorflow::{grpc_status, ReloadRequest};

use crate::messages::*;

fn asked(config: Option<ModelServerConfig>) -> bytes::Bytes {
    bytes(&ReloadConfigRequest { config })
}

fn listing(name: &str) -> ModelServerConfig {
    let config = vec![ModelConfig { name: name.into(), base_path: format!("/models/{name}"), ..Default::default() }];
    ModelServerConfig { model_config_list: Some(ModelConfigList { config }), custom_model_config: None }
}

#[test]
fn the_config_is_handed_on_as_it_came() {
    let request = ReloadRequest::parse(asked(Some(listing("m")))).unwrap();
    assert_eq!(ModelServerConfig::decode(request.config), Ok(listing("m")));
    assert!(ReloadRequest::parse(asked(None)).unwrap().config.is_empty());
}

#[test]
fn several_are_merged() {
    let both = [asked(Some(listing("m"))), asked(Some(listing("n")))].concat();
    let merged = ModelServerConfig::decode(ReloadRequest::parse(both.into()).unwrap().config).unwrap();
    let names: Vec<String> = merged.model_config_list.unwrap().config.into_iter().map(|each| each.name).collect();
    assert_eq!(names, ["m", "n"]);
}

#[test]
fn what_is_no_message_is_refused() {
    let reply = grpc_status(&ReloadRequest::parse(bytes::Bytes::from_static(&[0x0a, 9, 1])).unwrap_err());
    assert_eq!(reply.code, 3);
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
    assert!(denied.message.contains("--allow-reload"), "{}", denied.message);
}
