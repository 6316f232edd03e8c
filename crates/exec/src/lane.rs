use std::io;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use salver_core::{Error, Result, Tensor};
use salver_engine::{BatchOutcome, LaneId, Version};

/// Starts a thread that runs one stage's batches, one after the other, until the version is closed and done.
///
/// `run` gets a batch's columns, with the rows as leading dimension, and gives the outputs'.
/// Should it panic, its batch fails and the lane goes on.
pub fn spawn_lane<R>(version: Arc<Version>, stage: usize, run: R) -> io::Result<JoinHandle<()>>
where
    R: FnMut(Vec<Tensor>) -> Result<Vec<Tensor>> + Send + 'static,
{
    let name = version.servable().stages.get(stage).map_or_else(String::new, |stage| stage.name.clone());
    let lane = version.add_lane(vec![stage], 1);
    let work = {
        let version = Arc::clone(&version);
        move || serve(&version, lane, &name, run)
    };
    let spawned = thread::Builder::new().name("salver-lane".into()).spawn(work);
    if spawned.is_err() {
        version.lose_lane(lane);
    }
    spawned
}

fn serve<R>(version: &Version, lane: LaneId, stage: &str, mut run: R)
where
    R: FnMut(Vec<Tensor>) -> Result<Vec<Tensor>>,
{
    while let Some(batch) = version.take_blocking(lane) {
        let id = batch.id;
        version.started(id);
        let outcome = catch_unwind(AssertUnwindSafe(|| run(batch.into_columns()?)));
        let outcome = outcome.unwrap_or_else(|_| Err(Error::internal(format!("the executor of '{stage}' panicked"))));
        version.finish(id, BatchOutcome::Whole(outcome));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use salver_core::{DType, Item, Part, Servable, Shape};
    use salver_engine::{Delivery, Mailbox, NewCall};
    use std::sync::mpsc::{channel, Sender};
    use std::sync::Mutex;
    use std::time::Duration;

    const SERVABLE: &str = r#"{
        "name": "s", "version": 1, "runtime": "test",
        "methods": [{
            "name": "predict",
            "contract": {
                "inputs": [{"name": "x", "dtype": "uint8", "dims": []}],
                "outputs": [{"name": "y", "dtype": "uint8", "dims": []}],
                "batched": true
            },
            "plan": {"steps": [{"stage": 0, "inputs": [{"input": 0}]}], "outputs": [{"step": [0, 0]}]}
        }],
        "stages": [{
            "name": "model",
            "inputs": [{"name": "x", "dtype": "uint8", "dims": []}],
            "outputs": [{"name": "y", "dtype": "uint8", "dims": []}],
            "batching": "batched"
        }]
    }"#;

    struct Box(Mutex<Sender<Vec<Item>>>);

    impl Mailbox for Box {
        fn deliver(&self, deliveries: Vec<Delivery>) {
            let sender = self.0.lock().unwrap();
            deliveries.into_iter().for_each(|delivery| sender.send(delivery.items).unwrap());
        }
    }

    fn answers(run: impl FnMut(Vec<Tensor>) -> Result<Vec<Tensor>> + Send + 'static) -> Vec<Item> {
        let version = Version::new(Servable::from_json(SERVABLE).unwrap()).unwrap();
        spawn_lane(Arc::clone(&version), 0, run).unwrap();
        let (sender, receiver) = channel();
        let column = Tensor::fixed(DType::U8, Shape::new([3]), vec![1, 2, 3].into()).unwrap();
        let parts = vec![Part::new(3, vec![column]).unwrap()];
        let caller = Arc::new(Box(Mutex::new(sender)));
        version.submit(vec![NewCall {
            ticket: 1,
            method: 0,
            parts,
            deadline: None,
            details: None,
            streaming: false,
            caller,
        }]);
        let items = receiver.recv_timeout(Duration::from_secs(30)).unwrap();
        version.close();
        items
    }

    #[test]
    fn a_lane_runs_batches_and_answers() {
        let items = answers(Ok);
        assert_eq!(items[0].outcome.as_ref().unwrap()[0].bytes(), [1, 2, 3]);
    }

    #[test]
    fn failures_and_panics_are_answers_too() {
        let items = answers(|_| Err(Error::Failed { stage: "model".into(), message: "no".into() }));
        assert!(items
            .iter()
            .all(|item| matches!(&item.outcome, Err(Error::Failed { message, .. }) if message == "no")));
        let items = answers(|_| panic!("at the model"));
        assert!(matches!(&items[0].outcome, Err(Error::Internal { .. })), "{items:?}");
    }
}
