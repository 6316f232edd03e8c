//! What became of rows, in the meta part of an item.

use bytes::BufMut;
use salver_core::{Error, Fault, Tensor};
use salver_engine::{BatchOutcome, Piece};

use super::arena::Outgoing;
use super::columns::{Body, Column, Columns};
use super::frame::{put_text, Meta};

const COLUMNS: u8 = 0;
const FAILURE: u8 = 1;

/// Why rows have no outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub fault: Fault,
    pub what: String,
    pub method: String,
    pub index: u32,
    pub message: String,
}

const FAULTS: [Fault; 3] = [Fault::Raised, Fault::Input, Fault::Output];

impl Failure {
    pub fn plain(fault: Fault, message: String) -> Failure {
        Failure { fault, what: String::new(), method: String::new(), index: 0, message }
    }

    pub fn error(self) -> Error {
        let Failure { fault, what, method, index, message } = self;
        Error::Author { fault, what, method, index, message }
    }

    fn write(&self, out: &mut impl BufMut) {
        out.put_u8(FAULTS.iter().position(|&fault| fault == self.fault).unwrap_or(0) as u8);
        out.put_u32_le(self.index);
        [&self.what, &self.method, &self.message].into_iter().for_each(|text| put_text(out, text));
    }

    fn read(meta: &mut Meta) -> Option<Failure> {
        let fault = *FAULTS.get(usize::from(meta.u8()?))?;
        let index = meta.u32()?;
        let (what, method, message) = (meta.text()?, meta.text()?, meta.text()?);
        Some(Failure { fault, what, method, index, message })
    }
}

/// What became of an opened frame's rows: pieces that cover them in order. One piece is the whole.
pub struct Outcome<'a> {
    pub pieces: Vec<(usize, Result<Vec<Column<'a>>, Failure>)>,
}

impl Outcome<'_> {
    pub(super) fn write(&self, body: &mut Body, arena: &mut Outgoing) {
        body.meta.put_u32_le(self.pieces.len() as u32);
        for (rows, outcome) in &self.pieces {
            body.meta.put_u32_le(*rows as u32);
            match outcome {
                Ok(columns) => {
                    body.meta.put_u8(COLUMNS);
                    body.columns(columns, arena);
                }
                Err(failure) => {
                    body.meta.put_u8(FAILURE);
                    failure.write(&mut body.meta);
                }
            }
        }
    }
}

/// Pieces as they were received.
pub type Received = Vec<(usize, Result<Vec<Tensor>, Failure>)>;

/// `None` if they are not what they say.
pub fn read(columns: &mut Columns<'_>) -> Option<Received> {
    let count = columns.meta.u32()?;
    let piece = |columns: &mut Columns<'_>| {
        let rows = columns.meta.u32()? as usize;
        let outcome = match columns.meta.u8()? {
            COLUMNS => Ok(columns.read()?),
            FAILURE => Err(Failure::read(&mut columns.meta)?),
            _ => return None,
        };
        Some((rows, outcome))
    };
    (0..count).map(|_| piece(columns)).collect()
}

/// As the engine takes it. A single failure is the whole batch's, so that its halves may be run again.
pub fn of_batch(mut received: Received) -> BatchOutcome {
    if received.len() == 1 {
        if let Some((_, outcome)) = received.pop() {
            return BatchOutcome::Whole(outcome.map_err(Failure::error));
        }
    }
    let piece = |(rows, outcome): (usize, Result<_, Failure>)| Piece { rows, outcome: outcome.map_err(Failure::error) };
    BatchOutcome::Pieces(received.into_iter().map(piece).collect())
}
