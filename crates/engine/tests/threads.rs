//! The engine behind its lock: threads that submit, cancel and execute at the same time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test that cannot go on fails

mod common;

use std::collections::HashMap;
use std::sync::mpsc::{channel, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::*;
use salver_core::*;
use salver_engine::*;

/// How long anything here may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

struct Inbox(Mutex<Sender<Vec<Delivery>>>);

impl Mailbox for Inbox {
    fn deliver(&self, deliveries: Vec<Delivery>) {
        self.0.lock().unwrap().send(deliveries).ok();
    }
}

fn execute(version: &Version, lane: LaneId) {
    while let Some(batch) = version.take_blocking(lane) {
        version.started(batch.id);
        let (id, stage) = (batch.id, batch.stage);
        let columns = batch.into_columns().unwrap();
        let outputs = run(stage, version.servable().stages[stage].outputs.len(), &columns);
        version.finish(id, BatchOutcome::Whole(Ok(outputs)));
    }
}

/// Submits bursts, gives some calls up, and checks every answer; the number of calls answered.
fn ask(version: &Version, number: u64) -> usize {
    let (sender, receiver) = channel();
    let caller: Caller = Arc::new(Inbox(Mutex::new(sender)));
    let mut random = Random::new(number);
    let mut wanted: HashMap<u64, Vec<Vec<Tensor>>> = HashMap::new();
    let mut answered = 0;
    for burst in 0..300u64 {
        let mut calls = Vec::new();
        for index in 0..1 + random.below(20) as u64 {
            let ticket = number << 32 | burst << 8 | index;
            let method = random.below(version.servable().methods.len());
            let inputs = version.servable().methods[method].contract.inputs.len();
            let parts: Vec<Part> = (0..1 + random.below(2))
                .map(|_| {
                    let rows = 1 + random.below(9);
                    part(&mut random, inputs, rows, 1)
                })
                .collect();
            let outputs = parts.iter().map(|part| expected(version.servable(), method, part.columns())).collect();
            wanted.insert(ticket, outputs);
            calls.push(NewCall {
                ticket,
                method,
                parts,
                deadline: None,
                details: None,
                streaming: false,
                caller: caller.clone(),
            });
        }
        let given_up: Vec<u64> = calls.iter().map(|call| call.ticket).filter(|_| random.one_in(9)).collect();
        version.submit(calls);
        for ticket in given_up {
            version.cancel(ticket);
            wanted.remove(&ticket);
        }
        while wanted.len() > 40 {
            answered += receive(&receiver.recv_timeout(PATIENCE).unwrap(), &mut wanted);
        }
    }
    while !wanted.is_empty() {
        answered += receive(&receiver.recv_timeout(PATIENCE).unwrap(), &mut wanted);
    }
    answered
}

fn receive(deliveries: &[Delivery], wanted: &mut HashMap<u64, Vec<Vec<Tensor>>>) -> usize {
    let mut answered = 0;
    for delivery in deliveries {
        assert!(delivery.done);
        // Answers to calls given up may have been on their way.
        let Some(parts) = wanted.remove(&delivery.ticket) else { continue };
        for item in &delivery.items {
            let columns = item.outcome.as_ref().expect("nothing fails here");
            let slices: Vec<Tensor> =
                parts[item.part].iter().map(|column| column.slice(item.first, item.rows)).collect();
            assert_eq!(*columns, slices);
        }
        answered += 1;
    }
    answered
}

/// Waits for a thread, but not forever.
fn join<T: Send>(handle: std::thread::ScopedJoinHandle<'_, T>) -> T {
    let deadline = std::time::Instant::now() + PATIENCE;
    while !handle.is_finished() {
        assert!(std::time::Instant::now() < deadline, "a thread does not end");
        std::thread::yield_now();
    }
    handle.join().unwrap()
}

#[test]
fn many_threads_get_their_own_answers() {
    let version = &Version::new(varied()).unwrap();
    let lanes: Vec<LaneId> = (0..3).map(|_| version.add_lane(vec![0, 1, 2, 3, 4], 1)).collect();
    std::thread::scope(|scope| {
        let executors: Vec<_> = lanes.iter().map(|&lane| scope.spawn(move || execute(version, lane))).collect();
        let askers: Vec<_> = (0..3).map(|number| scope.spawn(move || ask(version, number))).collect();
        let answered: usize = askers.into_iter().map(join).sum();
        assert!(answered > 3 * 300);
        version.close();
        executors.into_iter().for_each(join);
    });
    let statistics = version.statistics();
    assert_eq!((version.in_flight(), statistics.calls_in_flight), (0, 0));
    assert!(statistics.stages.iter().all(|stage| stage.waiting_rows == 0 && stage.rows_failed == 0));
}

#[test]
fn a_lost_lane_lets_go_of_whoever_waits_on_it() {
    let version = &Version::new(simple(Policy::default())).unwrap();
    let lane = version.add_lane(vec![0], 1);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(move || version.take_blocking(lane));
        version.lose_lane(lane);
        assert!(join(waiting).is_none());
    });
}

#[test]
fn a_waiting_lane_wakes_by_itself_when_its_time_comes() {
    let policy = Policy { max_wait_ms: 1.0, ..Policy::default() };
    let version = &Version::new(simple(policy)).unwrap();
    let lane = version.add_lane(vec![0], 1);
    let (sender, receiver) = channel();
    let caller: Caller = Arc::new(Inbox(Mutex::new(sender)));
    std::thread::scope(|scope| {
        let executor = scope.spawn(move || execute(version, lane));
        let parts = vec![part(&mut Random::new(1), 1, 1, 1)];
        version.submit(vec![NewCall {
            ticket: 1,
            method: 0,
            parts,
            deadline: None,
            details: None,
            streaming: false,
            caller,
        }]);
        let deliveries = receiver.recv_timeout(PATIENCE).unwrap();
        assert!(deliveries[0].done && deliveries[0].items[0].outcome.is_ok());
        version.close();
        join(executor);
    });
    assert_eq!(version.statistics().stages[0].batches(Reason::Timer), 1);
}

#[test]
fn one_event_brings_one_delivery_to_each_mailbox() {
    let version = Version::new(simple(Policy::default())).unwrap();
    let lane = version.add_lane(vec![0], 1);
    let boxes: Vec<_> = (0..2).map(|_| channel()).collect();
    let callers: Vec<Caller> =
        boxes.iter().map(|(sender, _)| Arc::new(Inbox(Mutex::new(sender.clone()))) as Caller).collect();
    let call = |ticket: u64| {
        let (parts, caller) = (vec![part(&mut Random::new(ticket), 1, 1, 1)], callers[ticket as usize % 2].clone());
        NewCall { ticket, method: 0, parts, deadline: None, details: None, streaming: false, caller }
    };
    version.submit((0..6).map(call).collect());
    let batch = version.take_blocking(lane).unwrap();
    assert_eq!(batch.rows, 6);
    let id = batch.id;
    version.finish(id, BatchOutcome::Whole(Ok(run(0, 1, &batch.into_columns().unwrap()))));
    for (index, (_, receiver)) in boxes.iter().enumerate() {
        let tickets: Vec<u64> =
            receiver.recv_timeout(PATIENCE).unwrap().iter().map(|delivery| delivery.ticket).collect();
        assert_eq!(tickets, [index as u64, index as u64 + 2, index as u64 + 4]);
        assert!(receiver.try_recv().is_err());
    }
}
