use salver_core::*;
use salver_engine::*;

use crate::bench::*;
use crate::common::*;

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
    let not_ready = || Some(Error::NotReady { servable: "model".into(), version: Some(1), reason: None });
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
