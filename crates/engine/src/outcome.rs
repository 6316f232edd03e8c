//! What becomes of batches: rows go on, fail, are looked at closer, or are run elsewhere.

use std::sync::Arc;

use salver_core::{Error, Item, Tensor};

use crate::calls::Outbox;
use crate::engine::{Engine, Running};
use crate::faults::{halves, Ruling, Trial, Verdict};
use crate::flow::{BatchId, BatchOutcome, Fragment, Piece};
use crate::lanes::LaneId;
use crate::stage::Stage;

impl<C: Clone> Engine<C> {
    /// A batch is being run. From here on it is not run elsewhere when its lane is lost.
    pub fn started(&mut self, now: u64, id: BatchId) {
        if let Some(running) = self.running.get_mut(&id) {
            running.started = Some(now);
        }
    }

    /// A batch is done. Unknown ones, as of a lane that was lost, are ignored.
    pub fn finish(&mut self, now: u64, id: BatchId, outcome: BatchOutcome, out: &mut Outbox<C>) {
        let Some(run) = self.running.remove(&id) else { return };
        self.lanes.finished(run.lane, id);
        let since = run.started.unwrap_or(run.taken);
        self.stages[run.stage].statistics.ran(now.saturating_sub(since));
        match outcome {
            BatchOutcome::Whole(Err(error)) => self.failed(now, run, error, out),
            BatchOutcome::Whole(outcome) => {
                let piece = Piece { rows: run.rows, outcome };
                self.ran(now, run, [piece], out);
            }
            BatchOutcome::Pieces(pieces) => self.ran(now, run, pieces, out),
        }
        self.ring_all(now, out);
        self.end_if_done(out);
    }

    /// A lane is gone. Batches that it had not started run elsewhere, and so, if the stage says so, do started
    /// ones, once.
    pub fn lose_lane(&mut self, now: u64, id: LaneId, out: &mut Outbox<C>) {
        let Some(lane) = self.lanes.remove(id) else { return };
        // The last one first, so that the oldest ends up in front.
        for batch in lane.taken.into_iter().rev() {
            if let Some(run) = self.running.remove(&batch) {
                self.lost(now, run, out);
            }
        }
        self.ring_all(now, out);
        self.end_if_done(out);
    }

    /// Stages that no lane is left for fail what waits for them, and whatever comes until there is one.
    pub fn abandon_unserved(&mut self, now: u64, out: &mut Outbox<C>) {
        for stage in 0..self.stages.len() {
            if self.lanes.serve(stage) || self.ended() {
                continue;
            }
            self.stages[stage].abandoned = true;
            let error = self.not_ready();
            for (waiting, trial) in self.stages[stage].queue.drain() {
                self.fail(now, stage, waiting, &error, out);
                if let Some(trial) = trial {
                    self.judge(now, stage, trial, Verdict::Void, out);
                }
            }
        }
        self.ring_all(now, out);
        self.end_if_done(out);
    }

    /// Whether there is a stage that fails whatever comes.
    pub fn is_abandoned(&self) -> bool {
        self.stages.iter().any(|stage| stage.abandoned)
    }

    /// One item of the sequence that answers a batch's only row; more come.
    pub fn item(&mut self, id: BatchId, columns: Vec<Tensor>, out: &mut Outbox<C>) {
        let Some(run) = self.running.get(&id) else { return };
        let ([fragment], Ok(columns)) = (&run.fragments[..], self.stages[run.stage].check(1, columns)) else { return };
        let outputs = self.routes[fragment.method].outputs(fragment, columns);
        let Fragment { ticket, part, first, rows, .. } = *fragment;
        self.calls.pass_on(ticket, Item { part, first, rows, last: false, outcome: Ok(outputs) }, out);
    }

    fn lost(&mut self, now: u64, run: Running, out: &mut Outbox<C>) {
        let stage = &self.stages[run.stage];
        let (error, retry, started) = (stage.lost(), stage.retry_lost, run.started.is_some());
        let (mut again, failed): (Vec<_>, Vec<_>) =
            run.fragments.into_iter().partition(|fragment| !started || (retry && !fragment.lost));
        again.iter_mut().for_each(|fragment| fragment.lost |= started);
        self.fail(now, run.stage, failed, &error, out);
        match run.trial {
            trial if !again.is_empty() => self.requeue(run.stage, again, trial),
            Some(trial) => self.judge(now, run.stage, trial, Verdict::Void, out),
            None => {}
        }
    }

    fn requeue(&mut self, stage: usize, fragments: Vec<Fragment>, trial: Option<Trial>) {
        let queue = &mut self.stages[stage].queue;
        match (trial, fragments.first()) {
            (None, Some(first)) => {
                let signature = self.routes[first.method].signature(first);
                queue.push_front(fragments, signature);
            }
            _ => queue.push_urgent(fragments, trial),
        }
    }

    /// A batch failed as a whole.
    fn failed(&mut self, now: u64, run: Running, error: Error, out: &mut Outbox<C>) {
        let stage = run.stage;
        let may_be_a_row = self.stages[stage].isolate_rows && error.may_be_a_row();
        match run.trial {
            Some(trial) if may_be_a_row => self.judge(now, stage, trial, Verdict::Failed(run.fragments, error), out),
            None if may_be_a_row => self.look_closer(now, stage, run.fragments, error, out),
            trial => {
                self.fail(now, stage, run.fragments, &error, out);
                if let Some(trial) = trial {
                    self.judge(now, stage, trial, Verdict::Void, out);
                }
            }
        }
    }

    /// What became of one half of a batch that failed is known.
    pub(crate) fn judge(&mut self, now: u64, stage: usize, trial: Trial, verdict: Verdict, out: &mut Outbox<C>) {
        match self.trials.rule(trial, verdict) {
            None => {}
            Some(Ruling::Halve(fragments, error)) => self.look_closer(now, stage, fragments, error, out),
            Some(Ruling::Fail(groups)) => {
                for (fragments, error) in groups {
                    self.fail(now, stage, fragments, &error, out);
                }
            }
        }
    }

    /// Has the halves of a batch that failed run again. A single row fails.
    fn look_closer(&mut self, now: u64, stage: usize, fragments: Vec<Fragment>, error: Error, out: &mut Outbox<C>) {
        let rows = |fragments: &[Fragment]| fragments.iter().map(|fragment| fragment.rows).sum::<usize>();
        if rows(&fragments) == 1 {
            return self.fail(now, stage, fragments, &error, out);
        }
        let calls = &self.calls;
        let wanted = |fragment: Fragment| out.keep_if(calls.contains(fragment.ticket), fragment);
        let fragments: Vec<Fragment> = fragments.into_iter().filter_map(wanted).collect();
        let Stage { queue, statistics, .. } = &mut self.stages[stage];
        match rows(&fragments) {
            0 => {}
            // The row at fault may be one that nobody wants any more.
            1 => queue.push_urgent(fragments, None),
            _ => {
                statistics.batches_halved += 1;
                let trial = self.trials.open();
                let (first, second) = halves(fragments);
                queue.push_urgent(first, Some(trial));
                queue.push_urgent(second, Some(trial));
            }
        }
    }

    fn fail(&mut self, now: u64, stage: usize, fragments: Vec<Fragment>, error: &Error, out: &mut Outbox<C>) {
        for fragment in fragments {
            self.settle(now, stage, fragment, Err(error.clone()), out);
        }
    }

    /// A batch ran; each row has an outcome of its own.
    fn ran(
        &mut self,
        now: u64,
        run: Running,
        pieces: impl AsRef<[Piece]> + IntoIterator<Item = Piece>,
        out: &mut Outbox<C>,
    ) {
        let covered = pieces.as_ref().iter().try_fold(0usize, |rows, piece| rows.checked_add(piece.rows));
        if covered == Some(run.rows) {
            self.share_out(now, run.stage, run.fragments, pieces, out);
        } else {
            let error = self.stages[run.stage].miscounted(run.rows);
            self.fail(now, run.stage, run.fragments, &error, out);
        }
        if let Some(trial) = run.trial {
            self.judge(now, run.stage, trial, Verdict::Passed, out);
        }
    }

    /// Gives each fragment the rows of the pieces that are its own. The pieces cover the fragments.
    fn share_out(
        &mut self,
        now: u64,
        stage: usize,
        fragments: Vec<Fragment>,
        pieces: impl IntoIterator<Item = Piece>,
        out: &mut Outbox<C>,
    ) {
        out.expect(fragments.len());
        let mut fragments = fragments.into_iter();
        let mut current = fragments.next();
        for Piece { rows, outcome } in pieces {
            let outcome = outcome.and_then(|columns| self.stages[stage].check(rows, columns));
            let mut at = 0;
            while let Some(mut fragment) = current.take_if(|_| at < rows) {
                let (head, rest) = match fragment.rows <= rows - at {
                    true => (fragment, fragments.next()),
                    false => (fragment.cut(rows - at), Some(fragment)),
                };
                current = rest;
                let slice = |columns: &Vec<Tensor>| columns.iter().map(|column| column.slice(at, head.rows)).collect();
                let own = outcome.as_ref().map(slice).map_err(Error::clone);
                at += head.rows;
                self.settle(now, stage, head, own, out);
            }
        }
    }

    /// Some rows are through their step: they go on to the next, or are finished.
    fn settle(
        &mut self,
        now: u64,
        stage: usize,
        fragment: Fragment,
        outcome: Result<Vec<Tensor>, Error>,
        out: &mut Outbox<C>,
    ) {
        self.stages[stage].statistics.finished(fragment.rows, outcome.is_ok());
        match outcome {
            Ok(columns) => self.advance(now, stage, fragment, columns, out),
            Err(error) => self.complete(fragment, Err(error), out),
        }
    }

    fn advance(&mut self, now: u64, stage: usize, mut fragment: Fragment, columns: Vec<Tensor>, out: &mut Outbox<C>) {
        let route = &self.routes[fragment.method];
        if fragment.step + 1 >= route.steps.len() {
            let ends_sequence = self.stages[stage].sequence && columns.is_empty();
            let outputs = if ends_sequence { columns } else { route.outputs(&fragment, columns) };
            return self.complete(fragment, Ok(outputs), out);
        }
        if !self.calls.contains(fragment.ticket) {
            return out.spend(fragment);
        }
        let known = (0..fragment.values.len()).map(|value| fragment.value(value));
        let values = Arc::new(known.chain(columns).collect());
        out.spent.push(std::mem::replace(&mut fragment.values, values));
        self.queue(now, Fragment { step: fragment.step + 1, offset: 0, lost: false, ..fragment }, out);
    }

    /// A fragment begins its way.
    pub(crate) fn enter(&mut self, now: u64, fragment: Fragment, out: &mut Outbox<C>) {
        let route = &self.routes[fragment.method];
        if route.steps.is_empty() {
            let outputs = route.outputs(&fragment, Vec::new());
            return self.complete(fragment, Ok(outputs), out);
        }
        self.queue(now, fragment, out);
    }

    fn queue(&mut self, now: u64, fragment: Fragment, out: &mut Outbox<C>) {
        let route = &self.routes[fragment.method];
        let stage = &mut self.stages[route.steps[fragment.step].stage];
        if stage.abandoned {
            let error = self.not_ready();
            return self.complete(fragment, Err(error), out);
        }
        let signature = route.signature(&fragment);
        stage.queue.push(fragment, signature, now);
    }

    fn complete(&mut self, fragment: Fragment, outcome: Result<Vec<Tensor>, Error>, out: &mut Outbox<C>) {
        let Fragment { ticket, part, first, rows, .. } = fragment;
        self.calls.finish(ticket, Item { part, first, rows, last: true, outcome }, out);
        out.spend(fragment);
    }
}
