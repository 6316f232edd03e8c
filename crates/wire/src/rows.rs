use std::collections::HashMap;

use salver_core::{join_columns, Answer, Error, Item, Part, Port, Result, Shape, Signature, Tensor};

/// One value per declared input or output, each with a leading dimension of 1.
pub(crate) type Row = Vec<Tensor>;

/// The most rows of a call that are sent one by one. Each takes far more memory than its bytes.
const MOST_ROWS: usize = 100_000;

/// More refused rows than this in one call are not worth telling apart.
const MOST_REFUSED: usize = 1000;

/// The rows of a call as they are read.
#[derive(Default)]
pub(crate) struct Gather {
    known: HashMap<Signature, usize>,
    groups: Vec<Vec<Row>>,
    places: Vec<Place>,
    refused: usize,
}

impl Gather {
    /// Takes the next row, or keeps its error aside. Of a call with very many refused rows the error is given
    /// back, for the call as a whole: strangers must not be answered with far more than they sent.
    pub fn push(&mut self, row: Result<Row>) -> Result<()> {
        if self.places.len() == MOST_ROWS {
            let detail = format!("it has more than {MOST_ROWS} rows; send them in several calls");
            return Err(Error::malformed("call", detail));
        }
        let place = match row {
            Ok(row) => self.place(row),
            Err(error) if self.refused == MOST_REFUSED => return Err(error),
            Err(error) => {
                self.refused += 1;
                Place::Refused(Box::new(error))
            }
        };
        self.places.push(place);
        Ok(())
    }

    fn place(&mut self, row: Row) -> Place {
        let part = *self.known.entry(Signature::of(&row)).or_insert(self.groups.len());
        if part == self.groups.len() {
            self.groups.push(Vec::new());
        }
        self.groups[part].push(row);
        Place::Sent { part, row: self.groups[part].len() - 1 }
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// One part of the rows of each signature, in their order.
    pub fn finish(self) -> Result<(Rows, Vec<Part>)> {
        let parts: Result<Vec<Part>> = self.groups.into_iter().map(joined).collect();
        Ok((Rows { places: self.places }, parts?))
    }
}

/// Where each row of a call went, for protocols in which rows fail one by one.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    places: Vec<Place>,
}

#[derive(Debug)]
enum Place {
    /// Boxed, so that a row that is fine needs no room for an error.
    Refused(Box<Error>),
    Sent {
        part: usize,
        row: usize,
    },
}

impl Rows {
    /// What became of each row, in the order of the request: its `width` outputs, or why there are none.
    pub fn outcomes(self, answer: &Answer, width: usize) -> Vec<Result<Row>> {
        let one = |place| match place {
            Place::Refused(error) => Err(*error),
            Place::Sent { part, row } => outcome(answer, part, row, width),
        };
        self.places.into_iter().map(one).collect()
    }
}

/// The row shape in which a port takes one value of text or bytes by itself, or how many it wants instead.
pub(crate) fn shape_of_one(port: &Port) -> Result<Shape, usize> {
    let dims = port.dims.as_deref().unwrap_or_default();
    let shape = Shape::new(dims.iter().map(|dim| dim.fixed().unwrap_or(1)));
    match shape.elements().unwrap_or(usize::MAX) {
        1 => Ok(shape),
        wanted => Err(wanted),
    }
}

/// The input that a body without names is for: the only one, or the only one that must be there.
pub(crate) fn only_input(inputs: &[Port]) -> Option<usize> {
    let mut wanted = (0..inputs.len()).filter(|&index| inputs.len() == 1 || !inputs[index].optional);
    wanted.next().filter(|_| wanted.next().is_none())
}

fn joined(rows: Vec<Row>) -> Result<Part> {
    let count = rows.len();
    Part::new(count, join_columns(rows)?).ok_or_else(|| Error::internal("rows of one signature do not join"))
}

fn outcome(answer: &Answer, part: usize, row: usize, width: usize) -> Result<Row> {
    let after = answer.items.partition_point(|item| (item.part, item.first) <= (part, row));
    let item = after.checked_sub(1).and_then(|index| answer.items.get(index));
    let covers = |item: &&Item| item.part == part && row - item.first < item.rows;
    let item = item.filter(covers).ok_or_else(|| Error::internal("a row was left without an answer"))?;
    let columns = item.outcome.as_ref().map_err(Error::clone)?;
    let whole = |column: &Tensor| column.shape().rank() > 0 && column.rows() == item.rows;
    if columns.len() != width || !columns.iter().all(whole) {
        return Err(Error::internal("the outputs are not those of the method's contract"));
    }
    Ok(columns.iter().map(|column| column.slice(row - item.first, 1)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use salver_core::DType;

    fn row(values: &'static [u8]) -> Row {
        vec![Tensor::fixed(DType::U8, Shape::batched(1, &[values.len()]), Bytes::from_static(values)).unwrap()]
    }

    fn gathered(rows: Vec<Result<Row>>) -> (Rows, Vec<Part>) {
        let mut gather = Gather::default();
        rows.into_iter().for_each(|row| gather.push(row).unwrap());
        gather.finish().unwrap()
    }

    #[test]
    fn very_many_refused_rows_fail_the_call() {
        let mut gather = Gather::default();
        (0..MOST_REFUSED).for_each(|_| gather.push(Err(Error::Draining)).unwrap());
        gather.push(Ok(row(b"a"))).unwrap();
        assert_eq!(gather.push(Err(Error::Cancelled)), Err(Error::Cancelled));
    }

    #[test]
    fn rows_find_their_way_back_through_parts_of_their_signature() {
        let rows = vec![Ok(row(b"a")), Ok(row(b"bb")), Err(Error::Cancelled), Ok(row(b"c"))];
        let (rows, parts) = gathered(rows);
        assert_eq!(parts.iter().map(Part::rows).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(parts[0].columns()[0].bytes(), b"ac");
        let echo = |(part, rows): (usize, Part)| {
            let rows_of = rows.rows();
            Item { part, first: 0, rows: rows_of, last: true, outcome: Ok(rows.into_columns()) }
        };
        let answer = Answer { items: parts.into_iter().enumerate().map(echo).collect() };
        let wanted = [Ok(row(b"a")), Ok(row(b"bb")), Err(Error::Cancelled), Ok(row(b"c"))];
        assert_eq!(rows.outcomes(&answer, 1), wanted);
    }

    #[test]
    fn answers_that_do_not_fit_are_internal_errors() {
        let item = |rows, outcome| Item { part: 0, first: 0, rows, last: true, outcome };
        let cases = [
            vec![],
            vec![item(0, Ok(row(b"a")))],
            vec![item(2, Ok(row(b"a")))],
            vec![item(1, Ok(vec![]))],
            vec![Item { part: 1, ..item(1, Ok(row(b"a"))) }],
        ];
        for items in cases {
            let outcomes = gathered(vec![Ok(row(b"a"))]).0.outcomes(&Answer { items }, 1);
            assert!(matches!(outcomes[..], [Err(Error::Internal { .. })]), "{outcomes:?}");
        }
    }
}
