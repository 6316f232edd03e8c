use salver_core::*;
use salver_engine::*;

use crate::bench::*;
use crate::common::*;

#[test]
fn an_idle_executor_takes_what_waits() {
    type Case = (&'static [(usize, usize)], &'static [(usize, Reason)]);
    use Reason::*;
    let cases: [Case; 9] = [
        (&[(1, 1), (1, 1)], &[(2, IdleExecutor)]),
        (&[(1, 1), (3, 1)], &[(4, Full)]),
        (&[(1, 1), (1, 1), (1, 1), (1, 1), (1, 1)], &[(4, Full), (1, IdleExecutor)]),
        (&[(3, 1), (2, 1)], &[(3, Full), (2, IdleExecutor)]),
        (&[(9, 1)], &[(4, Split), (4, Split), (1, IdleExecutor)]),
        (&[(1, 1), (9, 1), (1, 1)], &[(1, Full), (4, Split), (1, Full), (4, Split), (1, IdleExecutor)]),
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
fn a_call_that_is_not_split_runs_in_one_piece_by_itself() {
    let mut bench = Bench::of(Policy { split_calls: false, ..policy(4) });
    for rows in [3, 9, 1] {
        bench.submit(0, rows, 1);
    }
    let lane = bench.lane();
    for (rows, reason) in [(3, Reason::Full), (9, Reason::Full), (1, Reason::IdleExecutor)] {
        let batch = bench.take(0, lane);
        assert_eq!((batch.rows, batch.reason), (rows, reason));
        bench.finish(batch);
    }
}

#[test]
fn a_long_call_has_its_turn_piece_by_piece() {
    for width in [1, 2] {
        let mut bench = Bench::of(policy(4));
        let lane = bench.lane();
        let long = bench.submit(0, 4000, 1);
        let mut turns = 0;
        for short in 1..50 {
            bench.submit(short, 1, width);
            let rows = [run_one(&mut bench, short, lane).rows, run_one(&mut bench, short, lane).rows];
            assert_eq!(rows, [4, 1], "whoever comes waits for one piece of it, whatever the shapes");
            assert_eq!(bench.answers(), [(short, 0, 1, None)]);
            turns += 1;
        }
        assert_eq!(bench.run_all(lane, |_| false), 1000 - turns);
        let answer = bench.answers();
        assert_eq!(answer.iter().map(|&(ticket, first, ..)| (ticket, first)).collect::<Vec<_>>(), in_order(long, 1000));
    }
}

/// Runs the next batch; what it was.
fn run_one(bench: &mut Bench, now: u64, lane: LaneId) -> Batch {
    let batch = bench.take(now, lane);
    bench.finish(batch.clone());
    batch
}

fn in_order(ticket: u64, pieces: usize) -> Vec<(u64, usize)> {
    (0..pieces).map(|piece| (ticket, 4 * piece)).collect()
}

#[test]
fn a_long_call_leaves_other_stages_of_its_lane_their_turns() {
    let methods = (0..2).map(|index| method("m", 1, &[(index, &[Source::Input(0)])], &[Source::Step(0, 0)])).collect();
    let stages = vec![stage("s", 1, 1, policy(4)), stage("t", 1, 1, policy(4))];
    let mut bench = Bench::new(&servable(stages, methods));
    let lane = bench.engine.add_lane(vec![0, 1], 1);
    bench.submit(0, 4000, 1);
    for now in (10..90).step_by(10) {
        let other = NewCall { method: 1, ..bench.call(vec![part(&mut Random::new(now), 1, 1, 1)], None) };
        bench.tickets += 1;
        bench.engine.submit(now, other, &mut bench.out);
        let stages = [run_one(&mut bench, now + 1, lane).stage, run_one(&mut bench, now + 2, lane).stage];
        assert_eq!(stages, [0, 1]);
    }
}

#[test]
fn the_rest_of_a_long_call_waits_for_others_no_longer_than_any_row() {
    let mut bench = Bench::of(Policy { max_wait_ms: 1.0, ..policy(4) });
    let lane = bench.lane();
    bench.submit(0, 6, 1);
    bench.submit(10, 1, 2);
    let batch = bench.take(20, lane);
    assert_eq!((batch.rows, batch.reason), (4, Reason::Split), "enough for a batch waits for nothing");
    bench.finish(batch);
    assert_eq!(bench.idle_until(30, lane), Some(1_000_010));
    for (rows, reason) in [(1, Reason::Timer), (2, Reason::Timer)] {
        let batch = bench.take(1_000_010, lane);
        assert_eq!((batch.rows, batch.reason), (rows, reason));
        bench.finish(batch);
    }
}

#[test]
fn whoever_waits_for_others_is_passed_by_full_batches_of_any_shape() {
    let mut bench = Bench::of(Policy { max_wait_ms: 1.0, ..policy(2) });
    let lane = bench.lane();
    for width in 1..100 {
        bench.submit(0, 1, width);
    }
    for width in [70, 40] {
        bench.submit(1, 1, width);
    }
    for width in [40, 70] {
        let batch = bench.take(2, lane);
        let wanted = (2, &[2, width][..]);
        assert_eq!((batch.rows, batch.clone().into_columns().unwrap()[0].shape().dims()), wanted, "the oldest first");
        bench.finish(batch);
    }
    assert_eq!(bench.idle_until(3, lane), Some(1_000_000));
}

#[test]
fn a_call_of_very_many_bytes_is_cut_into_pieces_that_a_model_can_take() {
    const NUMBERS_OF_A_MIB: usize = (1 << 20) / size_of::<u64>();
    let mut bench = Bench::of(Policy { split_calls: false, ..policy(4) });
    bench.submit(0, 40, NUMBERS_OF_A_MIB);
    let lane = bench.lane();
    for (rows, reason) in [(16, Reason::Split), (16, Reason::Split), (8, Reason::Full)] {
        let batch = bench.take(0, lane);
        assert_eq!((batch.rows, batch.reason), (rows, reason));
        bench.finish(batch);
    }
}

#[test]
fn where_rows_run_one_by_one_a_call_is_split_whatever_its_policy_says() {
    let mut bench = Bench::of(Policy { split_calls: false, row_by_row: true, ..policy(4) });
    bench.submit(0, 9, 1);
    let lane = bench.lane();
    let batch = bench.take(0, lane);
    assert_eq!(batch.rows, 4);
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
