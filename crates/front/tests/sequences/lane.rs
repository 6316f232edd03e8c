//! A lane that does what the test says.

use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use salver_core::{DType, Error, Shape, Tensor};
use salver_engine::{Batch, BatchId, BatchOutcome, Bell, LaneId, Note, Taken, Version};

/// How long anything here may take before the test gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Lane {
    version: Arc<Version>,
    id: LaneId,
    rung: Receiver<()>,
    notes: Receiver<(BatchId, Note)>,
}

/// Senders may be used by one thread at a time.
struct Wires {
    ring: Mutex<Sender<()>>,
    tell: Mutex<Sender<(BatchId, Note)>>,
}

impl Bell for Wires {
    fn ring(&self) {
        self.ring.lock().unwrap().send(()).ok();
    }

    fn tell(&self, batch: BatchId, note: Note) {
        self.tell.lock().unwrap().send((batch, note)).ok();
    }
}

impl Lane {
    pub fn new(version: &Arc<Version>, stages: Vec<usize>) -> Lane {
        let (ring, rung) = channel();
        let (tell, notes) = channel();
        let wires = Wires { ring: Mutex::new(ring), tell: Mutex::new(tell) };
        let id = version.add_lane_with_bell(stages, 8, Arc::new(wires));
        Lane { version: Arc::clone(version), id, rung, notes }
    }

    /// Waits for the next batch.
    pub fn take(&self) -> Batch {
        loop {
            match self.version.take(self.id) {
                Taken::Batch(batch) => {
                    self.version.started(batch.id);
                    return batch;
                }
                Taken::Idle { .. } => self.rung.recv_timeout(PATIENCE).expect("no batch came"),
                Taken::Gone => panic!("the version was closed"),
            }
        }
    }

    pub fn item(&self, batch: &Batch, text: &str) {
        self.version.item(batch.id, words(&[text]));
    }

    pub fn end(&self, batch: &Batch) {
        self.finish(batch, Ok(vec![]));
    }

    pub fn finish(&self, batch: &Batch, outcome: Result<Vec<Tensor>, Error>) {
        self.version.finish(batch.id, BatchOutcome::Whole(outcome));
    }

    /// Waits until the caller of a batch has left.
    pub fn wait_until_left(&self, batch: &Batch) {
        while self.note(batch) != (Note::Left { first: 0, rows: 1 }) {}
    }

    /// Waits until the caller of a batch has made room for so many items.
    pub fn wait_for_credit(&self, batch: &Batch, wanted: u32) {
        let mut given = 0;
        while given < wanted {
            if let Note::Credit { items } = self.note(batch) {
                given += items;
            }
        }
    }

    fn note(&self, batch: &Batch) -> Note {
        let (told, note) = self.notes.recv_timeout(PATIENCE).expect("no note came");
        assert_eq!(told, batch.id);
        note
    }

    /// Whether the lane was told something that it has not looked at.
    pub fn was_told(&self) -> bool {
        self.notes.try_recv().is_ok()
    }
}

/// A column of texts.
pub fn words(values: &[&str]) -> Vec<Tensor> {
    let data = values.iter().map(|value| Bytes::copy_from_slice(value.as_bytes())).collect();
    vec![Tensor::variable(DType::Str, Shape::new([values.len()]), data).unwrap()]
}

/// The texts of a batch's first column.
pub fn texts(batch: &Batch) -> Vec<String> {
    let columns = batch.segments.iter().flat_map(|segment| segment.columns.first());
    columns.flat_map(Tensor::values).map(|value| String::from_utf8(value.to_vec()).unwrap()).collect()
}
