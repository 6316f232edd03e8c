use std::collections::BTreeMap;

use salver_core::{Batching, DType, Dim, Error, Method, Port, Servable, StageSpec};
use serde::Serialize;

use super::reply::{json, refuse};
use crate::HttpReply;

/// A version of a servable, as a listing shows it. What is not loaded has no `servable` to show.
#[derive(Clone, Copy, Debug)]
pub struct Version<'a> {
    pub name: &'a str,
    pub version: u64,
    /// In the words of the life cycle: `ready`, `loading`, ...
    pub state: &'a str,
    /// Why it is in this state, where that needs saying.
    pub reason: Option<&'a str>,
    pub servable: Option<&'a Servable>,
}

/// The reply to `GET /servables`: all servables by name, their versions newest first.
pub fn listing(versions: &[Version<'_>]) -> HttpReply {
    #[derive(Serialize)]
    struct Listing<'a> {
        servables: Vec<ServableDocument<'a>>,
    }
    document(&Listing { servables: by_name(versions) })
}

/// The reply to `GET /servables/<name>`: one of the entries of [`listing`].
pub fn describe(name: &str, versions: &[Version<'_>]) -> HttpReply {
    let own: Vec<Version<'_>> = versions.iter().filter(|version| version.name == name).copied().collect();
    match by_name(&own).first() {
        Some(servable) => document(servable),
        None => refuse(&Error::UnknownServable { servable: name.to_string() }),
    }
}

fn document(document: &impl Serialize) -> HttpReply {
    match serde_json::to_vec(document) {
        Ok(text) => json(200, text),
        Err(error) => refuse(&Error::internal(error.to_string())),
    }
}

#[derive(Serialize)]
struct ServableDocument<'a> {
    name: &'a str,
    versions: Vec<VersionDocument<'a>>,
}

#[derive(Serialize)]
struct VersionDocument<'a> {
    version: u64,
    state: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(flatten)]
    loaded: Option<LoadedDocument<'a>>,
}

#[derive(Serialize)]
struct LoadedDocument<'a> {
    runtime: &'a str,
    default_method: Option<&'a str>,
    methods: Vec<MethodDocument<'a>>,
    stages: Vec<StageDocument<'a>>,
}

#[derive(Serialize)]
struct MethodDocument<'a> {
    name: &'a str,
    /// Whether tensors of protocols with a leading dimension have one row an index.
    batched: bool,
    /// Whether a row is answered by a sequence.
    #[serde(skip_serializing_if = "is_false")]
    sequence: bool,
    inputs: Vec<PortDocument<'a>>,
    outputs: Vec<PortDocument<'a>>,
}

/// Type and row shape; `null` where a port declares none.
#[derive(Serialize)]
struct PortDocument<'a> {
    name: &'a str,
    dtype: Option<&'a str>,
    shape: Option<Vec<Length<'a>>>,
    #[serde(skip_serializing_if = "is_false")]
    optional: bool,
}

/// For what is said only where it is so.
fn is_false(value: &bool) -> bool {
    !value
}

#[derive(Serialize)]
#[serde(untagged)]
enum Length<'a> {
    Fixed(usize),
    Free(&'a str),
}

#[derive(Serialize)]
struct StageDocument<'a> {
    name: &'a str,
    batched: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    why_not: Option<&'a str>,
    max_batch_size: usize,
    max_wait_ms: f64,
}

fn by_name<'a>(versions: &[Version<'a>]) -> Vec<ServableDocument<'a>> {
    let mut names: BTreeMap<&str, Vec<Version<'a>>> = BTreeMap::new();
    for version in versions {
        names.entry(version.name).or_default().push(*version);
    }
    let one = |(name, mut versions): (&'a str, Vec<Version<'a>>)| {
        versions.sort_by_key(|version| std::cmp::Reverse(version.version));
        ServableDocument { name, versions: versions.into_iter().map(VersionDocument::of).collect() }
    };
    names.into_iter().map(one).collect()
}

impl<'a> VersionDocument<'a> {
    fn of(version: Version<'a>) -> Self {
        let loaded = version.servable.map(LoadedDocument::of);
        VersionDocument { version: version.version, state: version.state, reason: version.reason, loaded }
    }
}

impl<'a> LoadedDocument<'a> {
    fn of(servable: &'a Servable) -> Self {
        let public = servable.methods.iter().filter(|method| !method.name.starts_with('@'));
        let default = servable.default_method().and_then(|index| servable.methods.get(index));
        LoadedDocument {
            runtime: &servable.runtime,
            default_method: default.map(|method| method.name.as_str()),
            methods: public.map(MethodDocument::of).collect(),
            stages: servable.stages.iter().map(StageDocument::of).collect(),
        }
    }
}

impl<'a> MethodDocument<'a> {
    fn of(method: &'a Method) -> Self {
        let contract = &method.contract;
        let ports = |ports: &'a [Port]| ports.iter().map(PortDocument::of).collect();
        let (inputs, outputs) = (ports(&contract.inputs), ports(&contract.outputs));
        let (batched, sequence) = (contract.batched, method.sequence);
        MethodDocument { name: &method.name, batched, sequence, inputs, outputs }
    }
}

impl<'a> PortDocument<'a> {
    fn of(port: &'a Port) -> Self {
        let length = |dim: &'a Dim| match dim {
            Dim::Fixed(length) => Length::Fixed(*length),
            Dim::Free(name) if name.is_empty() => Length::Free("any"),
            Dim::Free(name) => Length::Free(name),
        };
        let shape = port.dims.as_ref().map(|dims| dims.iter().map(length).collect());
        let dtype = if port.json { Some("json") } else { port.dtype.map(DType::name) };
        PortDocument { name: &port.name, dtype, shape, optional: port.optional }
    }
}

impl<'a> StageDocument<'a> {
    fn of(stage: &'a StageSpec) -> Self {
        let why_not = match &stage.batching {
            Batching::Batched => None,
            Batching::Unbatched(reason) => Some(reason.as_str()),
        };
        StageDocument {
            name: &stage.name,
            batched: why_not.is_none(),
            why_not,
            max_batch_size: stage.policy.max_batch_size,
            max_wait_ms: stage.policy.max_wait_ms,
        }
    }
}
