use salver_core::*;
use salver_engine::*;

use crate::world::{Asked, Runner, Weather};

pub fn check_batch(servable: &Servable, runner: &Runner, batch: &Batch) {
    let stage = &servable.stages[batch.stage];
    let max = if stage.batching == Batching::Batched { stage.policy.max_batch_size } else { 1 };
    assert!(runner.stages.contains(&batch.stage) && runner.running.len() < runner.slots);
    let whole = !stage.policy.split_calls && batch.segments.len() == 1;
    assert!(batch.rows >= 1 && (batch.rows <= max || whole), "{} rows in '{}'", batch.rows, stage.name);
    assert_eq!(batch.rows, batch.segments.iter().map(|segment| segment.rows).sum::<usize>());
    assert_eq!(batch.deadline, batch.segments.iter().filter_map(|segment| segment.deadline).min());
    for segment in &batch.segments {
        assert_eq!(segment.columns.len(), stage.inputs.len());
        assert!(segment.columns.iter().all(|column| column.rows() == segment.rows));
        assert_eq!(Signature::of(&segment.columns), Signature::of(&batch.segments[0].columns));
    }
}

pub fn check_item(asked: &mut Asked, item: &Item, now: u64, weather: Weather, closed: bool) {
    let (_, outputs) = &asked.wanted[item.part];
    for answered in &mut asked.answered[item.part][item.first..item.first + item.rows] {
        assert!(!std::mem::replace(answered, true), "a row is answered once");
    }
    assert!(item.last);
    match &item.outcome {
        Ok(columns) => {
            let wanted: Vec<Tensor> = outputs.iter().map(|column| column.slice(item.first, item.rows)).collect();
            assert_eq!(*columns, wanted, "a row gets its own answer");
        }
        Err(Error::DeadlineExceeded) => assert!(asked.deadline.is_some_and(|deadline| deadline <= now)),
        Err(Error::Failed { .. }) => assert!(weather.poison || weather.faults),
        Err(Error::Internal { .. }) => assert!(weather.faults),
        Err(Error::Lost { .. } | Error::NotReady { .. }) => assert!(weather.losses),
        Err(Error::Draining) => assert!(closed),
        Err(other) => panic!("nobody caused {other:?}"),
    }
}
