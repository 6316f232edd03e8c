use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use bytes::Bytes;
use salver_core::*;
use salver_engine::*;

use crate::checks::{check_batch, check_item};
use crate::common::*;

/// Bytes that count how many of their kind are alive, to see that the engine keeps none.
struct Counted(Vec<u8>, Arc<AtomicUsize>);

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A call as its caller sees it.
pub struct Asked {
    pub method: usize,
    pub deadline: Option<u64>,
    pub streaming: bool,
    /// For each part its rows, and the outputs for all of them.
    pub wanted: Vec<(usize, Vec<Tensor>)>,
    /// For each part and row how often it was answered.
    pub answered: Vec<Vec<bool>>,
    pub done: bool,
    pub cancelled: bool,
}

pub struct Runner {
    pub lane: LaneId,
    pub stages: Vec<usize>,
    pub slots: usize,
    /// Whether it sleeps, and until when.
    pub asleep: Option<Option<u64>>,
    pub running: Vec<(Batch, bool)>,
}

/// What may go wrong in a schedule.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    pub poison: bool,
    pub faults: bool,
    pub losses: bool,
    pub deadlines: bool,
}

pub struct World {
    servable: Servable,
    engine: Engine<u64>,
    weather: Weather,
    now: u64,
    tickets: u64,
    asked: HashMap<u64, Asked>,
    open: Vec<u64>,
    runners: Vec<Runner>,
    alive: Arc<AtomicUsize>,
    closed: bool,
    answers: usize,
}

impl World {
    pub fn new(weather: Weather) -> World {
        let servable = varied();
        let engine = Engine::new(&servable).unwrap();
        let (asked, open, runners, alive) = Default::default();
        let mut world = World {
            servable,
            engine,
            weather,
            now: 0,
            tickets: 0,
            asked,
            open,
            runners,
            alive,
            closed: false,
            answers: 0,
        };
        world.add_lane(vec![0, 1, 2, 3, 4], 2);
        world
    }

    fn add_lane(&mut self, stages: Vec<usize>, slots: usize) {
        let lane = self.engine.add_lane(stages.clone(), slots);
        self.runners.push(Runner { lane, stages, slots, asleep: None, running: Vec::new() });
    }

    /// One event, everything about it taken from one number.
    pub fn step(&mut self, word: u64) {
        let mut random = Random::new(word);
        self.now += random.below(300) as u64;
        match word % 16 {
            0..=3 => self.submit(&mut random),
            4..=8 => self.take(&mut random),
            9..=11 => self.finish(&mut random),
            12 => self.start(&mut random),
            13 => self.cancel(&mut random),
            14 => self.now += random.below(3000) as u64,
            _ => self.upheaval(&mut random),
        }
    }

    fn counted(&self, part: Part) -> Part {
        let count = |column: &Tensor| {
            self.alive.fetch_add(1, Ordering::Relaxed);
            let bytes = Bytes::from_owner(Counted(column.bytes().to_vec(), self.alive.clone()));
            Tensor::fixed(column.dtype(), column.shape().clone(), bytes).unwrap()
        };
        Part::new(part.rows(), part.columns().iter().map(count).collect()).unwrap()
    }

    fn submit(&mut self, random: &mut Random) {
        let method = random.below(self.servable.methods.len());
        let inputs = self.servable.methods[method].contract.inputs.len();
        let count = if random.one_in(4) { random.below(4) } else { 1 };
        let mut rows = || if random.one_in(3) { 1 + random.below(20) } else { 1 };
        let sizes: Vec<usize> = (0..count).map(|_| rows()).collect();
        let parts: Vec<Part> = sizes
            .into_iter()
            .map(|rows| {
                let width = 1 + random.below(2);
                part(random, inputs, rows, width)
            })
            .collect();
        let ticket = self.tickets;
        self.tickets += 1;
        let late = self.weather.deadlines && random.one_in(3);
        let deadline = late.then(|| self.now + random.below(4000) as u64);
        let streaming = random.one_in(3);
        let wanted = |part: &Part| (part.rows(), expected(&self.servable, method, part.columns()));
        let asked = Asked {
            method,
            deadline,
            streaming,
            wanted: parts.iter().map(wanted).collect(),
            answered: parts.iter().map(|part| vec![false; part.rows()]).collect(),
            done: false,
            cancelled: false,
        };
        self.asked.insert(ticket, asked);
        self.open.push(ticket);
        let parts = parts.into_iter().map(|part| self.counted(part)).collect();
        let mut out = Outbox::default();
        let call = NewCall { ticket, method, parts, deadline, details: None, streaming, caller: ticket };
        self.engine.submit(self.now, call, &mut out);
        self.carry_out(out);
    }

    fn cancel(&mut self, random: &mut Random) {
        // Sometimes one that is answered already.
        let ticket = if self.open.is_empty() || random.one_in(4) {
            random.below(self.tickets as usize + 2) as u64
        } else {
            self.open[random.below(self.open.len())]
        };
        let mut out = Outbox::default();
        self.engine.cancel(ticket, &mut out);
        if let Some(asked) = self.asked.get_mut(&ticket) {
            asked.cancelled |= !asked.done;
        }
        self.open.retain(|&open| open != ticket);
        self.carry_out(out);
    }

    fn take(&mut self, random: &mut Random) {
        let now = self.now;
        let awake = |runner: &Runner| runner.asleep.is_none_or(|until| until.is_some_and(|until| until <= now));
        let ready: Vec<usize> = (0..self.runners.len()).filter(|&index| awake(&self.runners[index])).collect();
        if !ready.is_empty() {
            self.take_by(ready[random.below(ready.len())]);
        }
    }

    fn take_by(&mut self, index: usize) {
        let mut out = Outbox::default();
        let runner = &mut self.runners[index];
        match self.engine.take(self.now, runner.lane, &mut out) {
            Taken::Batch(batch) => {
                runner.asleep = None;
                check_batch(&self.servable, runner, &batch);
                runner.running.push((batch, false));
            }
            Taken::Idle { until } => {
                assert!(until.is_none_or(|until| until > self.now), "a time to wake lies ahead");
                runner.asleep = Some(until);
            }
            Taken::Gone => {
                assert!(self.closed && self.engine.in_flight() == 0);
                runner.asleep = Some(None);
            }
        }
        self.carry_out(out);
    }

    fn start(&mut self, random: &mut Random) {
        let index = random.below(self.runners.len().max(1));
        let Some(runner) = self.runners.get_mut(index) else { return };
        if let Some((batch, started)) = runner.running.iter_mut().find(|(_, started)| !*started) {
            *started = true;
            self.engine.started(self.now, batch.id);
        }
    }

    fn finish(&mut self, random: &mut Random) {
        let busy = |index: &usize| !self.runners[*index].running.is_empty();
        let busy: Vec<usize> = (0..self.runners.len()).filter(busy).collect();
        if busy.is_empty() {
            return;
        }
        let runner = &mut self.runners[busy[random.below(busy.len())]];
        let (batch, _) = runner.running.remove(random.below(runner.running.len()));
        let id = batch.id;
        let outcome = self.execute(batch, random);
        let mut out = Outbox::default();
        self.engine.finish(self.now, id, outcome, &mut out);
        self.carry_out(out);
    }

    fn execute(&self, batch: Batch, random: &mut Random) -> BatchOutcome {
        let (stage, rows) = (batch.stage, batch.rows);
        let failed = || Error::Failed { stage: "s".into(), message: "on purpose".into() };
        let columns = batch.into_columns().unwrap();
        let outputs = run(stage, self.servable.stages[stage].outputs.len(), &columns);
        let poison = |row: usize| self.weather.poison && poisonous(&columns, row);
        if self.weather.faults && random.one_in(6) {
            return match random.below(5) {
                0 => BatchOutcome::Whole(Ok(Vec::new())),
                1 => BatchOutcome::Whole(Ok(outputs.iter().map(|_| tensor(&[rows + 1], 0..rows as u64 + 1)).collect())),
                2 => BatchOutcome::Whole(Err(Error::internal("on purpose"))),
                3 => BatchOutcome::Pieces(vec![Piece { rows: rows + 1, outcome: Err(failed()) }]),
                _ => BatchOutcome::Whole(Err(failed())),
            };
        }
        if random.one_in(3) {
            return BatchOutcome::Pieces(pieces(random, rows, &outputs, |row| poison(row).then(failed)));
        }
        BatchOutcome::Whole(if (0..rows).any(poison) { Err(failed()) } else { Ok(outputs) })
    }

    fn upheaval(&mut self, random: &mut Random) {
        if random.one_in(300) {
            self.close();
        } else if self.weather.losses && random.one_in(2) && !self.runners.is_empty() {
            self.lose(random.below(self.runners.len()));
        } else if self.runners.len() < 5 {
            let all = 0..self.servable.stages.len();
            let stages: Vec<usize> =
                if random.one_in(2) { all.collect() } else { all.filter(|_| random.one_in(2)).collect() };
            self.add_lane(stages, 1 + random.below(2));
        }
    }

    fn lose(&mut self, index: usize) {
        let lost = self.runners.swap_remove(index);
        let mut out = Outbox::default();
        self.engine.lose_lane(self.now, lost.lane, &mut out);
        // What it had may still be reported, and is ignored.
        for (batch, _) in lost.running {
            self.engine.started(self.now, batch.id);
            self.engine.finish(self.now, batch.id, BatchOutcome::Whole(Err(Error::Cancelled)), &mut out);
        }
        assert!(matches!(self.engine.take(self.now, lost.lane, &mut out), Taken::Gone));
        if self.now % 2 == 0 {
            self.engine.abandon_unserved(self.now, &mut out);
        }
        self.carry_out(out);
    }

    fn close(&mut self) {
        self.closed = true;
        let mut out = Outbox::default();
        self.engine.close(&mut out);
        self.carry_out(out);
    }

    fn carry_out(&mut self, out: Outbox<u64>) {
        for command in out.commands {
            match command {
                // A lane that was lost within the same event may have been woken before.
                Command::Wake(lane) => {
                    if let Some(runner) = self.runners.iter_mut().find(|runner| runner.lane == lane) {
                        assert!(runner.asleep.is_some(), "only who sleeps is woken");
                        runner.asleep = None;
                    }
                }
                Command::Tell(..) => unreachable!("no stage here wants to know about callers"),
                Command::Deliver { caller, ticket, items, done } => {
                    assert_eq!(caller, ticket, "an answer goes to its caller");
                    self.deliver(ticket, items, done);
                }
            }
        }
    }

    fn deliver(&mut self, ticket: u64, items: Vec<Item>, done: bool) {
        self.answers += items.len();
        let asked = self.asked.get_mut(&ticket).expect("only what was asked is answered");
        assert!(!asked.cancelled && !asked.done, "nothing comes after the end");
        assert!(done || asked.streaming, "a unary call is answered at once");
        assert!(items.is_sorted_by_key(|item| (item.part, item.first)), "items come in order");
        for item in &items {
            check_item(asked, item, self.now, self.weather, self.closed);
        }
        asked.done = done;
        if done {
            assert!(asked.answered.iter().flatten().all(|&answered| answered), "every row is answered");
            self.open.retain(|&open| open != ticket);
        }
    }

    /// Lets everything that can still happen happen, and checks that nothing is left.
    pub fn settle(mut self) -> usize {
        let served = |stage: usize| self.runners.iter().any(|runner| runner.stages.contains(&stage));
        if !(0..self.servable.stages.len()).all(served) {
            self.add_lane(vec![0, 1, 2, 3, 4], 1);
        }
        let mut random = Random::new(self.now);
        for _ in 0..1_000_000 {
            let now = self.now;
            let awake = |runner: &Runner| runner.asleep.is_none_or(|until| until.is_some_and(|until| until <= now));
            let timers = || self.runners.iter().filter_map(|runner| runner.asleep.flatten());
            if let Some(index) = self.runners.iter().position(awake) {
                self.take_by(index);
            } else if self.runners.iter().any(|runner| !runner.running.is_empty()) {
                self.finish(&mut random);
            } else if let Some(next) = timers().min() {
                self.now = next;
            } else if !self.closed {
                self.check_empty();
                self.close();
            } else {
                self.check_empty();
                return self.answers;
            }
        }
        panic!("the engine does not come to rest");
    }

    fn check_empty(&self) {
        let open: Vec<_> = self.open.iter().map(|ticket| (ticket, self.asked[ticket].method)).collect();
        assert!(open.is_empty(), "never answered (ticket, method): {open:?}");
        let statistics = self.engine.statistics();
        assert_eq!((self.engine.in_flight(), statistics.calls_in_flight), (0, 0));
        for stage in &statistics.stages {
            assert_eq!((stage.waiting_rows, stage.running_batches), (0, 0), "stage '{}'", stage.name);
            let closed: u64 = Reason::ALL.iter().map(|&reason| stage.batches(reason)).sum();
            assert_eq!(closed, stage.sizes.count);
        }
        assert_eq!(self.alive.load(Ordering::Relaxed), 0, "the engine keeps data of calls that are gone");
    }
}

/// Outcomes row by row, neighbours sometimes together.
fn pieces(random: &mut Random, rows: usize, outputs: &[Tensor], error: impl Fn(usize) -> Option<Error>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < rows {
        let longest = 1 + random.below(rows - at);
        let whole = (at..at + longest).all(|row| error(row).is_none());
        let length = if whole { longest } else { 1 };
        let columns = outputs.iter().map(|column| column.slice(at, length)).collect();
        let outcome = if whole { Ok(columns) } else { error(at).map_or(Ok(columns), Err) };
        pieces.push(Piece { rows: length, outcome });
        at += length;
    }
    pieces
}
