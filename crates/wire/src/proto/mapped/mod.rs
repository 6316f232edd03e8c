//! Services whose calls are rows of a servable's methods: one message is one row.
//!
//! | field | port |
//! |---|---|
//! | bytes, string | bytes, str; bytes also uint8 in one dimension, or the elements of a tensor |
//! | a number, bool | a scalar; the type may be another that holds the value |
//! | an enumeration | its number, or its name as str |
//! | repeated numbers | a tensor, row by row; repeated text: in one dimension |
//! | a message with `repeated int64 shape` and `repeated ... values` | a tensor of any shape |
//! | one of google/protobuf/wrappers | the same as its value |
//! | a message | bytes: as it is encoded |
//! | anything | a port of documents: its form in JSON |
//!
//! Plain values are read from the encoded message and written into one without a message in between.

mod call;
mod ending;
mod field;
mod input;
mod number;
mod output;
mod weight;

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use bytes::Bytes;
use prost_reflect::{MessageDescriptor, MethodDescriptor};
use salver_core::{Method, Port, Servable};

use super::editions::pool;
use super::HttpRule;
use input::Input;
use output::Output;

pub use call::RowCall;
pub use ending::{Ending, Pairs, Said};

/// A service of a servable.
#[derive(Clone, Debug)]
pub struct Mapped {
    pub name: String,
    /// The encoded `FileDescriptorSet` that describes it.
    pub files: Bytes,
    pub rpcs: Vec<Arc<MappedRpc>>,
}

/// One method of it.
#[derive(Debug)]
pub struct MappedRpc {
    pub descriptor: MethodDescriptor,
    /// Index of the servable's method.
    pub method: usize,
    inputs: Vec<Input>,
    outputs: Vec<Output>,
}

/// The services of a servable. Why one does not fit it, in a whole sentence.
pub fn mapped(servable: &Servable) -> Result<Vec<Mapped>, String> {
    servable.services.iter().map(|service| Mapped::new(servable, service)).collect()
}

impl Mapped {
    fn new(servable: &Servable, service: &salver_core::Service) -> Result<Mapped, String> {
        let name = &service.name;
        let files = STANDARD.decode(&service.descriptors).map_err(|error| error.to_string());
        let files: Bytes =
            files.map_err(|error| format!("the descriptors of service {name} are not base64: {error}"))?.into();
        let pool = pool(&files).map_err(|error| format!("the descriptors of service {name} are none: {error}"))?;
        let known = pool.get_service_by_name(name);
        let known = known.ok_or_else(|| format!("there is no service {name} in its descriptors"))?;
        let rpc = |rpc: &salver_core::Rpc| {
            let descriptor = known.methods().find(|method| method.name() == rpc.rpc);
            let descriptor = descriptor.ok_or_else(|| format!("service {name} has no method '{}'", rpc.rpc))?;
            HttpRule::of(&descriptor)?;
            let place = format!("{name}.{} as method '{}'", rpc.rpc, rpc.method);
            MappedRpc::new(servable, rpc, descriptor).map(Arc::new).map_err(|why| format!("{place}: {why}"))
        };
        let rpcs: Result<Vec<_>, String> = service.methods.iter().map(rpc).collect();
        Ok(Mapped { name: name.clone(), files, rpcs: rpcs? })
    }
}

impl MappedRpc {
    fn new(servable: &Servable, rpc: &salver_core::Rpc, descriptor: MethodDescriptor) -> Result<MappedRpc, String> {
        let index =
            servable.method(&rpc.method).ok_or_else(|| format!("servable '{}' has no such method", servable.name))?;
        let method = servable.methods.get(index).ok_or("a method that is not there")?;
        if descriptor.is_client_streaming() {
            return Err("it takes a stream of messages, which rows cannot be; serve it by a servicer".into());
        }
        check_streams(&descriptor, method)?;
        let inputs = bind(&method.contract.inputs, &rpc.inputs, &descriptor.input(), Input::new)?;
        let outputs = bind(&method.contract.outputs, &rpc.outputs, &descriptor.output(), Output::new)?;
        let whole = outputs.iter().any(Output::is_whole);
        let beside = outputs.iter().filter(|output| !output.is_whole() && !output.is_status()).count();
        let statuses = outputs.iter().filter(|output| output.is_status()).count();
        match (whole, beside, statuses) {
            (true, 0, 0 | 1) | (false, _, 0) => Ok(MappedRpc { descriptor, method: index, inputs, outputs }),
            _ => Err("a whole message cannot stand beside fields, and a status only beside a whole message".into()),
        }
    }
}

fn check_streams(descriptor: &MethodDescriptor, method: &Method) -> Result<(), String> {
    match (descriptor.is_server_streaming(), method.sequence) {
        (true, false) => {
            Err("it answers with a stream of messages, and the method with a single row; write a generator".into())
        }
        (false, true) => Err("it answers with a single message, and the method with a sequence".into()),
        _ => Ok(()),
    }
}

/// What becomes of each port, in the order of the contract.
fn bind<T>(
    ports: &[Port],
    named: &BTreeMap<String, String>,
    message: &MessageDescriptor,
    new: fn(&MessageDescriptor, &str, &Port) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    if let Some(name) = named.keys().find(|name| !ports.iter().any(|port| port.name == **name)) {
        return Err(format!("the method has no '{name}'"));
    }
    let one = |port: &Port| {
        let path = named.get(&port.name).ok_or_else(|| format!("no field is named for '{}'", port.name))?;
        new(message, path, port).map_err(|why| format!("'{}': {why}", port.name))
    };
    ports.iter().map(one).collect()
}
