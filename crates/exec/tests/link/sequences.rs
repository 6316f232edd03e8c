use std::sync::mpsc::channel;

use salver_core::*;
use salver_engine::*;
use salver_exec::link::*;

use crate::bench::*;

#[test]
fn a_sequence_is_answered_item_by_item_as_far_as_there_is_credit() {
    let (told, counted) = channel();
    let work = move |worker: &mut Worker| {
        let opened = worker.take(true).unwrap().unwrap();
        for sent in 0..66 {
            while worker.credit(opened.id).unwrap() == 0 {
                told.send(sent).unwrap();
                worker.wait().unwrap();
            }
            respond(worker, &opened, false);
        }
        while !worker.has_left(opened.id, 0).unwrap() {
            worker.wait().unwrap();
        }
        end_sequence(worker, &opened);
        while worker.take(true).unwrap().is_some() {}
    };
    let (mut bench, worker) = Bench::with_worker(servable(Policy::default(), true), Place::Housed, work);
    let ticket = bench.call(&[8], 2, true);
    let kind = |delivery: Delivery| (delivery.done, delivery.items[0].last);
    (0..64).for_each(|_| assert_eq!(kind(bench.delivery()), (false, false)));
    assert_eq!(counted.recv_timeout(PATIENCE), Ok(64));
    bench.version.credit(ticket, 2);
    (0..2).for_each(|_| assert_eq!(kind(bench.delivery()), (false, false)));
    bench.version.cancel(ticket);
    bench.close(worker);
}

#[test]
fn the_end_of_a_sequence_is_an_item_without_columns() {
    let work = |worker: &mut Worker| {
        while let Some(opened) = worker.take(true).unwrap() {
            end_sequence(worker, &opened);
        }
    };
    let (mut bench, worker) = Bench::with_worker(servable(Policy::default(), true), Place::Housed, work);
    bench.call(&[8], 2, true);
    let delivery = bench.delivery();
    assert!(delivery.done && delivery.items[0].last);
    assert_eq!(delivery.items[0].outcome, Ok(vec![]));
    bench.close(worker);
}
