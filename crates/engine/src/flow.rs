//! What flows: fragments of calls, and the batches they are run in.

use std::sync::Arc;

use salver_core::{join_columns, Error, Tensor};

/// Rows of one call's part on their way from step to step. Each goes on by itself; a call is done when all its
/// rows are.
///
/// Data is shared with the fragments it was cut from: `rows` rows of `values` from row `offset`.
#[derive(Clone, Debug)]
pub(crate) struct Fragment {
    pub ticket: u64,
    pub deadline: Option<u64>,
    pub method: usize,
    /// The next step to run.
    pub step: usize,
    pub part: usize,
    /// The first row, counted within the part.
    pub first: usize,
    pub rows: usize,
    /// The method's inputs, then the outputs of the steps that are done.
    pub values: Arc<Vec<Tensor>>,
    pub offset: usize,
    /// When it entered the queue it is in.
    pub queued: u64,
    /// Its place in that queue.
    pub order: u64,
    /// Since when it has waited for its turn there. The rest of a call that was cut waits for another.
    pub turn: u64,
    /// Whether an executor was lost with it once already.
    pub lost: bool,
    pub details: Option<Arc<str>>,
}

impl Fragment {
    /// Cuts off the first `rows` rows, at most all of them.
    pub fn cut(&mut self, rows: usize) -> Fragment {
        let rows = rows.min(self.rows);
        let head = Fragment { rows, ..self.clone() };
        self.first += rows;
        self.offset += rows;
        self.rows -= rows;
        head
    }

    /// How many of its rows are of so many bytes at most, with all of their values.
    pub fn rows_within(&self, bytes: usize) -> usize {
        let row = |value: &Tensor| value.weight().div_ceil(value.rows().max(1));
        let row: usize = self.values.iter().map(row).sum();
        bytes / row.max(1)
    }

    /// The rows of one value. Plans are checked when an engine is made and calls when they are submitted, so
    /// `index` is always there.
    pub fn value(&self, index: usize) -> Tensor {
        self.values[index].slice(self.offset, self.rows)
    }
}

/// Names a batch; never used twice in one engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub u64);

/// Why a batch was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It has as many rows as may run together, or what came next did not fit.
    Full,
    /// An executor was free, and this is (its share of) what waited.
    IdleExecutor,
    /// Its oldest row had waited for `max_wait_ms`.
    Timer,
    /// What waited besides it has another signature.
    Signature,
    /// It is a piece of a part that is larger than may run together.
    Split,
    /// It is half of a batch that failed.
    Isolation,
}

impl Reason {
    pub const ALL: [Reason; 6] =
        [Reason::Full, Reason::IdleExecutor, Reason::Timer, Reason::Signature, Reason::Split, Reason::Isolation];

    /// The name that metrics use.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::Full => "full",
            Reason::IdleExecutor => "idle_executor",
            Reason::Timer => "timer",
            Reason::Signature => "signature",
            Reason::Split => "split",
            Reason::Isolation => "isolation",
        }
    }
}

/// Neighbouring rows of one call within a batch.
#[derive(Clone, Debug)]
pub struct Segment {
    /// In the order of the stage's inputs; each has `rows` as its leading dimension.
    pub columns: Vec<Tensor>,
    pub rows: usize,
    pub deadline: Option<u64>,
    /// What its call said beside its inputs, if the stage wants to know about callers.
    pub details: Option<Arc<str>>,
}

/// What whoever runs a batch is told meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// The caller of these rows has left.
    Left { first: usize, rows: usize },
    /// The caller has room for so many more items of the sequence.
    Credit { items: u32 },
}

/// Rows of one signature that a stage runs together. Whoever takes one owes exactly one `finish` for it, unless
/// the lane is lost.
#[derive(Clone, Debug)]
pub struct Batch {
    pub id: BatchId,
    /// Index into the servable's stages.
    pub stage: usize,
    pub rows: usize,
    pub segments: Vec<Segment>,
    pub reason: Reason,
    /// The earliest deadline of its rows.
    pub deadline: Option<u64>,
}

impl Batch {
    /// The segments' rows one after another, column by column. One segment is shared, several are copied.
    pub fn into_columns(self) -> Result<Vec<Tensor>, Error> {
        join_columns(self.segments.into_iter().map(|segment| segment.columns).collect())
    }
}

/// What became of neighbouring rows of a batch. Columns are in the order of the stage's outputs and have `rows`
/// as their leading dimension.
#[derive(Clone, Debug)]
pub struct Piece {
    pub rows: usize,
    pub outcome: Result<Vec<Tensor>, Error>,
}

/// What became of a batch.
#[derive(Clone, Debug)]
pub enum BatchOutcome {
    /// It ran as one. A failure ([`Error::Failed`]) may have been a single row's, so its halves may be run again.
    Whole(Result<Vec<Tensor>, Error>),
    /// Rows succeeded and failed by themselves: pieces that together cover the batch, in order. Nothing is run again.
    Pieces(Vec<Piece>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use salver_core::{DType, Shape};

    #[test]
    fn a_cut_fragment_keeps_count_of_its_rows() {
        let values = Tensor::fixed(DType::U8, Shape::new([5]), vec![0, 1, 2, 3, 4].into()).unwrap();
        let mut rest = Fragment {
            ticket: 1,
            deadline: None,
            method: 0,
            step: 0,
            part: 0,
            first: 10,
            rows: 4,
            values: Arc::new(vec![values]),
            offset: 1,
            queued: 0,
            order: 0,
            turn: 0,
            lost: false,
            details: None,
        };
        let head = rest.cut(3);
        assert_eq!((head.first, head.rows, head.value(0).bytes()), (10, 3, &[1, 2, 3][..]));
        assert_eq!((rest.first, rest.rows, rest.value(0).bytes()), (13, 1, &[4][..]));
        assert_eq!(rest.rows_within(3), 3);
        assert_eq!((rest.cut(9).rows, rest.rows), (1, 0));
    }
}
