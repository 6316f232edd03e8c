use salver_core::*;
use salver_engine::*;

use crate::common::*;

/// Ticket, first row, rows and error of one item.
pub type Answered = (u64, usize, usize, Option<Error>);

/// An engine with some lanes, driven by hand.
pub struct Bench {
    pub engine: Engine<()>,
    pub out: Outbox<()>,
    pub tickets: u64,
}

impl Bench {
    pub fn new(servable: &Servable) -> Bench {
        Bench { engine: Engine::new(servable).unwrap(), out: Outbox::default(), tickets: 0 }
    }

    pub fn of(policy: Policy) -> Bench {
        Bench::new(&simple(policy))
    }

    pub fn lane(&mut self) -> LaneId {
        self.engine.add_lane(vec![0], 1)
    }

    pub fn call(&self, parts: Vec<Part>, deadline: Option<u64>) -> NewCall<()> {
        NewCall { ticket: self.tickets, method: 0, parts, deadline, details: None, streaming: false, caller: () }
    }

    /// Submits one part of `rows` rows; rows of different widths have different signatures.
    pub fn submit(&mut self, now: u64, rows: usize, width: usize) -> u64 {
        self.submit_until(now, rows, width, None)
    }

    pub fn submit_single_rows(&mut self, calls: usize) {
        for _ in 0..calls {
            self.submit(0, 1, 1);
        }
    }

    pub fn submit_until(&mut self, now: u64, rows: usize, width: usize, deadline: Option<u64>) -> u64 {
        let call = self.call(vec![part(&mut Random::new(self.tickets), 1, rows, width)], deadline);
        self.tickets += 1;
        self.engine.submit(now, call, &mut self.out);
        self.tickets - 1
    }

    pub fn take(&mut self, now: u64, lane: LaneId) -> Batch {
        match self.engine.take(now, lane, &mut self.out) {
            Taken::Batch(batch) => batch,
            other => panic!("a batch was expected, not {other:?}"),
        }
    }

    pub fn idle_until(&mut self, now: u64, lane: LaneId) -> Option<u64> {
        match self.engine.take(now, lane, &mut self.out) {
            Taken::Idle { until } => until,
            other => panic!("nothing was expected, not {other:?}"),
        }
    }

    pub fn finish(&mut self, batch: Batch) {
        let id = batch.id;
        let outputs = run(0, 1, &batch.into_columns().unwrap());
        self.engine.finish(0, id, BatchOutcome::Whole(Ok(outputs)), &mut self.out);
    }

    pub fn fail(&mut self, batch: Batch, error: Error) {
        self.engine.finish(0, batch.id, BatchOutcome::Whole(Err(error)), &mut self.out);
    }

    pub fn woken(&mut self) -> Vec<LaneId> {
        let lane = |command| if let Command::Wake(lane) = command { Some(lane) } else { None };
        self.out.commands.drain(..).filter_map(lane).collect()
    }

    /// What was delivered, item by item.
    pub fn answers(&mut self) -> Vec<Answered> {
        let mut answers = Vec::new();
        for command in self.out.commands.drain(..) {
            if let Command::Deliver { ticket, items, .. } = command {
                answers.extend(items.into_iter().map(|item| (ticket, item.first, item.rows, item.outcome.err())));
            }
        }
        answers
    }

    /// Runs everything there is, failing batches for which `fails` says so by their rows; the number of runs.
    pub fn run_all(&mut self, lane: LaneId, fails: impl Fn(&Tensor) -> bool) -> usize {
        let mut runs = 0;
        while let Taken::Batch(batch) = self.engine.take(0, lane, &mut self.out) {
            runs += 1;
            let columns = batch.clone().into_columns().unwrap();
            if fails(&columns[0]) {
                self.fail(batch, failed())
            } else {
                self.finish(batch)
            }
        }
        runs
    }
}

pub fn failed() -> Error {
    Error::Failed { stage: "s".into(), message: "a bad row".into() }
}

pub fn lost() -> Error {
    Error::Lost { stage: "s".into() }
}

pub fn policy(max_batch_size: usize) -> Policy {
    Policy { max_batch_size, ..Policy::default() }
}
