//! A servable's methods as signatures: what they are called, take and give.

use std::collections::BTreeMap;

use salver_core::{Method, Port, Servable};
use serde::Deserialize;

use super::dtypes;
use super::results::Task;
use super::spec::DEFAULT_SIGNATURE;
use crate::leading::wire_shape;

const PREDICT: &str = "tensorflow/serving/predict";

/// What a SavedModel says of its signatures beside what their contracts say, by signature.
///
/// Where it says nothing, which is the default, a tensor's name is `<input>:0`, and the method name is that of the
/// task that a method's inputs and outputs look like.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Origins(BTreeMap<String, Origin>);

/// The same of one signature; names of tensors are by input and by output.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Origin {
    pub method_name: Option<String>,
    pub inputs: BTreeMap<String, String>,
    pub outputs: BTreeMap<String, String>,
}

impl Origins {
    pub fn new(origins: impl IntoIterator<Item = (String, Origin)>) -> Origins {
        Origins(origins.into_iter().collect())
    }
}

pub(super) struct Signature<'a> {
    pub(super) name: &'a str,
    pub(super) method_name: &'a str,
    pub(super) inputs: Vec<Info<'a>>,
    pub(super) outputs: Vec<Info<'a>>,
    /// The inputs that may be left out.
    pub(super) defaults: Vec<&'a Port>,
}

/// A `TensorInfo`.
pub(super) struct Info<'a> {
    pub(super) alias: &'a str,
    pub(super) tensor: String,
    /// 0 where no type is declared.
    pub(super) dtype: u64,
    /// `None` where no shape is declared.
    pub(super) dims: Option<Vec<i64>>,
}

/// The signatures of a servable: its public methods, and its default one as `serving_default` if none has that name.
pub(super) fn signatures<'a>(servable: &'a Servable, origins: &'a Origins) -> Vec<Signature<'a>> {
    let public = servable.methods.iter().filter(|method| !method.name.starts_with('@'));
    let mut signatures: Vec<_> = public.map(|method| Signature::of(&method.name, method, origins)).collect();
    let default = servable.default_method().and_then(|index| servable.methods.get(index));
    if let (Some(default), None) = (default, servable.method(DEFAULT_SIGNATURE)) {
        signatures.push(Signature::of(DEFAULT_SIGNATURE, default, origins));
    }
    signatures
}

impl<'a> Signature<'a> {
    fn of(name: &'a str, method: &'a Method, origins: &'a Origins) -> Signature<'a> {
        let (contract, origin) = (&method.contract, origins.0.get(&method.name));
        let infos = |ports: &'a [Port], tensors: Option<&BTreeMap<String, String>>| {
            ports.iter().map(|port| Info::of(port, contract.batched, tensors)).collect()
        };
        let said = origin.and_then(|origin| origin.method_name.as_deref());
        let looks = || [Task::Classify, Task::Regress].into_iter().find(|task| task.fits(contract));
        Signature {
            name,
            method_name: said.unwrap_or_else(|| looks().map_or(PREDICT, Task::method_name)),
            inputs: infos(&contract.inputs, origin.map(|origin| &origin.inputs)),
            outputs: infos(&contract.outputs, origin.map(|origin| &origin.outputs)),
            defaults: contract.inputs.iter().filter(|input| input.optional).collect(),
        }
    }
}

impl<'a> Info<'a> {
    fn of(port: &'a Port, batched: bool, tensors: Option<&BTreeMap<String, String>>) -> Info<'a> {
        let said = tensors.and_then(|tensors| tensors.get(&port.name)).cloned();
        Info {
            alias: &port.name,
            tensor: said.unwrap_or_else(|| format!("{}:0", port.name)),
            dtype: dtype(port),
            dims: port.dims.as_ref().map(|dims| wire_shape(dims, batched)),
        }
    }
}

/// The number of a port's type, 0 where none is declared.
pub(super) fn dtype(port: &Port) -> u64 {
    port.dtype.map_or(0, dtypes::number)
}
