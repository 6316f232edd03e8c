use std::sync::Arc;

use bytes::Bytes;
use salver_core::{Answer, Error, Fault, Method, Part, Result, Servable, Tensor};

use super::ending::{Ending, Remark, Said};
use super::input::Request;
use super::output::{shared, value, Output};
use super::MappedRpc;
use crate::{Exchange, Target};

/// A call of a mapped method on its way: one message, one row.
#[derive(Debug)]
pub struct RowCall {
    rpc: Arc<MappedRpc>,
    servable: String,
    version: u64,
    message: Bytes,
}

impl RowCall {
    /// Takes a request to the servable that the method belongs to.
    pub fn new(rpc: Arc<MappedRpc>, servable: &Servable, message: Bytes) -> RowCall {
        RowCall { rpc, servable: servable.name.clone(), version: servable.version, message }
    }

    /// What a row of outputs says. They may be the only answer, or one of a sequence.
    pub fn say(&self, method: &Method, row: &[Tensor]) -> Result<Vec<Said>> {
        if row.len() != self.rpc.outputs.len() || !row.iter().all(|column| column.rows() == 1) {
            return Err(Error::internal("the outputs are not one row of the method's contract"));
        }
        let remark = self.rpc.outputs.iter().zip(row).find(|(output, _)| output.is_status());
        let remark = remark.map(|(_, column)| value(column).and_then(Remark::read)).transpose();
        let remark = remark.map_err(|why| author(method, why))?.flatten();
        match remark {
            None => Ok(vec![Said::Message(self.reply(method, row)?)]),
            Some(remark) => remark
                .say(|| self.reply(method, row).map_err(|error| error.to_string()), method.sequence)
                .map_err(|why| author(method, why)),
        }
    }

    fn reply(&self, method: &Method, row: &[Tensor]) -> Result<Bytes> {
        let outputs = || self.rpc.outputs.iter().zip(row).zip(&method.contract.outputs);
        if let Some(whole) = outputs().find_map(|((output, column), _)| shared(output, column)) {
            return Ok(whole);
        }
        let reply = self.rpc.descriptor.output();
        let mut out = Vec::new();
        for ((output, column), port) in outputs() {
            output.write(&reply, column, &mut out).map_err(|why| {
                let what = match output {
                    Output::Field(leaf) => format!("field {}", leaf.name()),
                    _ => format!("message {}", reply.full_name()),
                };
                author(method, format!("output '{}' of method '{}' cannot be {what}: {why}", port.name, method.name))
            })?;
        }
        Ok(out.into())
    }
}

/// What an author's code gave that it may not give.
fn author(method: &Method, message: String) -> Error {
    Error::Author { fault: Fault::Output, what: String::new(), method: method.name.clone(), index: 0, message }
}

impl Exchange for RowCall {
    type Reply = Vec<Said>;

    fn target(&self) -> Result<Target<'_>> {
        let (servable, version) = (self.servable.as_str(), Some(self.version));
        Ok(Target { servable, version, label: None, method: None, dotted: false })
    }

    fn parts(&mut self, servable: &Servable, method: &Method) -> Result<Vec<Part>> {
        let body = std::mem::take(&mut self.message);
        let (rpc, inputs) = (&self.rpc, &method.contract.inputs);
        if inputs.len() != rpc.inputs.len() {
            return Err(Error::internal("a method that is not the mapped one"));
        }
        let request = Request::new(&servable.name, &method.name, rpc.descriptor.input(), &body, &rpc.inputs)?;
        let columns = rpc.inputs.iter().zip(inputs).map(|(input, port)| request.row(input, port));
        let part = Part::new(1, columns.collect::<Result<Vec<Tensor>>>()?);
        Ok(vec![part.ok_or_else(|| Error::internal("a row that is none"))?])
    }

    fn answer(self, _: &Servable, method: &Method, answer: Answer) -> Vec<Said> {
        match answer.into_columns().and_then(|row| self.say(method, &row)) {
            Ok(mut said) => {
                if !matches!(said.last(), Some(Said::End(_))) {
                    said.push(Said::End(Ending::default()));
                }
                said
            }
            Err(error) => self.refuse(&error),
        }
    }

    fn refuse(self, error: &Error) -> Vec<Said> {
        vec![Said::End(Ending::from(error))]
    }
}
