//! Random schedules of everything that can happen to an engine, with every answer checked.
//!
//! `SALVER_SCHEDULES` sets how many schedules the bulk test runs; each has 400 events.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test that cannot go on fails

mod checks;
#[path = "../common/mod.rs"]
mod common;
mod world;

use common::*;
use proptest::prelude::*;
use world::{Weather, World};

fn weather(word: u64) -> Weather {
    let bit = |bit: u32| word >> bit & 1 == 1;
    Weather { poison: bit(0), faults: bit(1), losses: bit(2), deadlines: bit(3) }
}

#[test]
fn every_call_is_answered_exactly_once_whatever_happens() {
    const EVENTS: usize = 400;
    let schedules = std::env::var("SALVER_SCHEDULES").ok().and_then(|count| count.parse().ok()).unwrap_or(4000);
    let mut answers = 0;
    for seed in 0..schedules {
        let run = move || {
            let mut random = Random::new(seed);
            let mut world = World::new(weather(seed));
            (0..EVENTS).for_each(|_| world.step(random.next()));
            world.settle()
        };
        answers += std::panic::catch_unwind(run).unwrap_or_else(|_| panic!("schedule {seed} failed"));
    }
    assert!(answers as u64 > schedules * 20, "the schedules do something: {answers}");
}

proptest! {
    #[test]
    fn short_schedules_hold_too(seed in 0u64..16, words in prop::collection::vec(any::<u64>(), 0..80)) {
        let mut world = World::new(weather(seed));
        words.into_iter().for_each(|word| world.step(word));
        world.settle();
    }
}
