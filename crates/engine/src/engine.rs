//! The state machine of one servable version: calls in, batches out.

use std::sync::Arc;

use salver_core::{Error, Part, Servable};

use crate::admission::Admission;
use crate::calls::{Calls, Command, NewCall, Outbox};
use crate::faults::{Trial, Trials, Verdict};
use crate::flow::{Batch, BatchId, Fragment, Note, Segment};
use crate::hash::FastMap;
use crate::lanes::{Lane, LaneId, Lanes};
use crate::plan::Route;
use crate::queue::Gathered;
use crate::stage::Stage;
use crate::statistics::{StageStatistics, Statistics};

/// What a lane gets when it asks for work.
#[derive(Clone, Debug)]
pub enum Taken {
    Batch(Batch),
    /// Nothing yet. The lane takes again when it is woken, or at this time at the latest.
    Idle {
        until: Option<u64>,
    },
    /// Nothing ever again: the lane was lost, or the engine is closed and every call answered.
    Gone,
}

/// A batch that a lane has.
#[derive(Debug)]
pub(crate) struct Running {
    pub stage: usize,
    pub lane: LaneId,
    pub rows: usize,
    pub fragments: Vec<Fragment>,
    pub trial: Option<Trial>,
    pub taken: u64,
    pub started: Option<u64>,
}

impl Running {
    /// Tells the lane that the caller of some of its rows has left.
    fn tell_left<C>(&self, id: BatchId, ticket: u64, out: &mut Outbox<C>) {
        let mut first = 0;
        for fragment in &self.fragments {
            if fragment.ticket == ticket {
                let note = Note::Left { first, rows: fragment.rows };
                out.commands.push(Command::Tell(self.lane, id, note));
            }
            first += fragment.rows;
        }
    }
}

/// The queues, calls and lanes of one servable version.
///
/// Time is the caller's: nanoseconds that never go back. Every call is answered exactly once unless it is
/// cancelled, as long as lanes keep taking and finishing; a lane that sleeps while there is work for it was told
/// to wake.
#[derive(Debug)]
pub struct Engine<C> {
    name: String,
    version: u64,
    pub(crate) routes: Vec<Route>,
    pub(crate) stages: Vec<Stage>,
    pub(crate) calls: Calls<C>,
    pub(crate) lanes: Lanes,
    pub(crate) running: FastMap<BatchId, Running>,
    pub(crate) trials: Trials,
    batches: u64,
    closed: bool,
}

impl<C: Clone> Engine<C> {
    /// Refuses a servable whose plans do not hold together.
    pub fn new(servable: &Servable) -> Result<Engine<C>, Error> {
        servable.check().map_err(|problem| Error::internal(format!("servable '{}': {problem}", servable.name)))?;
        let mut stages: Vec<Stage> = servable.stages.iter().map(Stage::of).collect();
        for method in servable.methods.iter().filter(|method| method.sequence) {
            if let Some(step) = method.plan.steps.last() {
                stages[step.stage].sequence = true;
                stages[step.stage].tells = true;
            }
        }
        Ok(Engine {
            name: servable.name.clone(),
            version: servable.version,
            routes: servable.methods.iter().map(|method| Route::of(servable, method)).collect(),
            stages,
            calls: Calls::default(),
            lanes: Lanes::default(),
            running: FastMap::default(),
            trials: Trials::default(),
            batches: 0,
            closed: false,
        })
    }

    /// Calls that were accepted and are neither answered nor cancelled.
    pub fn in_flight(&self) -> usize {
        self.calls.len()
    }

    /// From now on what calls hold that are answered in part is bounded by this, also that of other engines.
    pub fn hold_answers_in(&mut self, memory: Arc<Admission>) {
        self.calls.memory = Some(memory);
    }

    /// A call arrives. One without parts, or that cannot be accepted, is answered at once.
    pub fn submit(&mut self, now: u64, call: NewCall<C>, out: &mut Outbox<C>) {
        if let Err(error) = self.acceptable(now, &call) {
            return out.refuse(call, &error);
        }
        if call.parts.is_empty() {
            return out.answer(call, Vec::new());
        }
        let (ticket, method) = (call.ticket, call.method);
        let (deadline, details) = (call.deadline, call.details.clone());
        for (index, part) in self.calls.open(call).into_iter().enumerate() {
            let fragment = Fragment { deadline, details: details.clone(), ..fragment(ticket, method, index, part) };
            self.enter(now, fragment, out);
        }
        if let Some(stage) = self.routes[method].steps.first().map(|step| step.stage) {
            self.ring(now, stage, out);
        }
    }

    fn acceptable(&mut self, now: u64, call: &NewCall<C>) -> Result<(), Error> {
        if self.closed {
            return Err(Error::Draining);
        }
        if call.deadline.is_some_and(|deadline| deadline <= now) {
            self.calls.expired += 1;
            return Err(Error::DeadlineExceeded);
        }
        let route = self.routes.get(call.method).ok_or_else(|| Error::internal("a call to a method without a plan"))?;
        if call.parts.iter().any(|part| part.columns().len() != route.inputs) {
            return Err(Error::internal("a call whose columns are not the inputs of its method"));
        }
        if route.steps.iter().any(|step| self.stages[step.stage].abandoned) {
            return Err(self.not_ready());
        }
        if let Some(step) = route.steps.first() {
            let rows = call.parts.iter().map(Part::rows).sum();
            self.stages[step.stage].admit(&self.name, rows)?;
        }
        if self.calls.contains(call.ticket) {
            return Err(Error::internal("a call under a ticket that is in use"));
        }
        Ok(())
    }

    /// The caller gave up: nothing more is delivered, and rows that do not run yet never will.
    pub fn cancel(&mut self, ticket: u64, out: &mut Outbox<C>) {
        let Some((method, rows)) = self.calls.cancel(ticket, out) else { return };
        let calls = &self.calls;
        for step in &self.routes[method].steps {
            let stage = &mut self.stages[step.stage];
            if stage.queue.forget(rows) {
                stage.statistics.rows_dropped += stage.queue.sweep(&mut |fragment| {
                    let wanted = calls.contains(fragment.ticket);
                    out.keep_if(wanted, fragment)
                }) as u64;
            }
            if stage.tells {
                self.running.iter().for_each(|(&id, run)| run.tell_left(id, ticket, out));
            }
        }
        self.end_if_done(out);
    }

    /// The caller of a sequence has room for more items.
    pub fn credit(&mut self, ticket: u64, items: u32, out: &mut Outbox<C>) {
        let of_ticket = |run: &Running| run.fragments.iter().any(|fragment| fragment.ticket == ticket);
        if let Some((&id, run)) = self.running.iter().find(|(_, run)| of_ticket(run)) {
            out.commands.push(Command::Tell(run.lane, id, Note::Credit { items }));
        }
    }

    /// No more calls are accepted. When the last one is answered all lanes are told to go.
    pub fn close(&mut self, out: &mut Outbox<C>) {
        self.closed = true;
        self.end_if_done(out);
    }

    pub(crate) fn not_ready(&self) -> Error {
        Error::NotReady { servable: self.name.clone(), version: Some(self.version), reason: None }
    }

    pub(crate) fn ended(&self) -> bool {
        self.closed && self.calls.len() == 0
    }

    /// After the last call of a closed engine: forgets what was left of cancelled ones and lets the lanes go.
    pub(crate) fn end_if_done(&mut self, out: &mut Outbox<C>) {
        if !self.ended() {
            return;
        }
        for stage in &mut self.stages {
            stage.queue.clear(&mut |fragment| out.keep_if(false, fragment));
        }
        self.trials.clear().into_iter().for_each(|fragment| out.spend(fragment));
        out.commands.extend(self.lanes.wake_all().into_iter().map(Command::Wake));
    }

    /// A lane that can run these stages, with up to `slots` batches at a time. It is expected to take.
    pub fn add_lane(&mut self, stages: Vec<usize>, slots: usize) -> LaneId {
        let known: Vec<usize> = stages.into_iter().filter(|&stage| stage < self.stages.len()).collect();
        known.iter().for_each(|&stage| self.stages[stage].abandoned = false);
        self.lanes.add(known, slots)
    }

    /// A lane asks for work.
    pub fn take(&mut self, now: u64, lane: LaneId, out: &mut Outbox<C>) -> Taken {
        while !self.ended() {
            let Some(taker) = self.lanes.get(lane) else { return Taken::Gone };
            let Some(stage) = self.choose(now, taker) else { return self.park(now, lane) };
            let batch = self.form(now, stage, lane, out);
            if let Some(batch) = batch {
                self.ring_all(now, out);
                return Taken::Batch(batch);
            }
            self.end_if_done(out);
        }
        Taken::Gone
    }

    /// The stage with work for this lane that has waited longest.
    fn choose(&self, now: u64, lane: &Lane) -> Option<usize> {
        if !lane.has_room() {
            return None;
        }
        let queue = |&stage: &usize| &self.stages[stage].queue;
        let due = |stage: &usize| queue(stage).due(now) == Some(0);
        self.lanes.open_to(lane).filter(due).min_by_key(|stage| queue(stage).oldest())
    }

    fn park(&mut self, now: u64, id: LaneId) -> Taken {
        let until = match self.lanes.get(id) {
            Some(lane) if lane.has_room() => {
                self.lanes.open_to(lane).filter_map(|stage| self.stages[stage].queue.due(now)).min()
            }
            _ => None,
        };
        self.lanes.park(id, until);
        Taken::Idle { until }
    }

    fn form(&mut self, now: u64, index: usize, lane: LaneId, out: &mut Outbox<C>) -> Option<Batch> {
        let idle = self.lanes.idle(index, lane);
        let (stage, calls) = (&mut self.stages[index], &mut self.calls);
        let share = stage.queue.rule.row_by_row.then(|| stage.queue.rows().div_ceil(idle));
        let mut dropped = 0;
        let gathered = stage.queue.take(now, share, &mut |fragment| {
            let wanted = calls.wants(&fragment, now, out);
            dropped += if wanted { 0 } else { fragment.rows as u64 };
            out.keep_if(wanted, fragment)
        });
        stage.statistics.rows_dropped += dropped;
        let gathered = gathered?;
        match gathered.trial {
            Some(trial) if gathered.fragments.is_empty() => {
                self.judge(now, index, trial, Verdict::Passed, out);
                None
            }
            _ => Some(self.hand_over(now, index, lane, gathered)),
        }
    }

    fn hand_over(&mut self, now: u64, index: usize, lane: LaneId, gathered: Gathered) -> Batch {
        let id = BatchId(self.batches);
        self.batches += 1;
        let Gathered { fragments, rows, reason, trial } = gathered;
        let statistics = &mut self.stages[index].statistics;
        statistics.formed(reason, rows);
        fragments.iter().for_each(|fragment| statistics.waited(now.saturating_sub(fragment.queued)));
        let segments = fragments.iter().map(|fragment| self.segment(fragment)).collect();
        let deadline = fragments.iter().filter_map(|fragment| fragment.deadline).min();
        self.lanes.took(lane, id);
        self.running.insert(id, Running { stage: index, lane, rows, fragments, trial, taken: now, started: None });
        Batch { id, stage: index, rows, segments, reason, deadline }
    }

    fn segment(&self, fragment: &Fragment) -> Segment {
        let inputs = &self.routes[fragment.method].steps[fragment.step].inputs;
        let columns = inputs.iter().map(|&input| fragment.value(input)).collect();
        let Fragment { rows, deadline, ref details, .. } = *fragment;
        Segment { columns, rows, deadline, details: details.clone() }
    }

    /// Makes sure that somebody looks at a stage when work is due there.
    fn ring(&mut self, now: u64, stage: usize, out: &mut Outbox<C>) {
        let Some(due) = self.stages[stage].queue.due(now) else { return };
        if let Some(lane) = self.lanes.wake(stage, due) {
            out.commands.push(Command::Wake(lane));
        }
    }

    pub(crate) fn ring_all(&mut self, now: u64, out: &mut Outbox<C>) {
        (0..self.stages.len()).for_each(|stage| self.ring(now, stage, out));
    }

    pub fn statistics(&self) -> Statistics {
        let running = |stage: usize| self.running.values().filter(|running| running.stage == stage).count();
        let stage = |(index, stage): (usize, &Stage)| StageStatistics {
            waiting_rows: stage.queue.rows(),
            running_batches: running(index),
            ..stage.statistics.clone()
        };
        Statistics {
            calls_in_flight: self.calls.len(),
            calls_cancelled: self.calls.cancelled,
            calls_expired: self.calls.expired,
            lanes: self.lanes.len(),
            stages: self.stages.iter().enumerate().map(stage).collect(),
        }
    }
}

fn fragment(ticket: u64, method: usize, part: usize, content: Part) -> Fragment {
    Fragment {
        ticket,
        deadline: None,
        method,
        step: 0,
        part,
        first: 0,
        rows: content.rows(),
        values: Arc::new(content.into_columns()),
        offset: 0,
        queued: 0,
        order: 0,
        turn: 0,
        lost: false,
        details: None,
    }
}
