use std::ops::Range;

use bytes::Bytes;
use salver_core::{Answer, DType, Error, Method, Part, Port, Result, Servable, Shape, Tensor};

use super::admit::{text_shape, Admit};
use super::errors::Failure;
use super::{dtypes, reply};
use crate::protobuf::{Fields, Value};
use crate::rows::{Gather, Row, Rows};
use crate::{Exchange, GrpcReply, Target};

/// The message's name in errors.
const MESSAGE: &str = "PredictRequest";

/// Whom a request is for, and the bytes in which it said so, which its reply repeats.
#[derive(Debug, Default)]
pub(super) struct Spec {
    pub sent: Bytes,
    pub servable: String,
    pub method: String,
    /// 0 for the newest.
    pub version: u64,
}

impl Spec {
    fn read(mut fields: Fields<'_>) -> Result<Spec> {
        let mut spec = Spec { sent: fields.slice(fields.rest()), ..Spec::default() };
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => spec.servable = fields.text(value)?.as_str().into(),
                2 => spec.method = fields.text(value)?.as_str().into(),
                3 => spec.version = fields.number(value)?,
                _ => {}
            }
        }
        Ok(spec)
    }
}

/// A `PredictRequest` on its way: instances in field 2, as clients since 1.3 send them, and in field 3, as
/// those of 1.1 and 1.2 do, in the order in which they were sent.
#[derive(Debug)]
pub struct Predict {
    spec: Spec,
    body: Bytes,
    rows: Rows,
}

impl Predict {
    /// Reads whom the request is for; the instances are read by [`Exchange::parts`].
    pub fn parse(body: Bytes) -> Result<Predict> {
        let (mut spec, mut fields) = (Spec::default(), Fields::new(MESSAGE, &body));
        while let Some((number, value)) = fields.next()? {
            if number == 1 {
                spec = Spec::read(fields.nested(value)?)?;
            }
        }
        Ok(Predict { spec, body, rows: Rows::default() })
    }
}

impl Exchange for Predict {
    type Reply = GrpcReply;

    fn target(&self) -> Result<Target<'_>> {
        let version = (self.spec.version != 0).then_some(self.spec.version);
        Ok(Target {
            servable: &self.spec.servable,
            version,
            method: Some(&self.spec.method),
            label: None,
            dotted: false,
        })
    }

    fn parts(&mut self, servable: &Servable, method: &Method) -> Result<Vec<Part>> {
        let reader = Admit { servable, method };
        let rows = reader.rows(&std::mem::take(&mut self.body))?;
        if rows.is_empty() {
            return Err(Error::NoRows { servable: servable.name.clone(), method: method.name.clone() });
        }
        let (rows, parts) = rows.finish()?;
        self.rows = rows;
        Ok(parts)
    }

    fn answer(self, _: &Servable, method: &Method, answer: Answer) -> GrpcReply {
        let outcomes = self.rows.outcomes(&answer, method.contract.outputs.len());
        reply::answered(&self.spec, &method.contract.outputs, outcomes)
    }

    fn refuse(self, error: &Error) -> GrpcReply {
        match Failure::of(error, &self.spec) {
            Failure::Status(code, message) => GrpcReply::error(code as u32, message),
            Failure::Message(message) => reply::refused(&self.spec, &message),
        }
    }
}

/// Refuses a request that was not read.
pub fn refuse(error: &Error) -> GrpcReply {
    Predict { spec: Spec::default(), body: Bytes::new(), rows: Rows::default() }.refuse(error)
}

/// A `Tensor` message; its shape, type and size are not checked yet.
#[derive(Debug, Default)]
struct Sent {
    dims: Vec<i64>,
    dtype: u64,
    data: Bytes,
    /// The first text or bytes value, and how many there were.
    value: Bytes,
    values: usize,
    shared_memory: bool,
}

impl Sent {
    fn read(mut fields: Fields<'_>) -> Result<Sent> {
        let mut sent = Sent::default();
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => sent.dims = dims(fields.nested(value)?)?,
                2 => sent.dtype = fields.number(value)?,
                3 => sent.data = fields.bytes(value)?,
                4 => {
                    sent.value = fields.bytes(value)?;
                    sent.values += 1;
                }
                5 => sent.shared_memory = true,
                _ => {}
            }
        }
        Ok(sent)
    }

    /// What makes the tensor wrong in itself, whatever the model; the type and row shape if nothing does.
    fn check(&self) -> Result<(DType, Shape), String> {
        if self.shared_memory {
            return Err("shared memory of clients is not accepted; send the value in the field data".into());
        }
        match dtypes::from_number(self.dtype) {
            Some(dtype) if dtype.is_variable() => self.check_text().map(|shape| (dtype, shape)),
            dtype => self.check_numbers(dtype),
        }
    }

    fn check_text(&self) -> Result<Shape, String> {
        if self.values != 1 {
            return Err("Instance tensor check failed: bytes or string type shape batch size can only be 1".into());
        }
        match self.dims[..] {
            [] | [1] => Ok(Shape::new(self.dims.iter().map(|_| 1))),
            _ => Err(text_shape(&self.dims)),
        }
    }

    fn check_numbers(&self, dtype: Option<DType>) -> Result<(DType, Shape), String> {
        let wrong_shape = || format!("Tensor check failed: input  shape {:?} invalid", self.dims);
        let outer = self.dims.split_last().map_or(&[][..], |(_, outer)| outer);
        let lengths: Option<Vec<usize>> = self.dims.iter().map(|&dim| usize::try_from(dim).ok()).collect();
        let shape = lengths.map(Shape::new).filter(|_| !outer.contains(&0)).ok_or_else(wrong_shape)?;
        let elements = shape.elements().ok_or_else(wrong_shape)?;
        let sized = dtype.and_then(|dtype| Some((dtype, dtype.size()?)));
        let (dtype, size) = sized.ok_or_else(|| match self.dtype {
            0 => "Tensor check failed: input data type proto::MS_UNKNOWN invalid".to_string(),
            other => format!("Tensor check failed: input data type {other} invalid"),
        })?;
        match elements.checked_mul(size) == Some(self.data.len()) {
            true => Ok((dtype, shape)),
            false => Err(format!("Tensor check failed: input data size {} invalid", self.data.len())),
        }
    }

    /// Bytes as MindSpore's own functions get them: an array of uint8.
    fn into_byte_row(self) -> (Sent, DType, Shape) {
        let length = self.value.len();
        let sent = Sent { data: self.value, dims: vec![length as i64], ..Sent::default() };
        (sent, DType::U8, Shape::new([length]))
    }

    fn into_tensor(self, dtype: DType, row: &Shape) -> Result<Tensor> {
        let shape = Shape::batched(1, row.dims());
        let tensor = match dtype.is_variable() {
            true => Tensor::variable(dtype, shape, vec![self.value]),
            false => Tensor::fixed(dtype, shape, self.data),
        };
        tensor.ok_or_else(|| Error::internal("a checked tensor does not fit its shape"))
    }
}

/// The dimensions of a `TensorShape` message, packed or not.
fn dims(mut fields: Fields<'_>) -> Result<Vec<i64>> {
    let mut dims = Vec::new();
    while let Some((number, value)) = fields.next()? {
        match (number, value) {
            (1, Value::Varint(dim)) => dims.push(dim as i64),
            (1, value) => {
                let mut packed = fields.within(fields.span(value)?);
                while !packed.is_empty() && dims.len() <= Port::MAX_ROW_RANK {
                    dims.push(packed.varint()? as i64);
                }
            }
            _ => {}
        }
        if dims.len() > Port::MAX_ROW_RANK {
            return Err(fields.broken(format!("a shape has more than {} dimensions", Port::MAX_ROW_RANK)));
        }
    }
    Ok(dims)
}

/// Reads instances against one method's contract.
impl Admit<'_> {
    /// The rows, each by itself right or wrong for the model; an error is of the whole request.
    fn rows(&self, body: &Bytes) -> Result<Gather> {
        let (mut rows, mut fields) = (Gather::default(), Fields::new(MESSAGE, body));
        while let Some((number, value)) = fields.next()? {
            if let 2 | 3 = number {
                let tensors = self.tensors(fields.nested(value)?)?;
                rows.push(self.row(&fields, tensors)?)?;
            }
        }
        Ok(rows)
    }

    /// The declared inputs of an instance, in their order; what else it holds is ignored. Optional ones may be absent.
    fn tensors(&self, mut instance: Fields<'_>) -> Result<Vec<Option<Range<usize>>>> {
        let inputs = &self.method.contract.inputs;
        let mut found: Vec<Option<Range<usize>>> = vec![None; inputs.len()];
        while let Some((number, entry)) = instance.next()? {
            if number == 1 {
                let (name, tensor) = item(instance.nested(entry)?)?;
                let input = inputs.iter().position(|input| input.name.as_bytes() == name);
                if let Some(place) = input.and_then(|index| found.get_mut(index)) {
                    *place = Some(tensor);
                }
            }
        }
        let missing = |(input, tensor): &(&Port, &Option<Range<usize>>)| tensor.is_none() && !input.optional;
        match inputs.iter().zip(&found).find(missing) {
            None => Ok(found),
            Some((input, _)) => Err(self.missing(input)),
        }
    }

    fn row(&self, message: &Fields<'_>, tensors: Vec<Option<Range<usize>>>) -> Result<Result<Row>> {
        let inputs = &self.method.contract.inputs;
        let mut checked = Vec::with_capacity(tensors.len());
        for (input, tensor) in inputs.iter().zip(tensors) {
            let Some(tensor) = tensor else {
                checked.push(None);
                continue;
            };
            let sent = Sent::read(message.within(tensor))?;
            let (dtype, shape) = sent.check().map_err(|detail| self.bad_tensor(input, detail))?;
            checked.push(Some(match dtype {
                DType::Bytes if input.is_byte_row() => sent.into_byte_row(),
                _ => (sent, dtype, shape),
            }));
        }
        let admitted = checked.into_iter().enumerate().map(|(index, checked)| {
            let Some((sent, dtype, shape)) = checked else { return Ok(Port::absent(1)) };
            let row = self.row_shape(index, dtype, shape, sent.data.len())?;
            sent.into_tensor(dtype, &row)
        });
        Ok(admitted.collect())
    }
}

/// Name and value of an entry of an instance's map.
fn item(mut entry: Fields<'_>) -> Result<(Bytes, Range<usize>)> {
    let (mut name, mut tensor) = (Bytes::new(), 0..0);
    while let Some((number, value)) = entry.next()? {
        match number {
            1 => name = entry.bytes(value)?,
            2 => tensor = entry.span(value)?,
            _ => {}
        }
    }
    Ok((name, tensor))
}
