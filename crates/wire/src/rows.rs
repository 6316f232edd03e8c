use std::collections::HashMap;

use salver_core::{join_columns, Answer, Error, Item, Part, Result, Signature, Tensor};

/// One value per declared input or output, each with a leading dimension of 1.
pub(crate) type Row = Vec<Tensor>;

/// Where each row of a call went, for protocols in which rows fail one by one.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    places: Vec<Place>,
}

#[derive(Debug)]
enum Place {
    Refused(Error),
    Sent { part: usize, row: usize },
}

impl Rows {
    /// Makes one part of the rows of each signature, in their order, and keeps the refused ones aside.
    pub fn gather(rows: Vec<Result<Row>>) -> Result<(Rows, Vec<Part>)> {
        let mut known: HashMap<Signature, usize> = HashMap::new();
        let mut groups: Vec<Vec<Row>> = Vec::new();
        let mut places = Vec::with_capacity(rows.len());
        for row in rows {
            places.push(match row {
                Err(error) => Place::Refused(error),
                Ok(row) => {
                    let part = *known.entry(Signature::of(&row)).or_insert(groups.len());
                    if part == groups.len() {
                        groups.push(Vec::new());
                    }
                    groups[part].push(row);
                    Place::Sent { part, row: groups[part].len() - 1 }
                }
            });
        }
        let parts: Result<Vec<Part>> = groups.into_iter().map(joined).collect();
        Ok((Rows { places }, parts?))
    }

    /// What became of each row, in the order of the request: its `width` outputs, or why there are none.
    pub fn outcomes(self, answer: &Answer, width: usize) -> Vec<Result<Row>> {
        let one = |place| match place {
            Place::Refused(error) => Err(error),
            Place::Sent { part, row } => outcome(answer, part, row, width),
        };
        self.places.into_iter().map(one).collect()
    }
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
    use salver_core::{DType, Shape};

    fn row(values: &'static [u8]) -> Row {
        vec![Tensor::fixed(DType::U8, Shape::batched(1, &[values.len()]), Bytes::from_static(values)).unwrap()]
    }

    #[test]
    fn rows_find_their_way_back_through_parts_of_their_signature() {
        let rows = vec![Ok(row(b"a")), Ok(row(b"bb")), Err(Error::Cancelled), Ok(row(b"c"))];
        let (rows, parts) = Rows::gather(rows).unwrap();
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
        let gathered = || Rows::gather(vec![Ok(row(b"a"))]).unwrap().0;
        let item = |rows, outcome| Item { part: 0, first: 0, rows, last: true, outcome };
        let cases = [
            vec![],
            vec![item(0, Ok(row(b"a")))],
            vec![item(2, Ok(row(b"a")))],
            vec![item(1, Ok(vec![]))],
            vec![Item { part: 1, ..item(1, Ok(row(b"a"))) }],
        ];
        for items in cases {
            let outcomes = gathered().outcomes(&Answer { items }, 1);
            assert!(matches!(outcomes[..], [Err(Error::Internal { .. })]), "{outcomes:?}");
        }
    }
}
