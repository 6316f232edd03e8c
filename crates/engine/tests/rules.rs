//! The rules of batching, faults, deadlines and lost lanes, one by one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test that cannot go on fails

mod common;

use common::*;
use salver_core::*;
use salver_engine::*;

/// Ticket, first row, rows and error of one item.
type Answered = (u64, usize, usize, Option<Error>);

/// An engine with some lanes, driven by hand.
struct Bench {
    engine: Engine<()>,
    out: Outbox<()>,
    tickets: u64,
}

impl Bench {
    fn new(servable: &Servable) -> Bench {
        Bench { engine: Engine::new(servable).unwrap(), out: Outbox::default(), tickets: 0 }
    }

    fn of(policy: Policy) -> Bench {
        Bench::new(&simple(policy))
    }

    fn lane(&mut self) -> LaneId {
        self.engine.add_lane(vec![0], 1)
    }

    fn call(&self, parts: Vec<Part>, deadline: Option<u64>) -> NewCall<()> {
        NewCall { ticket: self.tickets, method: 0, parts, deadline, details: None, streaming: false, caller: () }
    }

    /// Submits one part of `rows` rows; rows of different widths have different signatures.
    fn submit(&mut self, now: u64, rows: usize, width: usize) -> u64 {
        self.submit_until(now, rows, width, None)
    }

    fn submit_single_rows(&mut self, calls: usize) {
        for _ in 0..calls {
            self.submit(0, 1, 1);
        }
    }

    fn submit_until(&mut self, now: u64, rows: usize, width: usize, deadline: Option<u64>) -> u64 {
        let call = self.call(vec![part(&mut Random::new(self.tickets), 1, rows, width)], deadline);
        self.tickets += 1;
        self.engine.submit(now, call, &mut self.out);
        self.tickets - 1
    }

    fn take(&mut self, now: u64, lane: LaneId) -> Batch {
        match self.engine.take(now, lane, &mut self.out) {
            Taken::Batch(batch) => batch,
            other => panic!("a batch was expected, not {other:?}"),
        }
    }

    fn idle_until(&mut self, now: u64, lane: LaneId) -> Option<u64> {
        match self.engine.take(now, lane, &mut self.out) {
            Taken::Idle { until } => until,
            other => panic!("nothing was expected, not {other:?}"),
        }
    }

    fn finish(&mut self, batch: Batch) {
        let id = batch.id;
        let outputs = run(0, 1, &batch.into_columns().unwrap());
        self.engine.finish(0, id, BatchOutcome::Whole(Ok(outputs)), &mut self.out);
    }

    fn fail(&mut self, batch: Batch, error: Error) {
        self.engine.finish(0, batch.id, BatchOutcome::Whole(Err(error)), &mut self.out);
    }

    fn woken(&mut self) -> Vec<LaneId> {
        let lane = |command| if let Command::Wake(lane) = command { Some(lane) } else { None };
        self.out.commands.drain(..).filter_map(lane).collect()
    }

    /// What was delivered, item by item.
    fn answers(&mut self) -> Vec<Answered> {
        let mut answers = Vec::new();
        for command in self.out.commands.drain(..) {
            if let Command::Deliver { ticket, items, .. } = command {
                answers.extend(items.into_iter().map(|item| (ticket, item.first, item.rows, item.outcome.err())));
            }
        }
        answers
    }

    /// Runs everything there is, failing batches for which `fails` says so by their rows; the number of runs.
    fn run_all(&mut self, lane: LaneId, fails: impl Fn(&Tensor) -> bool) -> usize {
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

fn failed() -> Error {
    Error::Failed { stage: "s".into(), message: "a bad row".into() }
}

fn lost() -> Error {
    Error::Lost { stage: "s".into() }
}

fn policy(max_batch_size: usize) -> Policy {
    Policy { max_batch_size, ..Policy::default() }
}

#[test]
fn an_idle_executor_takes_what_waits() {
    type Case = (&'static [(usize, usize)], &'static [(usize, Reason)]);
    use Reason::*;
    let cases: [Case; 8] = [
        (&[(1, 1), (1, 1)], &[(2, IdleExecutor)]),
        (&[(1, 1), (3, 1)], &[(4, Full)]),
        (&[(1, 1), (1, 1), (1, 1), (1, 1), (1, 1)], &[(4, Full), (1, IdleExecutor)]),
        (&[(3, 1), (2, 1)], &[(3, Full), (2, IdleExecutor)]),
        (&[(1, 1), (9, 1), (1, 1)], &[(1, Full), (4, Split), (4, Split), (2, IdleExecutor)]),
        (&[(1, 1), (1, 2), (1, 1)], &[(2, Signature), (1, IdleExecutor)]),
        (&[(1, 2), (4, 1), (1, 2)], &[(2, Signature), (4, Full)]),
        (&[(2, 1), (3, 2), (3, 1)], &[(2, Full), (3, Signature), (3, IdleExecutor)]),
    ];
    for (parts, wanted) in cases {
        let mut bench = Bench::of(policy(4));
        let lane = bench.lane();
        for &(rows, width) in parts {
            bench.submit(0, rows, width);
        }
        for &(rows, reason) in wanted {
            let batch = bench.take(0, lane);
            assert_eq!((batch.rows, batch.reason), (rows, reason), "{parts:?}");
            bench.finish(batch);
        }
        assert_eq!(bench.idle_until(0, lane), None, "{parts:?}");
        let statistics = bench.engine.statistics();
        assert_eq!(statistics.stages[0].sizes.count, wanted.len() as u64);
    }
}

#[test]
fn a_free_executor_waits_for_a_full_batch_or_the_oldest_row() {
    let mut bench = Bench::of(Policy { max_wait_ms: 1.0, ..policy(4) });
    let lane = bench.lane();
    assert_eq!(bench.idle_until(0, lane), None);
    bench.submit(100, 1, 1);
    assert_eq!(bench.woken(), [lane], "somebody must set the timer");
    assert_eq!(bench.idle_until(100, lane), Some(1_000_100));
    bench.submit(200, 2, 1);
    assert_eq!(bench.woken(), [], "the timer is set");
    bench.submit(300, 1, 1);
    assert_eq!(bench.woken(), [lane], "the batch is full");
    let batch = bench.take(300, lane);
    assert_eq!((batch.rows, batch.reason), (4, Reason::Full));
    bench.finish(batch);
    bench.submit(400, 1, 1);
    bench.submit(500, 1, 2);
    assert_eq!(bench.idle_until(500, lane), Some(1_000_400));
    let batch = bench.take(1_000_400, lane);
    assert_eq!((batch.rows, batch.reason), (1, Reason::Timer));
}

#[test]
fn rows_given_up_do_not_fill_a_batch_that_waits() {
    let mut bench = Bench::of(Policy { max_wait_ms: 1.0, ..policy(2) });
    let lane = bench.lane();
    bench.submit(0, 1, 1);
    let late = bench.submit_until(10, 1, 1, Some(20));
    assert_eq!(bench.idle_until(30, lane), Some(1_000_000));
    assert_eq!(bench.answers(), [(late, 0, 1, Some(Error::DeadlineExceeded))]);
}

#[test]
fn a_queue_without_room_refuses_calls_unless_it_is_empty() {
    let mut bench = Bench::of(Policy { max_waiting_batches: Some(2), ..policy(4) });
    let busy = |limit| Some(Error::Busy { resource: Resource::Queue, limit });
    bench.submit(0, 9, 1);
    let refused = bench.submit(0, 1, 1);
    assert_eq!(bench.answers(), [(refused, 0, 1, busy(8))], "a call that found the queue empty may be any size");
    let lane = bench.lane();
    for rows in [4, 4, 1] {
        let batch = bench.take(0, lane);
        assert_eq!(batch.rows, rows);
        bench.finish(batch);
    }
    bench.answers();
    bench.submit(0, 5, 1);
    bench.submit(0, 3, 2);
    let refused = bench.submit(0, 1, 1);
    assert_eq!(bench.answers(), [(refused, 0, 1, busy(8))]);
}

#[test]
fn calls_of_too_many_rows_are_refused() {
    let mut bench = Bench::of(Policy { max_call_rows: Some(4), ..policy(2) });
    bench.submit(0, 4, 1);
    let refused = bench.submit(0, 5, 1);
    let error = Error::TooManyRows { servable: "model".into(), rows: 5, limit: 4 };
    assert_eq!(bench.answers(), [(refused, 0, 5, Some(error))]);
}

#[test]
fn row_by_row_stages_share_what_waits_among_idle_lanes() {
    let mut bench = Bench::of(Policy { row_by_row: true, ..policy(8) });
    let lanes: Vec<LaneId> = (0..3).map(|_| bench.lane()).collect();
    bench.submit_single_rows(7);
    let taken: Vec<(usize, Reason)> =
        lanes.iter().map(|&lane| bench.take(0, lane)).map(|batch| (batch.rows, batch.reason)).collect();
    assert_eq!(taken, [(3, Reason::IdleExecutor), (2, Reason::IdleExecutor), (2, Reason::IdleExecutor)]);
}

#[test]
fn wake_ups_pass_from_lane_to_lane_while_there_is_work() {
    let mut bench = Bench::of(policy(1));
    let lanes: Vec<LaneId> = (0..3).map(|_| bench.lane()).collect();
    lanes.iter().for_each(|&lane| assert_eq!(bench.idle_until(0, lane), None));
    bench.submit(0, 1, 1);
    bench.submit(0, 1, 1);
    assert_eq!(bench.woken(), [lanes[0]], "one is enough to begin with");
    bench.take(0, lanes[0]);
    assert_eq!(bench.woken(), [lanes[1]], "there was more than it took");
    bench.take(0, lanes[1]);
    assert_eq!(bench.woken(), []);
    bench.submit(0, 1, 1);
    bench.engine.lose_lane(0, lanes[2], &mut bench.out);
    assert_eq!(bench.woken(), [lanes[2]], "nobody else is free");
}

#[test]
fn a_broken_function_runs_three_times() {
    let mut bench = Bench::of(policy(32));
    let lane = bench.lane();
    bench.submit_single_rows(32);
    assert_eq!(bench.run_all(lane, |_| true), 3);
    assert!(bench.answers().iter().all(|answer| answer.3 == Some(failed())));
    assert_eq!((bench.engine.in_flight(), bench.engine.statistics().stages[0].batches_halved), (0, 1));
}

#[test]
fn one_poisonous_row_is_found_and_alone_fails() {
    for rows in [1usize, 2, 3, 7, 32] {
        for bad in 0..rows {
            // All rows in one call, and each in a call of its own.
            let (runs, failures) = find_poison(&[rows], bad);
            assert_eq!(failures, [(0, bad, 1, Some(failed()))]);
            let halvings = rows.next_power_of_two().ilog2() as usize;
            assert!(runs <= 2 * halvings + 1, "{rows} rows, row {bad}: {runs} runs");
            assert_eq!(find_poison(&vec![1; rows], bad), (runs, vec![(bad as u64, 0, 1, Some(failed()))]));
        }
    }
}

/// Runs calls of these rows, of which one is poisonous: the number of runs, and the answers that are errors.
fn find_poison(calls: &[usize], bad: usize) -> (usize, Vec<Answered>) {
    let mut bench = Bench::of(policy(32));
    let lane = bench.lane();
    let mut places = 0..calls.iter().sum::<usize>() as u64;
    for &rows in calls {
        let column = tensor(&[rows, 1], places.by_ref().take(rows));
        let call = bench.call(vec![Part::new(rows, vec![column]).unwrap()], None);
        bench.tickets += 1;
        bench.engine.submit(0, call, &mut bench.out);
    }
    let bad = tensor(&[1, 1], std::iter::once(bad as u64));
    let runs = bench.run_all(lane, |column| (0..column.rows()).any(|row| column.slice(row, 1) == bad));
    let mut answers = bench.answers();
    answers.retain(|answer| answer.3.is_some());
    (runs, answers)
}

#[test]
fn only_failures_of_a_stage_that_allows_it_are_looked_at_closer() {
    let strict = Policy { isolate_rows: false, ..policy(32) };
    let cases = [(policy(32), Error::DeadlineExceeded), (policy(32), lost()), (strict, failed())];
    for (policy, error) in cases {
        let mut bench = Bench::of(policy);
        let lane = bench.lane();
        bench.submit_single_rows(4);
        let batch = bench.take(0, lane);
        bench.fail(batch, error.clone());
        let wanted: Vec<_> = (0..4).map(|ticket| (ticket, 0, 1, Some(error.clone()))).collect();
        assert_eq!(bench.answers(), wanted);
    }
}

#[test]
fn halves_whose_callers_left_hold_nobody_up() {
    let mut bench = Bench::of(policy(4));
    let lane = bench.lane();
    bench.submit_single_rows(4);
    let batch = bench.take(0, lane);
    bench.fail(batch, failed());
    let first = bench.take(0, lane);
    assert_eq!((first.rows, first.reason), (2, Reason::Isolation));
    bench.fail(first, failed());
    [1, 2, 3].into_iter().for_each(|ticket| bench.engine.cancel(ticket, &mut bench.out));
    let alone = bench.take(0, lane);
    assert_eq!((alone.rows, alone.reason), (1, Reason::Isolation), "the row at fault may have left");
    bench.finish(alone);
    assert_eq!(bench.answers(), [(0, 0, 1, None)]);
    assert_eq!(bench.idle_until(0, lane), None);
}

#[test]
fn a_lost_lane_costs_only_what_it_had_started() {
    // Whether it had started, whether the stage retries, how often the lane is lost, what comes of it.
    let cases =
        [(false, false, 3, None), (true, false, 1, Some(lost())), (true, true, 1, None), (true, true, 2, Some(lost()))];
    for (started, retry_lost, losses, wanted) in cases {
        let mut bench = Bench::of(Policy { retry_lost, ..policy(2) });
        bench.submit(0, 2, 1);
        bench.submit(0, 2, 1);
        for _ in 0..losses {
            let lane = bench.lane();
            let batch = bench.take(0, lane);
            assert_eq!(batch.segments[0].rows, 2);
            if started {
                bench.engine.started(0, batch.id);
            }
            bench.engine.lose_lane(0, lane, &mut bench.out);
        }
        let lane = bench.lane();
        bench.run_all(lane, |_| false);
        let answers = bench.answers();
        assert!(answers.contains(&(0, 0, 2, wanted.clone())), "{answers:?}, {wanted:?}");
        assert!(answers.contains(&(1, 0, 2, None)) && answers.len() == 2);
    }
}

#[test]
fn what_a_lost_lane_had_not_started_comes_first_again() {
    let mut bench = Bench::of(policy(1));
    let lane = bench.engine.add_lane(vec![0], 2);
    bench.submit_single_rows(3);
    let (_, _) = (bench.take(0, lane), bench.take(0, lane));
    bench.engine.lose_lane(0, lane, &mut bench.out);
    let lane = bench.lane();
    bench.run_all(lane, |_| false);
    let order: Vec<u64> = bench.answers().iter().map(|answer| answer.0).collect();
    assert_eq!(order, [0, 1, 2]);
}

#[test]
fn a_lane_that_has_a_batch_leaves_the_next_to_one_that_has_none() {
    let mut bench = Bench::of(policy(1));
    let (busy, free) = (bench.engine.add_lane(vec![0], 2), bench.engine.add_lane(vec![0], 2));
    bench.submit_single_rows(4);
    bench.take(0, busy);
    assert_eq!(bench.idle_until(0, busy), None, "the other one has nothing to do");
    bench.take(0, free);
    bench.take(0, busy);
    bench.take(0, free);
}

#[test]
fn a_stage_without_lanes_fails_what_waits_and_what_comes_until_there_is_one() {
    let not_ready = || Some(Error::NotReady { servable: "model".into(), version: Some(1) });
    let mut bench = Bench::of(policy(2));
    let lane = bench.lane();
    bench.submit(0, 2, 1);
    bench.submit(0, 2, 1);
    bench.take(0, lane);
    bench.engine.abandon_unserved(0, &mut bench.out);
    assert_eq!(bench.answers(), [], "there is a lane");
    bench.engine.lose_lane(0, lane, &mut bench.out);
    bench.engine.abandon_unserved(0, &mut bench.out);
    bench.submit(0, 1, 1);
    let mut answers = bench.answers();
    answers.sort_by_key(|answer| answer.0);
    assert_eq!(answers, [(0, 0, 2, not_ready()), (1, 0, 2, not_ready()), (2, 0, 1, not_ready())]);
    let lane = bench.lane();
    bench.submit(0, 1, 1);
    bench.run_all(lane, |_| false);
    assert_eq!(bench.answers(), [(3, 0, 1, None)]);
}

#[test]
fn halves_of_a_failed_batch_are_answered_when_no_lane_is_left() {
    let mut bench = Bench::of(policy(4));
    let lane = bench.engine.add_lane(vec![0], 2);
    bench.submit(0, 4, 1);
    let whole = bench.take(0, lane);
    bench.engine.finish(0, whole.id, BatchOutcome::Whole(Err(failed())), &mut bench.out);
    let half = bench.take(0, lane);
    bench.engine.finish(0, half.id, BatchOutcome::Whole(Err(failed())), &mut bench.out);
    bench.engine.lose_lane(0, lane, &mut bench.out);
    bench.engine.abandon_unserved(0, &mut bench.out);
    assert_eq!(bench.answers().iter().map(|answer| answer.2).sum::<usize>(), 4);
    assert_eq!(bench.engine.in_flight(), 0);
}

#[test]
fn who_runs_a_sequence_is_told_of_its_caller() {
    let mut servable = simple(policy(1));
    servable.stages[0].batching = Batching::Unbatched("a sequence".into());
    servable.methods[0].sequence = true;
    let mut bench = Bench::new(&servable);
    let lane = bench.lane();
    let ticket = bench.submit(0, 1, 1);
    let batch = bench.take(0, lane);
    bench.out.commands.clear();
    bench.engine.credit(ticket, 3, &mut bench.out);
    bench.engine.cancel(ticket, &mut bench.out);
    let told = |command: Command<()>| match command {
        Command::Tell(told, id, note) if told == lane && id == batch.id => Some(note),
        _ => None,
    };
    let notes: Vec<Note> = bench.out.commands.drain(..).filter_map(told).collect();
    assert_eq!(notes, [Note::Credit { items: 3 }, Note::Left { first: 0, rows: 1 }]);
}

#[test]
fn calls_that_cannot_be_accepted_are_answered_at_once() {
    let mut bench = Bench::of(policy(4));
    let one = || part(&mut Random::new(1), 1, 1, 1);
    bench.submit_until(5, 3, 1, Some(5));
    assert_eq!(bench.answers(), [(0, 0, 3, Some(Error::DeadlineExceeded))]);
    let wrong = [
        NewCall { method: 7, ..bench.call(vec![one()], None) },
        bench.call(vec![part(&mut Random::new(1), 2, 1, 1)], None),
    ];
    for call in wrong {
        bench.engine.submit(0, call, &mut bench.out);
        assert!(matches!(bench.answers()[..], [(1, 0, 1, Some(Error::Internal { .. }))]));
    }
    let waiting = bench.submit(0, 1, 1);
    bench.engine.submit(0, NewCall { ticket: waiting, ..bench.call(vec![one()], None) }, &mut bench.out);
    assert!(matches!(bench.answers()[..], [(_, 0, 1, Some(Error::Internal { .. }))]), "the ticket is in use");
    bench.engine.close(&mut bench.out);
    bench.submit(0, 1, 1);
    assert_eq!(bench.answers(), [(waiting + 1, 0, 1, Some(Error::Draining))]);
    assert_eq!(bench.engine.in_flight(), 1);
}

#[test]
fn a_call_without_parts_is_answered_with_nothing() {
    let mut bench = Bench::of(policy(4));
    let call = bench.call(vec![], None);
    bench.engine.submit(0, call, &mut bench.out);
    assert!(matches!(&bench.out.commands[..], [Command::Deliver { items, done: true, .. }] if items.is_empty()));
}

#[test]
fn outputs_that_are_not_what_was_promised_fail_their_rows() {
    let wrong = [
        BatchOutcome::Whole(Ok(vec![])),
        BatchOutcome::Whole(Ok(vec![tensor(&[3], 0..3)])),
        BatchOutcome::Whole(Ok(vec![tensor(&[], 0..1)])),
        BatchOutcome::Pieces(vec![]),
        BatchOutcome::Pieces(vec![Piece { rows: usize::MAX, outcome: Err(failed()) }; 2]),
    ];
    for outcome in wrong {
        let mut bench = Bench::of(policy(4));
        let lane = bench.lane();
        bench.submit(0, 2, 1);
        let batch = bench.take(0, lane);
        bench.engine.finish(0, batch.id, outcome.clone(), &mut bench.out);
        assert!(matches!(bench.answers()[..], [(0, 0, 2, Some(Error::Internal { .. }))]), "{outcome:?}");
    }
}

#[test]
fn plans_that_do_not_hold_together_are_refused() {
    let mut broken = simple(policy(4));
    broken.methods[0].plan.steps[0].stage = 3;
    assert!(matches!(Engine::<()>::new(&broken), Err(Error::Internal { .. })));
}

#[test]
fn a_closed_engine_lets_its_lanes_go_after_the_last_call() {
    let mut bench = Bench::of(policy(4));
    let (busy, asleep) = (bench.lane(), bench.lane());
    bench.submit(0, 1, 1);
    let batch = bench.take(0, busy);
    assert_eq!(bench.idle_until(0, asleep), None);
    bench.engine.close(&mut bench.out);
    assert_eq!(bench.woken(), []);
    bench.finish(batch);
    assert!(bench.woken().contains(&asleep));
    assert!(matches!(bench.engine.take(0, asleep, &mut bench.out), Taken::Gone));
}
