//! `HandleReloadConfigRequest`: which models are to be served from now on.

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use salver_core::{Code, Error, Result};
use serde::Serialize;

use super::errors::grpc_told;
use crate::leading::bad_request;
use crate::protobuf::{Fields, Value};
use crate::{Body, GrpcReply};

/// The most models, and the most versions and labels of one, that a request may list.
const MOST: usize = 10_000;

/// All models that are to be served; whatever it leaves out is to be unloaded.
///
/// It is checked as far as that needs no knowledge of what is served: names are listed once, paths are absolute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReloadRequest {
    pub models: Vec<ModelConfig>,
}

/// One model: where its versions are, and which of them are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ModelConfig {
    pub name: String,
    pub base_path: String,
    /// `tensorflow`, usually; empty where none is said.
    pub platform: String,
    pub policy: VersionPolicy,
    pub labels: BTreeMap<String, i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum VersionPolicy {
    /// So many of the highest versions; at least 1.
    Latest(u32),
    All,
    Specific(Vec<i64>),
}

impl Default for VersionPolicy {
    fn default() -> Self {
        VersionPolicy::Latest(1)
    }
}

impl ReloadRequest {
    /// Reads a `ReloadConfigRequest`.
    pub fn parse(body: Bytes) -> Result<ReloadRequest> {
        let mut listed = None;
        let mut fields = Fields::new("ReloadConfigRequest", &body);
        while let Some((number, value)) = fields.next()? {
            if number == 1 {
                server_config(fields.nested(value)?, &mut listed)?;
            }
        }
        let request = listed.ok_or_else(|| {
            let told = "ServerModelConfig type not supported by HandleReloadConfigRequest.";
            bad_request(format!("{told} Only ModelConfigList is currently supported"))
        })?;
        request.check()?;
        Ok(request)
    }

    fn check(&self) -> Result<()> {
        let mut names = HashSet::new();
        if let Some(twice) = self.models.iter().find(|model| !names.insert(model.name.as_str())) {
            let name = &twice.name;
            return Err(bad_request(format!("Illegal to list model {name} multiple times in config list")));
        }
        match self.models.iter().find(|model| !is_absolute(&model.base_path)) {
            None => Ok(()),
            Some(ModelConfig { name, base_path, .. }) => Err(bad_request(format!(
                "Expected model {name} to have an absolute path or URI; got base_path()={base_path}"
            ))),
        }
    }

    /// The reply once what was asked for is so: a `ReloadConfigResponse` with status OK.
    pub fn accepted() -> GrpcReply {
        GrpcReply::ok(Body::from_iter([Bytes::from_static(&[0x0a, 0])]))
    }

    /// The reply where what was asked for cannot be so, in a text of whoever found out.
    pub fn failed(code: Code, text: impl Into<String>) -> GrpcReply {
        grpc_told(code, text.into())
    }

    /// The reply on listeners where nobody may change what is served.
    pub fn denied() -> GrpcReply {
        let told = "this listener does not take HandleReloadConfigRequest, because it changes what is served";
        grpc_told(Code::PermissionDenied, format!("{told}; send it to a listener that is marked for administration"))
    }
}

/// Whether a path begins at a root, or is a URI.
fn is_absolute(path: &str) -> bool {
    let scheme = path.split_once("://").map(|(scheme, _)| scheme);
    path.starts_with('/') || scheme.is_some_and(|scheme| !scheme.is_empty() && !scheme.contains('/'))
}

/// A `ModelServerConfig`, of whose kinds the one that comes last counts.
fn server_config(mut fields: Fields<'_>, listed: &mut Option<ReloadRequest>) -> Result<()> {
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => model_list(fields.nested(value)?, listed.get_or_insert_with(ReloadRequest::default))?,
            2 => *listed = None,
            _ => {}
        }
    }
    Ok(())
}

fn model_list(mut fields: Fields<'_>, request: &mut ReloadRequest) -> Result<()> {
    while let Some((number, value)) = fields.next()? {
        match number {
            1 if request.models.len() == MOST => return Err(too_many(&fields, "models")),
            1 => request.models.push(model(fields.nested(value)?)?),
            _ => {}
        }
    }
    Ok(())
}

fn model(mut fields: Fields<'_>) -> Result<ModelConfig> {
    const OTHER: u64 = 2;
    let mut model = ModelConfig::default();
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => model.name = fields.text(value)?.as_str().into(),
            2 => model.base_path = fields.text(value)?.as_str().into(),
            3 if model.platform.is_empty() => {
                let kind = fields.number(value)?;
                model.platform = if kind == OTHER { "other" } else { "tensorflow" }.into();
            }
            4 => model.platform = fields.text(value)?.as_str().into(),
            7 => policy(fields.nested(value)?, &mut model.policy)?,
            8 if model.labels.len() == MOST => return Err(too_many(&fields, "labels")),
            8 => {
                let (label, version) = label(fields.nested(value)?)?;
                model.labels.insert(label, version);
            }
            _ => {}
        }
    }
    Ok(model)
}

/// A `ServableVersionPolicy`.
fn policy(mut fields: Fields<'_>, policy: &mut VersionPolicy) -> Result<()> {
    while let Some((number, value)) = fields.next()? {
        *policy = match number {
            100 => VersionPolicy::Latest(latest(fields.nested(value)?)?),
            101 => VersionPolicy::All,
            102 => VersionPolicy::Specific(specific(fields.nested(value)?)?),
            _ => continue,
        };
    }
    Ok(())
}

fn latest(mut fields: Fields<'_>) -> Result<u32> {
    let mut count = 1;
    while let Some((number, value)) = fields.next()? {
        if number == 1 {
            count = fields.number(value)? as u32;
        }
    }
    Ok(count.max(1))
}

fn specific(mut fields: Fields<'_>) -> Result<Vec<i64>> {
    let mut versions = Vec::new();
    while let Some((number, value)) = fields.next()? {
        match (number, value) {
            (1, Value::Varint(version)) => versions.push(version as i64),
            (1, value) => {
                let mut packed = fields.nested(value)?;
                while !packed.is_empty() {
                    versions.push(packed.varint()? as i64);
                }
            }
            _ => {}
        }
        if versions.len() > MOST {
            return Err(too_many(&fields, "versions"));
        }
    }
    Ok(versions)
}

fn label(mut fields: Fields<'_>) -> Result<(String, i64)> {
    let (mut label, mut version) = (String::new(), 0);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => label = fields.text(value)?.as_str().into(),
            2 => version = fields.number(value)? as i64,
            _ => {}
        }
    }
    Ok((label, version))
}

fn too_many(fields: &Fields<'_>, what: &str) -> Error {
    fields.broken(format!("it lists more than {MOST} {what}"))
}
