use bytes::Bytes;
use salver_core::{Answer, Error, Method, Part, Port, Result, Servable};

use super::document::{Document, Member};
use super::nest::Dims;
use super::render;
use super::rows::Rows;
use super::values::{base64_text, Values};
use super::walk::{skip_value, Members};
use crate::leading::{bad_request, Check};
use crate::numbers::Scan;
use crate::rows::only_input;
use crate::tensorflow::columns::{self, Column};
use crate::tensorflow::errors::{Api, Asked};
use crate::tensorflow::inputs::laid_out;
use crate::tensorflow::Spec;
use crate::{Exchange, HttpReply, Target};

/// A `predict` request on its way. Its JSON is checked at once; its values are read against the signature.
pub struct Predict {
    spec: Spec,
    document: Document,
    /// Whether rows of one number go back as a list.
    flat: bool,
}

impl Predict {
    /// `address` is what the URL says; the signature is the body's.
    pub fn parse(address: Spec, body: Bytes) -> Result<Predict> {
        let document = Document::parse(body)?;
        let spec = Spec { signature: document.signature()?, ..address };
        Ok(Predict { spec, document, flat: false })
    }

    /// The columns that are there, by input.
    fn columns(&self, check: &Check<'_>) -> Result<Vec<Column>> {
        let (instances, inputs) = (self.document.get(Member::Instances), self.document.get(Member::Inputs));
        let reader = Reader { check, document: &self.document };
        match (instances, inputs) {
            (Some(_), Some(_)) => Err(self
                .document
                .wrong("Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ")),
            (Some(instances), None) => reader.rows(instances),
            (None, Some(inputs)) => reader.inputs(inputs),
            (None, None) => Err(bad_request("Missing 'inputs' or 'instances' key".into())),
        }
    }

    fn rendered(&self, method: &Method, answer: Answer) -> Result<HttpReply> {
        let all: Vec<usize> = (0..method.contract.outputs.len()).collect();
        let outputs = columns::outputs(&method.contract, &all, answer, self.flat)?;
        match self.document.get(Member::Instances) {
            Some(_) => render::predictions(&outputs),
            None => Ok(render::outputs(&outputs)),
        }
    }
}

impl Exchange for Predict {
    type Reply = HttpReply;

    fn target(&self) -> Result<Target<'_>> {
        self.spec.target()
    }

    fn parts(&mut self, _servable: &Servable, method: &Method) -> Result<Vec<Part>> {
        let check = Check { model: &self.spec.name, method: &method.name, contract: &method.contract };
        let (parts, flat) = columns::parts(&check, self.columns(&check)?)?;
        self.flat = flat;
        Ok(parts)
    }

    fn answer(self, _servable: &Servable, method: &Method, answer: Answer) -> HttpReply {
        match self.rendered(method, answer) {
            Ok(reply) => reply,
            Err(error) => self.refuse(&error),
        }
    }

    fn refuse(self, error: &Error) -> HttpReply {
        Asked { spec: &self.spec, api: Api::RestPredict }.http(error)
    }
}

/// Reads values against a contract.
pub(super) struct Reader<'a> {
    pub(super) check: &'a Check<'a>,
    pub(super) document: &'a Document,
}

impl<'a> Reader<'a> {
    pub(super) fn ports(&self) -> &'a [Port] {
        &self.check.contract.inputs
    }

    /// The only input that a value by itself can be for.
    pub(super) fn only_port(&self) -> Option<usize> {
        only_input(self.ports())
    }

    pub(super) fn values(&self, port: &Port, text: &str) -> Values {
        Values::new(port.dtype, text.len() / 2 / self.ports().len().max(1) + 1)
    }

    fn rows(&self, instances: &str) -> Result<Vec<Column>> {
        let mut rows = Rows::new(self, instances);
        let count = rows.read(instances)?;
        let columns = rows.finish().into_iter().enumerate().map(|(index, read)| match read {
            None => Ok(Column::absent()),
            Some((values, row)) => self.column(index, values, Some(count).into_iter().chain(row).collect()),
        });
        columns.collect()
    }

    /// The columnar form: every input as a whole.
    fn inputs(&self, inputs: &str) -> Result<Vec<Column>> {
        let mut scan = Scan::new(inputs);
        if scan.peek() == Some(b'{') && base64_text(&scan).is_none() {
            return self.named_inputs(&mut scan, inputs);
        }
        let only = self.only_port().ok_or_else(|| {
            let told = "inputs is a plain value/list, but expecting an object as multiple input tensors required";
            bad_request(format!("{told} as per tensorinfo_map"))
        })?;
        let column = |(index, port): (usize, &Port)| match index == only {
            true => {
                let mut values = self.values(port, inputs);
                let dims = values.read(&mut scan)?;
                self.column(index, values, dims)
            }
            false => Ok(Column::absent()),
        };
        self.ports().iter().enumerate().map(column).collect()
    }

    fn named_inputs(&self, scan: &mut Scan<'_>, inputs: &str) -> Result<Vec<Column>> {
        let mut columns: Vec<Option<Column>> = self.ports().iter().map(|_| None).collect();
        let mut members = Members::default();
        while let Some(name) = members.next(scan)? {
            let wanted = self.check.contract.input(&name).filter(|&index| columns[index].is_none());
            let Some(index) = wanted else {
                skip_value(scan)?;
                continue;
            };
            let mut values = self.values(&self.ports()[index], inputs);
            let dims = values.read(scan)?;
            columns[index] = Some(self.column(index, values, dims)?);
        }
        let given = |(column, port): (Option<Column>, &Port)| match column {
            None if port.optional => Ok(Column::absent()),
            column => {
                column.ok_or_else(|| bad_request(format!("Missing named input: {} in 'inputs' object.", port.name)))
            }
        };
        columns.into_iter().zip(self.ports()).map(given).collect()
    }

    fn column(&self, index: usize, values: Values, dims: Dims) -> Result<Column> {
        let (dtype, data) = values.finish();
        let dims: Vec<i64> = dims.iter().map(|&dim| i64::try_from(dim).unwrap_or(i64::MAX)).collect();
        laid_out(self.check, self.check.port(index)?, dtype, &dims, data)
    }
}
