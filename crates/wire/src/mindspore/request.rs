use bytes::Bytes;
use salver_core::{Answer, DType, Error, Method, Part, Port, Result, Servable, Shape, Tensor};

use super::admit::{text_shape, Admit};
use super::errors::Failure;
use super::fields::{malformed, packed, Fields, Value};
use super::{dtypes, reply};
use crate::rows::{Gather, Row, Rows, MAX_RANK};
use crate::{Exchange, GrpcReply, Target};

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
    fn read(sent: Bytes) -> Result<Spec> {
        let mut spec = Spec { sent: sent.clone(), ..Spec::default() };
        for field in Fields::of(sent) {
            match field? {
                (1, value) => spec.servable = value.text()?,
                (2, value) => spec.method = value.text()?,
                (3, value) => spec.version = value.varint()?,
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
        let mut spec = Spec::default();
        for field in Fields::of(body.clone()) {
            if let (1, value) = field? {
                spec = Spec::read(value.bytes()?)?;
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
        let rows = reader.rows(std::mem::take(&mut self.body))?;
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
    fn read(message: Bytes) -> Result<Sent> {
        let mut sent = Sent::default();
        for field in Fields::of(message) {
            match field? {
                (1, value) => sent.dims = dims(value.bytes()?)?,
                (2, value) => sent.dtype = value.varint()?,
                (3, value) => sent.data = value.bytes()?,
                (4, value) => {
                    sent.value = value.bytes()?;
                    sent.values += 1;
                }
                (5, _) => sent.shared_memory = true,
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
fn dims(message: Bytes) -> Result<Vec<i64>> {
    let mut dims = Vec::new();
    let mut push = |dim: u64| {
        if dims.len() == MAX_RANK {
            return Err(malformed(format!("a shape has more than {MAX_RANK} dimensions")));
        }
        dims.push(dim as i64);
        Ok(())
    };
    for field in Fields::of(message) {
        match field? {
            (1, Value::Varint(dim)) => push(dim)?,
            (1, value) => {
                let mut values = value.bytes()?;
                while let Some(dim) = packed(&mut values)? {
                    push(dim)?;
                }
            }
            _ => {}
        }
    }
    Ok(dims)
}

/// Reads instances against one method's contract.
impl Admit<'_> {
    /// The rows, each by itself right or wrong for the model; an error is of the whole request.
    fn rows(&self, body: Bytes) -> Result<Gather> {
        let mut rows = Gather::default();
        for field in Fields::of(body) {
            if let (2 | 3, instance) = field? {
                let tensors = self.tensors(instance.bytes()?)?;
                rows.push(self.row(tensors)?)?;
            }
        }
        Ok(rows)
    }

    /// The declared inputs of an instance, in their order; what else it holds is ignored. Optional ones may be absent.
    fn tensors(&self, instance: Bytes) -> Result<Vec<Option<Bytes>>> {
        let inputs = &self.method.contract.inputs;
        let mut found: Vec<Option<Bytes>> = vec![None; inputs.len()];
        for field in Fields::of(instance) {
            if let (1, entry) = field? {
                let (name, tensor) = item(entry.bytes()?)?;
                let input = inputs.iter().position(|input| input.name.as_bytes() == name);
                if let Some(place) = input.and_then(|index| found.get_mut(index)) {
                    *place = Some(tensor);
                }
            }
        }
        let missing = |(input, tensor): &(&Port, &Option<Bytes>)| tensor.is_none() && !input.optional;
        match inputs.iter().zip(&found).find(missing) {
            None => Ok(found),
            Some((input, _)) => Err(self.missing(input)),
        }
    }

    fn row(&self, tensors: Vec<Option<Bytes>>) -> Result<Result<Row>> {
        let inputs = &self.method.contract.inputs;
        let mut checked = Vec::with_capacity(tensors.len());
        for (input, tensor) in inputs.iter().zip(tensors) {
            let Some(tensor) = tensor else {
                checked.push(None);
                continue;
            };
            let sent = Sent::read(tensor)?;
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
fn item(entry: Bytes) -> Result<(Bytes, Bytes)> {
    let (mut name, mut tensor) = (Bytes::new(), Bytes::new());
    for field in Fields::of(entry) {
        match field? {
            (1, value) => name = value.bytes()?,
            (2, value) => tensor = value.bytes()?,
            _ => {}
        }
    }
    Ok((name, tensor))
}
