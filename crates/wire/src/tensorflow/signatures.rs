//! A servable's methods as signatures: what they are called, take and give.

use std::collections::BTreeMap;

use salver_core::{Method, Origin, Port, Servable};

use super::dtypes;
use super::results::Task;
use super::spec::DEFAULT_SIGNATURE;
use crate::leading::wire_shape;

const PREDICT: &str = "tensorflow/serving/predict";

/// A method in TensorFlow's words.
///
/// Where no SavedModel says otherwise, a tensor's name is `<input>:0`, and the method name is that of the task that the
/// method's inputs and outputs look like.
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
pub(super) fn signatures(servable: &Servable) -> Vec<Signature<'_>> {
    let public = servable.methods.iter().filter(|method| !method.name.starts_with('@'));
    let mut signatures: Vec<_> = public.map(|method| Signature::of(&method.name, method)).collect();
    let default = servable.default_method().and_then(|index| servable.methods.get(index));
    if let (Some(default), None) = (default, servable.method(DEFAULT_SIGNATURE)) {
        signatures.push(Signature::of(DEFAULT_SIGNATURE, default));
    }
    signatures
}

impl<'a> Signature<'a> {
    fn of(name: &'a str, method: &'a Method) -> Signature<'a> {
        let (contract, origin) = (&method.contract, method.origin.as_ref());
        let infos = |ports: &'a [Port], tensors: Option<&BTreeMap<String, String>>| {
            ports.iter().map(|port| Info::of(port, contract.batched, tensors)).collect()
        };
        let said = origin.map(|origin| origin.method_name.as_str()).filter(|name| !name.is_empty());
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
        Info {
            alias: &port.name,
            tensor: tensor_name(tensors, &port.name),
            dtype: dtype(port),
            dims: port.dims.as_ref().map(|dims| wire_shape(dims, batched)),
        }
    }
}

/// The name of an input's tensor in the graph.
pub(super) fn feed_name(origin: Option<&Origin>, input: &str) -> String {
    tensor_name(origin.map(|origin| &origin.inputs), input)
}

fn tensor_name(said: Option<&BTreeMap<String, String>>, port: &str) -> String {
    said.and_then(|tensors| tensors.get(port)).cloned().unwrap_or_else(|| format!("{port}:0"))
}

/// The number of a port's type, 0 where none is declared.
pub(super) fn dtype(port: &Port) -> u64 {
    port.dtype.map_or(0, dtypes::number)
}
