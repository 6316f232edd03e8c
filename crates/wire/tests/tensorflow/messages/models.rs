//! What is asked and told of models themselves.

use std::collections::BTreeMap;

use prost::{Message, Oneof};

use super::{ModelSpec, TensorProto, TensorShape};

#[derive(Clone, PartialEq, Message)]
pub struct GetModelMetadataRequest {
    #[prost(message, optional, tag = "1")]
    pub model_spec: Option<ModelSpec>,
    #[prost(string, repeated, tag = "2")]
    pub metadata_field: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Any {
    #[prost(string, tag = "1")]
    pub type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub struct GetModelMetadataResponse {
    #[prost(message, optional, tag = "1")]
    pub model_spec: Option<ModelSpec>,
    #[prost(btree_map = "string, message", tag = "2")]
    pub metadata: BTreeMap<String, Any>,
}

#[derive(Clone, PartialEq, Message)]
pub struct TensorInfo {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(int32, tag = "2")]
    pub dtype: i32,
    #[prost(message, optional, tag = "3")]
    pub tensor_shape: Option<TensorShape>,
}

#[derive(Clone, PartialEq, Message)]
pub struct SignatureDef {
    #[prost(btree_map = "string, message", tag = "1")]
    pub inputs: BTreeMap<String, TensorInfo>,
    #[prost(btree_map = "string, message", tag = "2")]
    pub outputs: BTreeMap<String, TensorInfo>,
    #[prost(string, tag = "3")]
    pub method_name: String,
    #[prost(btree_map = "string, message", tag = "4")]
    pub defaults: BTreeMap<String, TensorProto>,
}

#[derive(Clone, PartialEq, Message)]
pub struct SignatureDefMap {
    #[prost(btree_map = "string, message", tag = "1")]
    pub signature_def: BTreeMap<String, SignatureDef>,
}

#[derive(Clone, PartialEq, Message)]
pub struct GetModelStatusRequest {
    #[prost(message, optional, tag = "1")]
    pub model_spec: Option<ModelSpec>,
}

#[derive(Clone, PartialEq, Message)]
pub struct StatusProto {
    #[prost(int32, tag = "1")]
    pub error_code: i32,
    #[prost(string, tag = "2")]
    pub error_message: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct ModelVersionStatus {
    #[prost(int64, tag = "1")]
    pub version: i64,
    #[prost(int32, tag = "2")]
    pub state: i32,
    #[prost(message, optional, tag = "3")]
    pub status: Option<StatusProto>,
}

#[derive(Clone, PartialEq, Message)]
pub struct GetModelStatusResponse {
    #[prost(message, repeated, tag = "1")]
    pub model_version_status: Vec<ModelVersionStatus>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Nothing {}

#[derive(Clone, PartialEq, Message)]
pub struct Latest {
    #[prost(uint32, tag = "1")]
    pub num_versions: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Specific {
    #[prost(int64, repeated, tag = "1")]
    pub versions: Vec<i64>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum PolicyChoice {
    #[prost(message, tag = "100")]
    Latest(Latest),
    #[prost(message, tag = "101")]
    All(Nothing),
    #[prost(message, tag = "102")]
    Specific(Specific),
}

#[derive(Clone, PartialEq, Message)]
pub struct VersionPolicy {
    #[prost(oneof = "PolicyChoice", tags = "100, 101, 102")]
    pub choice: Option<PolicyChoice>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ModelConfig {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub base_path: String,
    #[prost(int32, tag = "3")]
    pub model_type: i32,
    #[prost(string, tag = "4")]
    pub model_platform: String,
    #[prost(message, optional, tag = "7")]
    pub model_version_policy: Option<VersionPolicy>,
    #[prost(btree_map = "string, int64", tag = "8")]
    pub version_labels: BTreeMap<String, i64>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ModelConfigList {
    #[prost(message, repeated, tag = "1")]
    pub config: Vec<ModelConfig>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ModelServerConfig {
    #[prost(message, optional, tag = "1")]
    pub model_config_list: Option<ModelConfigList>,
    #[prost(message, optional, tag = "2")]
    pub custom_model_config: Option<Any>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ReloadConfigRequest {
    #[prost(message, optional, tag = "1")]
    pub config: Option<ModelServerConfig>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ReloadConfigResponse {
    #[prost(message, optional, tag = "1")]
    pub status: Option<StatusProto>,
}
