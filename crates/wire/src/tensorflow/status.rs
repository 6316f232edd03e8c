//! `GetModelStatus`: the versions of a model and their states; over REST those of all models too.

use std::collections::BTreeMap;

use bytes::Bytes;
use salver_core::{Code, Error, Result};
use serde::Serialize;

use super::errors::{grpc_told, http_reply, http_told, json};
use super::predict::named;
use super::spec::{Spec, Which};
use crate::protobuf::write::{field_size, key, number, number_size, text, text_size};
use crate::protobuf::Fields;
use crate::{Body, GrpcReply, HttpReply};

/// Where a version is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Start = 10,
    Loading = 20,
    Available = 30,
    Unloading = 40,
    End = 50,
}

impl State {
    /// The state of this name.
    pub fn named(name: &str) -> Option<State> {
        let all = [State::Start, State::Loading, State::Available, State::Unloading, State::End];
        all.into_iter().find(|state| state.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            State::Start => "START",
            State::Loading => "LOADING",
            State::Available => "AVAILABLE",
            State::Unloading => "UNLOADING",
            State::End => "END",
        }
    }
}

/// A version as it is shown; `code` and `message` say why it is where it is, if that was an error.
#[derive(Clone, Copy, Debug)]
pub struct VersionStatus<'a> {
    pub model: &'a str,
    pub version: u64,
    pub state: State,
    pub code: Code,
    pub message: &'a str,
}

/// A request for the status of a model's versions. A label in it is ignored, as in the original.
pub struct StatusRequest(Spec);

impl StatusRequest {
    /// Reads a `GetModelStatusRequest`.
    pub fn parse(body: Bytes) -> Result<StatusRequest> {
        let mut spec = None;
        let mut fields = Fields::new("GetModelStatusRequest", &body);
        while let Some((number, value)) = fields.next()? {
            if number == 1 {
                spec.get_or_insert_with(Spec::default).read(fields.nested(value)?)?;
            }
        }
        Ok(StatusRequest(named(spec.as_ref())?.clone()))
    }

    /// What `GET /v1/models/<model>` asks for.
    pub fn at(address: Spec) -> StatusRequest {
        StatusRequest(address)
    }

    /// A `GetModelStatusResponse`, or a refusal; `versions` are those of all models.
    pub fn grpc(&self, versions: &[VersionStatus<'_>]) -> GrpcReply {
        match self.found(versions) {
            Ok(found) => GrpcReply::ok(Body::from_iter([message(&found).into()])),
            Err(text) => grpc_told(Code::NotFound, text),
        }
    }

    /// The same as JSON.
    pub fn http(&self, versions: &[VersionStatus<'_>]) -> HttpReply {
        match self.found(versions) {
            Ok(found) => document(&StatusDocument::of(&found)),
            Err(text) => http_told(Code::NotFound.http(), text),
        }
    }

    /// The versions that are asked for, newest first; or a text that says which there are none of.
    fn found<'a>(&self, versions: &[VersionStatus<'a>]) -> Result<Vec<VersionStatus<'a>>, String> {
        let Spec { name, version, .. } = &self.0;
        let asked = |status: &VersionStatus<'_>| match version {
            Which::Number(number) => u64::try_from(*number) == Ok(status.version),
            Which::Newest | Which::Label(_) => true,
        };
        let mut found: Vec<_> =
            versions.iter().filter(|status| status.model == name && asked(status)).copied().collect();
        found.sort_by_key(|status| std::cmp::Reverse(status.version));
        match (found.is_empty(), version) {
            (false, _) => Ok(found),
            (true, Which::Number(version)) => Err(format!("Could not find version {version} of model {name}")),
            (true, _) => Err(format!("Could not find any versions of model {name}")),
        }
    }
}

/// The reply to `GET /v1/models`: all models by name, each with what its own status says.
pub fn listing(versions: &[VersionStatus<'_>]) -> HttpReply {
    let mut models: BTreeMap<&str, Vec<VersionStatus<'_>>> = BTreeMap::new();
    for status in versions {
        models.entry(status.model).or_default().push(*status);
    }
    let one = |(name, mut versions): (&'_ str, Vec<VersionStatus<'_>>)| {
        versions.sort_by_key(|status| std::cmp::Reverse(status.version));
        ModelDocument { name: name.into(), status: StatusDocument::of(&versions) }
    };
    document(&ListingDocument { models: models.into_iter().map(one).collect() })
}

fn message(versions: &[VersionStatus<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for status in versions {
        let (version, state, code) = (status.version, status.state as u64, status.code as u64);
        let inner = number_size(1, code) + text_size(2, status.message.len());
        key(&mut out, 1, number_size(1, version) + number_size(2, state) + field_size(3, inner));
        number(&mut out, 1, version);
        number(&mut out, 2, state);
        key(&mut out, 3, inner);
        number(&mut out, 1, code);
        text(&mut out, 2, status.message);
    }
    out
}

#[derive(Serialize)]
struct ListingDocument {
    models: Vec<ModelDocument>,
}

#[derive(Serialize)]
struct ModelDocument {
    name: String,
    #[serde(flatten)]
    status: StatusDocument,
}

#[derive(Serialize)]
struct StatusDocument {
    model_version_status: Vec<VersionDocument>,
}

#[derive(Serialize)]
struct VersionDocument {
    version: String,
    state: &'static str,
    status: ErrorDocument,
}

#[derive(Serialize)]
struct ErrorDocument {
    error_code: &'static str,
    error_message: String,
}

impl StatusDocument {
    fn of(versions: &[VersionStatus<'_>]) -> Self {
        let one = |status: &VersionStatus<'_>| VersionDocument {
            version: status.version.to_string(),
            state: status.state.name(),
            status: ErrorDocument { error_code: status.code.name(), error_message: status.message.into() },
        };
        StatusDocument { model_version_status: versions.iter().map(one).collect() }
    }
}

fn document(document: &impl Serialize) -> HttpReply {
    match serde_json::to_vec_pretty(document) {
        Ok(text) => json(200, text),
        Err(error) => http_reply(&Error::internal(error.to_string())),
    }
}
