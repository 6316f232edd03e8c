use bytes::{Bytes, BytesMut};
use prost::encoding::{encode_varint, encoded_len_varint};
use salver_core::{Data, Error, Port, Result, Tensor};

use super::dtypes;
use super::errors::{Failure, Message};
use super::request::Spec;
use crate::rows::Row;
use crate::{Body, GrpcReply};

/// The reply to a request whose instances each came to outputs or to an error.
pub(super) fn answered(spec: &Spec, outputs: &[Port], outcomes: Vec<Result<Row>>) -> GrpcReply {
    let mut instances = Vec::with_capacity(outcomes.len());
    for outcome in outcomes {
        let row = outcome.and_then(|row| encodable(outputs, row));
        instances.push(match row.map_err(|error| Failure::of(&error, spec)) {
            Ok(row) => Ok(row),
            Err(Failure::Message(message)) => Err(message),
            Err(Failure::Status(code, message)) => return GrpcReply::error(code as u32, message),
        });
    }
    if let Some(message) = common_failure(&instances) {
        return refused(spec, message);
    }
    let mut writer = Writer::default();
    writer.field(1, &spec.sent);
    for instance in &instances {
        let row = instance.as_ref().map_or(&[][..], Vec::as_slice);
        writer.instance(outputs, row);
    }
    if instances.iter().any(Result::is_err) {
        let fine = Message { code: 0, text: String::new() };
        for instance in &instances {
            writer.message(instance.as_ref().err().unwrap_or(&fine));
        }
    }
    GrpcReply::ok(writer.finish())
}

/// The reply to a request that failed as a whole.
pub(super) fn refused(spec: &Spec, message: &Message) -> GrpcReply {
    let mut writer = Writer::default();
    writer.field(1, &spec.sent);
    writer.message(message);
    GrpcReply::ok(writer.finish())
}

/// The one error of all instances, if all failed and with the same.
fn common_failure(instances: &[Result<Row, Message>]) -> Option<&Message> {
    let first = instances.first()?.as_ref().err()?;
    instances.iter().all(|instance| instance.as_ref().err() == Some(first)).then_some(first)
}

fn encodable(outputs: &[Port], row: Row) -> Result<Row> {
    let unknown = row.iter().zip(outputs).find(|(tensor, _)| dtypes::number(tensor.dtype()).is_none());
    match unknown {
        None => Ok(row),
        Some((tensor, port)) => Err(Error::Unsupported {
            what: format!(
                "output '{}' is {}, which MindSpore Serving has no type for; call this method by another protocol, \
                 or let it give float32",
                port.name,
                tensor.dtype()
            ),
        }),
    }
}

/// Writes protobuf. Large data is passed on as it is, the rest is copied once.
#[derive(Default)]
struct Writer {
    body: Body,
    open: BytesMut,
}

/// From this size on, data becomes a chunk of its own.
const LARGE: usize = 16 << 10;

const VARINT: u64 = 0;
const LENGTH_DELIMITED: u64 = 2;

fn field_len(len: usize) -> usize {
    1 + encoded_len_varint(len as u64) + len
}

impl Writer {
    fn head(&mut self, number: u64, len: usize) {
        encode_varint(number << 3 | LENGTH_DELIMITED, &mut self.open);
        encode_varint(len as u64, &mut self.open);
    }

    fn varint(&mut self, number: u64, value: u64) {
        encode_varint(number << 3 | VARINT, &mut self.open);
        encode_varint(value, &mut self.open);
    }

    fn field(&mut self, number: u64, value: &Bytes) {
        self.head(number, value.len());
        if value.len() < LARGE {
            self.open.extend_from_slice(value);
        } else {
            self.body.push(self.open.split().freeze());
            self.body.push(value.clone());
        }
    }

    fn message(&mut self, message: &Message) {
        let code_len = 1 + encoded_len_varint(message.code);
        self.head(4, code_len + field_len(message.text.len()));
        self.varint(1, message.code);
        self.head(2, message.text.len());
        self.open.extend_from_slice(message.text.as_bytes());
    }

    fn instance(&mut self, outputs: &[Port], row: &[Tensor]) {
        let entry_len = |(port, tensor): (&Port, &Tensor)| field_len(port.name.len()) + field_len(tensor_len(tensor));
        self.head(3, outputs.iter().zip(row).map(|entry| field_len(entry_len(entry))).sum());
        for (port, tensor) in outputs.iter().zip(row) {
            self.head(1, entry_len((port, tensor)));
            self.head(1, port.name.len());
            self.open.extend_from_slice(port.name.as_bytes());
            self.head(2, tensor_len(tensor));
            self.tensor(tensor);
        }
    }

    fn tensor(&mut self, tensor: &Tensor) {
        self.head(1, shape_len(tensor));
        if !tensor.shape().row().is_empty() {
            self.head(1, dims_len(tensor));
        }
        for &dim in tensor.shape().row() {
            encode_varint(dim as u64, &mut self.open);
        }
        self.varint(2, dtypes::number(tensor.dtype()).unwrap_or_default());
        match tensor.data() {
            Data::Fixed(data) => self.field(3, data),
            Data::Variable(values) => values.iter().for_each(|value| self.field(4, value)),
        }
    }

    fn finish(mut self) -> Body {
        if !self.open.is_empty() {
            self.body.push(self.open.freeze());
        }
        self.body
    }
}

fn dims_len(tensor: &Tensor) -> usize {
    tensor.shape().row().iter().map(|&dim| encoded_len_varint(dim as u64)).sum()
}

fn shape_len(tensor: &Tensor) -> usize {
    match tensor.shape().row() {
        [] => 0,
        _ => field_len(dims_len(tensor)),
    }
}

/// The length of a `Tensor` message; every element type's number fits one byte.
fn tensor_len(tensor: &Tensor) -> usize {
    let data_len = match tensor.data() {
        Data::Fixed(data) => field_len(data.len()),
        Data::Variable(values) => values.iter().map(|value| field_len(value.len())).sum(),
    };
    field_len(shape_len(tensor)) + 2 + data_len
}
