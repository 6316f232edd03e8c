use salver_core::*;
use salver_engine::*;

use crate::bench::*;
use crate::common::*;

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

#[test]
fn a_call_whose_outputs_outgrow_the_memory_fails_and_its_other_rows_do_not_run() {
    let mut bench = Bench::of(policy(4));
    let memory = Admission::new(0, 1 << 20);
    bench.engine.hold_answers_in(std::sync::Arc::clone(&memory));
    let lane = bench.lane();
    let long = bench.submit(0, 1000, 1);
    for _ in 0..4 {
        let batch = bench.take(0, lane);
        let wide = tensor(&[4, 10_000], 0..40_000);
        bench.engine.finish(0, batch.id, BatchOutcome::Whole(Ok(vec![wide])), &mut bench.out);
    }
    let busy = Error::Busy { resource: Resource::Bytes, limit: 1 << 20 };
    assert_eq!(bench.answers(), [(long, 0, 1000, Some(busy))]);
    assert_eq!((bench.idle_until(0, lane), bench.engine.in_flight(), memory.bytes()), (None, 0, 0));
    assert_eq!(bench.engine.statistics().stages[0].rows_dropped, 1000 - 16);
}

#[test]
fn millions_of_rows_of_a_number_are_few_bytes() {
    let mut bench = Bench::of(policy(32));
    let memory = Admission::new(0, 256 << 20);
    bench.engine.hold_answers_in(std::sync::Arc::clone(&memory));
    let lane = bench.lane();
    bench.submit(0, 2_000_000, 1);
    assert_eq!(bench.run_all(lane, |_| false), 2_000_000 / 32);
    assert!(bench.answers().iter().all(|(.., error)| error.is_none()));
    assert_eq!(memory.bytes(), 0);
}
