//! Small servables to call.

use salver_core::{Answer, Contract, DType, Dim, Error, Item, Method, Part, Plan, Port, Servable, Tensor};
use salver_wire::json::{refuse, Address, Call};
use salver_wire::{Exchange, HttpReply};

pub fn port(name: &str, dtype: impl Into<Option<DType>>, dims: Option<&[Dim]>) -> Port {
    Port { name: name.into(), dtype: dtype.into(), dims: dims.map(<[Dim]>::to_vec), optional: false, json: false }
}

pub fn optional(name: &str, dtype: impl Into<Option<DType>>, dims: Option<&[Dim]>) -> Port {
    Port { optional: true, ..port(name, dtype, dims) }
}

/// A port of JSON documents.
pub fn document(name: &str) -> Port {
    Port { json: true, ..port(name, DType::Str, Some(&[])) }
}

/// Gives back the inputs it is sent, under the same names.
pub fn echo(ports: Vec<Port>) -> Servable {
    let contract = Contract { inputs: ports.clone(), outputs: ports, batched: true };
    let plan = Plan { steps: vec![], outputs: vec![] };
    let methods = vec![Method { name: "predict".into(), contract, plan, sequence: false, origin: None }];
    Servable { name: "echo".into(), version: 1, runtime: "none".into(), methods, stages: vec![], services: vec![] }
}

/// An image, a title and two numbers.
pub fn picture() -> Servable {
    let image = port("image", DType::Bytes, Some(&[]));
    let title = port("title", DType::Str, Some(&[]));
    let size = port("size", DType::I32, Some(&[Dim::Fixed(2)]));
    echo(vec![image, title, size])
}

pub fn call_by(
    servable: &Servable,
    content_type: &str,
    body: impl AsRef<[u8]>,
    run: impl Fn(Part) -> Result<Vec<Tensor>, Error>,
) -> HttpReply {
    let address = Address { servable: servable.name.clone(), version: None, method: None };
    let mut call = match Call::parse(address, content_type, body.as_ref().to_vec().into()) {
        Ok(call) => call,
        Err(error) => return refuse(&error),
    };
    let method = &servable.methods[0];
    let parts = match call.parts(servable, method) {
        Ok(parts) => parts,
        Err(error) => return call.refuse(&error),
    };
    let item = |(part, data): (usize, Part)| Item { part, first: 0, rows: data.rows(), last: true, outcome: run(data) };
    let items = parts.into_iter().enumerate().map(item).collect();
    call.answer(servable, method, Answer { items })
}

pub fn same(part: Part) -> Result<Vec<Tensor>, Error> {
    Ok(part.into_columns())
}

/// Status and document of a JSON reply.
pub fn read(reply: &HttpReply) -> (u16, String) {
    assert_eq!(reply.headers, [("content-type", "application/json".to_string())]);
    (reply.status, String::from_utf8(reply.body.concat()).unwrap())
}

/// Status and document of the answer to a JSON body.
pub fn call(servable: &Servable, body: &str) -> (u16, String) {
    read(&call_by(servable, "application/json", body, same))
}

pub fn failure(code: &str, message: &str) -> String {
    let message = serde_json::to_string(message).unwrap();
    format!(r#"{{"error":{{"code":"{code}","message":{message}}}}}"#)
}
