//! Small servables to call, and the way of a call.

use bytes::Bytes;
use salver_core::{
    Answer, Contract, DType, Dim, Error, Item, Method, Origin, Part, Plan, Port, Servable, Shape, Tensor,
};
use salver_wire::tensorflow::{grpc_status, http_reply, rest, Form, Inference, Predict, Spec, Task};
use salver_wire::{Exchange, GrpcReply, HttpReply};

/// A port whose free dimensions are given as -1.
pub fn port(name: &str, dtype: DType, row: &[i64]) -> Port {
    let dim = |&length: &i64| usize::try_from(length).map_or(Dim::Free(String::new()), Dim::Fixed);
    let dims = Some(row.iter().map(dim).collect());
    Port { name: name.into(), dtype: Some(dtype), dims, optional: false, json: false }
}

pub fn optional(port: Port) -> Port {
    Port { optional: true, ..port }
}

pub fn untyped(name: &str) -> Port {
    Port { name: name.into(), dtype: None, dims: None, optional: false, json: false }
}

pub fn method(name: &str, inputs: Vec<Port>, outputs: Vec<Port>, batched: bool) -> Method {
    let plan = Plan { steps: vec![], outputs: vec![] };
    Method { name: name.into(), contract: Contract { inputs, outputs, batched }, plan, sequence: false, origin: None }
}

pub fn servable(methods: Vec<Method>) -> Servable {
    Servable { name: "m".into(), version: 7, runtime: "none".into(), methods, stages: vec![], services: vec![] }
}

/// A servable of one method, which is batched.
pub fn one(inputs: Vec<Port>, outputs: Vec<Port>) -> Servable {
    servable(vec![method("serving_default", inputs, outputs, true)])
}

/// The servable as a SavedModel whose only signature says this of itself.
pub fn exported(
    mut servable: Servable,
    method_name: &str,
    inputs: &[(&str, &str)],
    outputs: &[(&str, &str)],
) -> Servable {
    let owned = |pairs: &[(&str, &str)]| pairs.iter().map(|&(port, name)| (port.into(), name.into())).collect();
    let origin = Origin { method_name: method_name.into(), inputs: owned(inputs), outputs: owned(outputs) };
    servable.methods[0].origin = Some(origin);
    servable
}

/// Gives back its only input as `y`, of this type and row shape.
pub fn echo(dtype: DType, row: &[i64]) -> Servable {
    one(vec![port("x", dtype, row)], vec![port("y", dtype, row)])
}

/// The tutorial's network: pictures in, ten scores out.
pub fn mnist() -> Servable {
    one(vec![port("images", DType::F32, &[28, 28, 1])], vec![port("scores", DType::F32, &[10])])
}

pub fn two_inputs() -> Servable {
    one(vec![port("a", DType::F32, &[2]), port("b", DType::I64, &[])], vec![port("y", DType::F32, &[2])])
}

/// What is called here: given its parts, gives its outputs.
pub type Run = fn(Part) -> Result<Vec<Tensor>, Error>;

pub fn same(part: Part) -> Result<Vec<Tensor>, Error> {
    Ok(part.into_columns())
}

/// The whole way of a call whose exchange is there already; `index` is the method's.
pub fn run<E: Exchange>(
    servable: &Servable,
    index: usize,
    mut exchange: E,
    run: impl Fn(Part) -> Result<Vec<Tensor>, Error>,
) -> E::Reply {
    if let Err(error) = exchange.target() {
        return exchange.refuse(&error);
    }
    let method = &servable.methods[index];
    match exchange.parts(servable, method) {
        Err(error) => exchange.refuse(&error),
        Ok(parts) => {
            let item = |(part, data): (usize, Part)| {
                let rows = data.rows();
                Item { part, first: 0, rows, last: true, outcome: run(data) }
            };
            let items = parts.into_iter().enumerate().map(item).collect();
            exchange.answer(servable, method, Answer { items })
        }
    }
}

pub fn predict(servable: &Servable, body: Bytes, outputs: impl Fn(Part) -> Result<Vec<Tensor>, Error>) -> GrpcReply {
    match Predict::parse(body, Form::Typed) {
        Ok(exchange) => run(servable, 0, exchange, outputs),
        Err(error) => grpc_status(&error),
    }
}

/// The columns that a request comes to.
pub fn columns(servable: &Servable, body: Bytes) -> Result<Vec<Tensor>, Error> {
    let parts = Predict::parse(body, Form::Typed)?.parts(servable, &servable.methods[0])?;
    assert_eq!(parts.len(), 1);
    Ok(parts.into_iter().next().unwrap().into_columns())
}

pub fn infer(task: Task, servable: &Servable, body: Bytes, outputs: Run) -> GrpcReply {
    match Inference::parse(task, body) {
        Ok(exchange) => run(servable, 0, exchange, outputs),
        Err(error) => grpc_status(&error),
    }
}

pub fn address(name: &str) -> Spec {
    Spec { name: name.into(), ..Spec::default() }
}

/// Status and document of the reply to a `predict` over REST.
pub fn rest_predict(servable: &Servable, body: &str, outputs: Run) -> (u16, String) {
    text(&match rest::Predict::parse(address("m"), body.to_string().into()) {
        Ok(exchange) => run(servable, 0, exchange, outputs),
        Err(error) => http_reply(&error),
    })
}

pub fn rest_infer(task: Task, servable: &Servable, body: &str, outputs: Run) -> (u16, String) {
    text(&match rest::Inference::parse(task, address("m"), body.to_string().into()) {
        Ok(exchange) => run(servable, 0, exchange, outputs),
        Err(error) => http_reply(&error),
    })
}

/// The columns that a body comes to over REST.
pub fn rest_columns(servable: &Servable, body: &str) -> Result<Vec<Tensor>, Error> {
    let mut exchange = rest::Predict::parse(address("m"), body.to_string().into())?;
    let parts = exchange.parts(servable, &servable.methods[0])?;
    Ok(parts.into_iter().next().unwrap().into_columns())
}

/// Status and document of a JSON reply.
pub fn text(reply: &HttpReply) -> (u16, String) {
    assert_eq!(reply.headers, [("content-type", "application/json".to_string())]);
    (reply.status, String::from_utf8(reply.body.concat()).unwrap())
}

/// The text of an error reply over REST.
pub fn told((status, document): (u16, String)) -> (u16, String) {
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    (status, document["error"].as_str().unwrap().to_string())
}

pub fn f32s(shape: &[usize], values: &[f32]) -> Tensor {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Tensor::fixed(DType::F32, Shape::new(shape.iter().copied()), bytes.into()).unwrap()
}

pub fn i64s(shape: &[usize], values: &[i64]) -> Tensor {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Tensor::fixed(DType::I64, Shape::new(shape.iter().copied()), bytes.into()).unwrap()
}

pub fn words(dtype: DType, shape: &[usize], values: &[&'static [u8]]) -> Tensor {
    let values = values.iter().map(|value| Bytes::from_static(value)).collect();
    Tensor::variable(dtype, Shape::new(shape.iter().copied()), values).unwrap()
}
