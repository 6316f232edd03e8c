use smallvec::SmallVec;

use crate::{DType, Error, Shape, Tensor};

/// What rows must share to run in one batch: each column's element type and row shape.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature(SmallVec<[(DType, Shape); 2]>);

impl Signature {
    pub fn of<'a>(columns: impl IntoIterator<Item = &'a Tensor>) -> Signature {
        let one = |column: &Tensor| (column.dtype(), Shape::from(column.shape().row()));
        Signature(columns.into_iter().map(one).collect())
    }
}

/// Rows of one call that share a signature, column by column in the order of the contract's inputs.
///
/// Every column's leading dimension is the number of rows, also for a method without batch dimension,
/// whose parts have one row whose shape is the contract's.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    rows: usize,
    columns: Vec<Tensor>,
}

impl Part {
    /// `None` unless there is at least one row and every column has that many.
    pub fn new(rows: usize, columns: Vec<Tensor>) -> Option<Part> {
        let agree = columns.iter().all(|column| column.shape().rank() > 0 && column.rows() == rows);
        (rows > 0 && agree).then_some(Part { rows, columns })
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn columns(&self) -> &[Tensor] {
        &self.columns
    }

    pub fn into_columns(self) -> Vec<Tensor> {
        self.columns
    }

    /// How many bytes of memory the data takes.
    pub fn weight(&self) -> usize {
        self.columns.iter().map(Tensor::weight).sum()
    }
}

/// One element of the sequence that answers `rows` neighbouring rows of a part.
///
/// A unary answer is a sequence of one, whose only item is `last`. Columns are in the order of the contract's
/// outputs and have `rows` as their leading dimension. An error is always the last item of its rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub part: usize,
    pub first: usize,
    pub rows: usize,
    pub last: bool,
    pub outcome: Result<Vec<Tensor>, Error>,
}

/// What a call gets back: items ordered by part and row. In the answer of a unary call every accepted row is
/// covered by exactly one item.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    pub items: Vec<Item>,
}

impl Answer {
    /// The answer that gives one error to every row of parts with these row counts.
    pub fn failed(rows: impl IntoIterator<Item = usize>, error: &Error) -> Answer {
        let one = |(part, rows)| Item { part, first: 0, rows, last: true, outcome: Err(error.clone()) };
        Answer { items: rows.into_iter().enumerate().map(one).collect() }
    }

    /// The output columns of a call of one part, all rows together, or its first failed row's error.
    ///
    /// For protocols in which the first failed row fails the call (TensorFlow, KServe).
    pub fn into_columns(self) -> Result<Vec<Tensor>, Error> {
        let mut pieces = Vec::with_capacity(self.items.len());
        for item in self.items {
            pieces.push(item.outcome?);
        }
        join_columns(pieces)
    }
}

/// Joins neighbouring rows' columns. One piece is passed through untouched.
pub fn join_columns(mut pieces: Vec<Vec<Tensor>>) -> Result<Vec<Tensor>, Error> {
    if pieces.len() <= 1 {
        return pieces.pop().ok_or_else(|| Error::internal("an answer without rows"));
    }
    let width = pieces[0].len();
    let column = |index: usize| {
        let parts: Option<Vec<&Tensor>> = pieces.iter().map(|piece| piece.get(index)).collect();
        parts.and_then(|parts| Tensor::concat(&parts))
    };
    let joined: Option<Vec<Tensor>> = (0..width).map(column).collect();
    joined.ok_or_else(|| Error::internal("the rows of one call gave outputs of different types or shapes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn bytes(values: &'static [u8]) -> Tensor {
        Tensor::fixed(DType::U8, Shape::new([values.len()]), Bytes::from_static(values)).unwrap()
    }

    fn item(first: usize, values: &'static [u8]) -> Item {
        Item { part: 0, first, rows: values.len(), last: true, outcome: Ok(vec![bytes(values)]) }
    }

    #[test]
    fn a_part_has_rows_and_equal_columns() {
        assert!(Part::new(0, vec![]).is_none());
        assert!(Part::new(2, vec![bytes(b"ab"), bytes(b"c")]).is_none());
        assert_eq!(Part::new(2, vec![bytes(b"ab")]).unwrap().weight(), 2);
    }

    #[test]
    fn an_answer_joins_its_items_in_order() {
        let answer = Answer { items: vec![item(0, b"ab"), item(2, b"c")] };
        assert_eq!(answer.into_columns(), Ok(vec![bytes(b"abc")]));
    }

    #[test]
    fn the_first_failed_row_fails_the_call() {
        let failure = Answer::failed([2], &Error::Cancelled).items.remove(0);
        let answer = Answer { items: vec![item(0, b"ab"), failure] };
        assert_eq!(answer.into_columns(), Err(Error::Cancelled));
    }
}
