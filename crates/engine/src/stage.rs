//! One stage: its queue, its promises and its counts.

use salver_core::{Error, Resource, StageSpec, Tensor};

use crate::queue::{Queue, Rule};
use crate::statistics::StageStatistics;

#[derive(Debug)]
pub(crate) struct Stage {
    name: String,
    outputs: usize,
    pub isolate_rows: bool,
    pub retry_lost: bool,
    /// Whether whoever runs it is told of callers who leave.
    pub tells: bool,
    /// Whether rows are answered by sequences, which an item without columns ends.
    pub sequence: bool,
    /// No lane is left for it: what needs it fails until one comes.
    pub abandoned: bool,
    pub queue: Queue,
    pub statistics: StageStatistics,
}

impl Stage {
    pub fn of(spec: &StageSpec) -> Stage {
        Stage {
            name: spec.name.clone(),
            outputs: spec.outputs.len(),
            isolate_rows: spec.policy.isolate_rows,
            retry_lost: spec.policy.retry_lost,
            tells: spec.context,
            sequence: false,
            abandoned: false,
            queue: Queue::new(Rule::of(spec)),
            statistics: StageStatistics { name: spec.name.clone(), ..Default::default() },
        }
    }

    pub fn lost(&self) -> Error {
        Error::Lost { stage: self.name.clone() }
    }

    /// Whether a call with so many rows may enter the queue. One that finds it empty always has room.
    pub fn admit(&self, servable: &str, rows: usize) -> Result<(), Error> {
        let Rule { room, longest_call: limit, .. } = self.queue.rule;
        if rows > limit {
            return Err(Error::TooManyRows { servable: servable.to_string(), rows, limit });
        }
        if self.queue.rows() > 0 && self.queue.rows().saturating_add(rows) > room {
            return Err(Error::Busy { resource: Resource::Queue, limit: room as u64 });
        }
        Ok(())
    }

    /// An executor's columns, if they are what the stage promised.
    pub fn check(&self, rows: usize, columns: Vec<Tensor>) -> Result<Vec<Tensor>, Error> {
        let (name, wanted, given) = (&self.name, self.outputs, columns.len());
        if self.sequence && given == 0 {
            return Ok(columns);
        }
        if given != wanted {
            return Err(Error::internal(format!("stage '{name}' should give {wanted} outputs, but gave {given}")));
        }
        let wrong = |column: &&Tensor| column.shape().rank() == 0 || column.rows() != rows;
        match columns.iter().find(wrong).map(Tensor::shape) {
            None => Ok(columns),
            Some(shape) => Err(Error::internal(format!(
                "stage '{name}' ran {rows} rows, but gave an output of shape {shape}; its leading dimension must be the rows"
            ))),
        }
    }

    /// The error for a run whose pieces do not add up to its rows.
    pub fn miscounted(&self, rows: usize) -> Error {
        Error::internal(format!("stage '{}' ran {rows} rows, but answered another number of them", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use salver_core::{Batching, DType, Policy, Port, Shape};

    #[test]
    fn outputs_must_be_as_many_as_promised_with_a_row_each() {
        let port = Port { name: "y".into(), dtype: None, dims: None, optional: false, json: false };
        let (name, policy) = ("s".to_string(), Policy::default());
        let stage = Stage::of(&StageSpec {
            name,
            inputs: vec![],
            outputs: vec![port],
            batching: Batching::Batched,
            policy,
            context: false,
        });
        let tensor = |dims: &[usize]| {
            let size = dims.iter().product();
            Tensor::fixed(DType::U8, Shape::new(dims.iter().copied()), vec![0; size].into()).unwrap()
        };
        assert!(stage.check(2, vec![tensor(&[2, 3])]).is_ok());
        for wrong in [vec![], vec![tensor(&[2]), tensor(&[2])], vec![tensor(&[3])], vec![tensor(&[])]] {
            let error = stage.check(1, wrong.clone()).unwrap_err();
            assert!(matches!(error, Error::Internal { .. }), "{wrong:?}");
        }
    }
}
