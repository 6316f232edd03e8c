//! The repository index: every version and its state.

use bytes::Bytes;
use prost::Message;
use salver_core::{Error, Result};
use serde_json::{Map, Value};

use super::messages::{ModelIndex, RepositoryIndexRequest, RepositoryIndexResponse};
use super::metadata;
use crate::{GrpcReply, HttpReply};

/// A version as the index shows it, in the protocol's words for states: `READY`, `LOADING`, ...
#[derive(Clone, Copy, Debug)]
pub struct Indexed<'a> {
    pub name: &'a str,
    pub version: u64,
    pub state: &'static str,
    /// Why it is in this state, where that needs saying.
    pub reason: &'a str,
}

/// A request for the index, or just for those that are ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexRequest {
    ready: bool,
}

impl IndexRequest {
    /// Reads a `RepositoryIndexRequest`.
    pub fn parse(message: Bytes) -> Result<IndexRequest> {
        let request = RepositoryIndexRequest::decode(message);
        let request = request.map_err(|error| Error::malformed("RepositoryIndexRequest", error))?;
        Ok(IndexRequest { ready: request.ready })
    }

    /// Reads the body of `POST /v2/repository/index`, which may be empty.
    pub fn parse_http(body: &[u8]) -> Result<IndexRequest> {
        let document: Map<String, Value> = match body {
            [] => Map::new(),
            body => serde_json::from_slice(body).map_err(|error| Error::malformed("JSON", error))?,
        };
        match document.get("ready") {
            None => Ok(IndexRequest { ready: false }),
            Some(Value::Bool(ready)) => Ok(IndexRequest { ready: *ready }),
            Some(other) => {
                Err(Error::malformed("JSON", format_args!("'ready' is {other}, but true or false is expected")))
            }
        }
    }

    pub fn grpc(&self, versions: &[Indexed<'_>]) -> GrpcReply {
        metadata::grpc(&RepositoryIndexResponse { models: self.models(versions) })
    }

    pub fn http(&self, versions: &[Indexed<'_>]) -> HttpReply {
        metadata::http(&self.models(versions))
    }

    /// What is asked for, by name, the newest version first.
    fn models(&self, versions: &[Indexed<'_>]) -> Vec<ModelIndex> {
        let mut found: Vec<_> = versions.iter().filter(|each| !self.ready || each.state == "READY").collect();
        found.sort_by_key(|each| (each.name, std::cmp::Reverse(each.version)));
        let one = |each: &&Indexed<'_>| ModelIndex {
            name: each.name.into(),
            version: each.version.to_string(),
            state: each.state.into(),
            reason: each.reason.into(),
        };
        found.iter().map(one).collect()
    }
}
