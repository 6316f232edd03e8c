use salver_core::{Error, Result};

use super::document::Member;
use super::nest::Dims;
use super::predict::Reader;
use super::values::{base64_text, value_here, Values};
use super::walk::{Items, Members};
use crate::leading::{bad_request, shown};
use crate::numbers::Scan;
use crate::tensorflow::errors::joined;

/// Reads `instances`: a list with a value, or an object of named values, for each row.
pub(super) struct Rows<'r> {
    reader: &'r Reader<'r>,
    columns: Vec<Column>,
}

/// The values of one input, row by row.
struct Column {
    values: Values,
    /// How many rows have a value.
    rows: usize,
    /// The shape of each row, which the first one says.
    row: Option<Dims>,
}

impl Column {
    fn read(&mut self, scan: &mut Scan<'_>) -> Result<()> {
        let before = self.values.len();
        let dims = self.values.read(scan)?;
        self.rows += 1;
        let row = self.row.get_or_insert_with(|| dims.clone());
        let wanted: usize = row.iter().product();
        let size = self.values.len() - before;
        if size != wanted {
            return Err(bad_request(format!("Expecting tensor size: {wanted} but got: {size}")));
        }
        match *row == dims {
            true => Ok(()),
            false => Err(bad_request(format!("Expecting shape {} but got: {}", shown(row), shown(&dims)))),
        }
    }
}

impl<'r> Rows<'r> {
    pub(super) fn new(reader: &'r Reader<'r>, text: &str) -> Rows<'r> {
        let column = |port| Column { values: reader.values(port, text), rows: 0, row: None };
        Rows { reader, columns: reader.ports().iter().map(column).collect() }
    }

    /// Reads all rows and says how many there are.
    pub(super) fn read(&mut self, instances: &str) -> Result<usize> {
        let document = self.reader.document;
        let mut scan = Scan::new(instances);
        if scan.peek() != Some(b'[') {
            return Err(document.wrong(&format!("Excepting '{}' to be an list/array", Member::Instances.name())));
        }
        let mut items = Items::default();
        if !items.next(&mut scan)? {
            return Err(document.wrong(&format!("No values in '{}' array", Member::Instances.name())));
        }
        let named = is_row_object(&mut scan);
        let only = self.reader.only_port();
        if !named && only.is_none() {
            let told = "instances is a plain list, but expecting list of objects as multiple input tensors required";
            return Err(bad_request(format!("{told} as per tensorinfo_map")));
        }
        let mut count = 0;
        loop {
            match (named, only) {
                (false, Some(only)) => self.value(&mut scan, count, only)?,
                _ => self.object(&mut scan, count)?,
            }
            count += 1;
            if !items.next(&mut scan)? {
                return Ok(count);
            }
        }
    }

    /// The values and the row shape of each input that was given.
    pub(super) fn finish(self) -> Vec<Option<(Values, Dims)>> {
        self.columns.into_iter().map(|column| Some((column.values, column.row?))).collect()
    }

    fn value(&mut self, scan: &mut Scan<'_>, index: usize, only: usize) -> Result<()> {
        if is_row_object(scan) {
            return Err(bad_request(format!("Expecting value/list but got object at item {index} of input list")));
        }
        let wrapped = |error| in_element(error, format!("Failed to process element: {index} of 'instances' list."));
        self.columns[only].read(scan).map_err(wrapped)
    }

    fn object(&mut self, scan: &mut Scan<'_>, index: usize) -> Result<()> {
        if !is_row_object(scan) {
            return Err(bad_request(format!("Expecting object but got list at item {index} of input list")));
        }
        let (whole, mut members) = (scan.clone(), Members::default());
        while let Some(name) = members.next(scan)? {
            let port = self.reader.check.contract.input(&name);
            let read = match port {
                Some(port) if self.columns[port].rows <= index => self.columns[port].read(scan),
                Some(_) => Err(bad_request(format!("JSON object: has the input twice: {name}"))),
                None => Err(bad_request(format!("JSON object: does not have named input: {name}"))),
            };
            let place = || format!("Failed to process element: {index} key: {name} of 'instances' list.");
            read.map_err(|error| in_element(error, place()))?;
        }
        match self.is_complete(index) {
            true => Ok(()),
            false => {
                let names = self.reader.ports().iter().map(|port| port.name.as_str()).collect();
                let object = value_here(&whole);
                let told = format!("Failed to process element: {index} of 'instances' list. JSON object: {object}");
                Err(bad_request(format!("{told} keys must be equal to: {}", joined(&names))))
            }
        }
    }

    /// Whether every input has a value in every row so far; optional ones may have none in any.
    fn is_complete(&self, index: usize) -> bool {
        let ports = self.reader.ports().iter();
        ports.zip(&self.columns).all(|(port, column)| column.rows == index + 1 || (port.optional && column.rows == 0))
    }
}

/// Whether an object of named values comes next, not one of base64.
fn is_row_object(scan: &mut Scan<'_>) -> bool {
    scan.peek() == Some(b'{') && base64_text(scan).is_none()
}

/// An error with the place in the list where it is. What is not implemented stays that.
fn in_element(error: Error, place: String) -> Error {
    match error {
        Error::Unsupported { .. } => error,
        Error::Malformed { what: "request", detail } => {
            bad_request(format!("{place} Error: INVALID_ARGUMENT: {detail}"))
        }
        other => bad_request(format!("{place} Error: {}: {other}", other.code().name())),
    }
}
