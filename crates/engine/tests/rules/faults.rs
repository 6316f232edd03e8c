use salver_core::*;
use salver_engine::*;

use crate::bench::*;
use crate::common::*;

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
