use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use salver_core::*;
use salver_exec::link::*;

use crate::bench::*;

#[test]
fn a_worker_that_goes_fails_what_it_had_started_and_what_waits() {
    // How many batches it takes before it goes, all but the last of them answered.
    let cases = PLACES.iter().flat_map(|&place| (0..3usize).map(move |taken| (place, taken)));
    for (place, taken) in cases {
        let (mut bench, files) = Bench::new(servable(single_rows(), false), place, options(PATIENCE));
        (0..3).for_each(|row| _ = bench.call(&[row], 4, false));
        let mut worker = Worker::new(files).unwrap();
        for count in 1..=taken {
            let opened = worker.take(true).unwrap().unwrap();
            if count < taken {
                respond(&mut worker, &opened, true);
            }
        }
        drop(worker);
        let answers: Vec<_> = (0..3).map(|_| bench.answer()).collect();
        let count = |wanted: Result<()>| {
            answers.iter().filter(|answer| answer.as_ref().map(drop) == wanted.as_ref().copied()).count()
        };
        assert_eq!(count(Ok(())), taken.saturating_sub(1), "{answers:?}");
        assert_eq!(count(Err(lost())), usize::from(taken > 0), "only what was started is lost: {answers:?}");
        assert_eq!(count(Err(not_ready())), 3 - taken, "the rest has nobody to run it: {answers:?}");
        bench.call(&[9], 4, false);
        assert_eq!(bench.answer(), Err(not_ready()), "nobody is there");
        assert_eq!(bench.ended(), "the worker is gone");
    }
}

#[test]
fn what_a_lost_worker_had_not_started_is_run_by_another() {
    let (mut bench, files) = Bench::new(servable(single_rows(), false), Place::Housed, options(PATIENCE));
    (0..2).for_each(|row| _ = bench.call(&[row], 4, false));
    let mut first = Worker::new(files).unwrap();
    first.take(true).unwrap().unwrap();
    let (server, files) = pair(Place::Housed);
    let second = spawn_link(Arc::clone(&bench.version), server, options(PATIENCE)).unwrap();
    let worker = std::thread::spawn(move || echo(&mut Worker::new(files).unwrap()));
    drop(first);
    let answers = [bench.answer(), bench.answer()];
    assert!(answers.contains(&Err(lost())), "{answers:?}");
    assert!(answers.contains(&Ok(vec![1])), "{answers:?}");
    bench.close(worker);
    second.end();
}

#[test]
fn what_is_no_worker_of_this_version_is_shown_the_door() {
    let head = |kind: u8, id: u64| {
        let mut bytes = vec![kind, 1, 0, 0, 0, 0, 0, 0];
        bytes.extend(id.to_le_bytes());
        bytes.resize(32, 0);
        bytes
    };
    let hello = head(0, u64::from(VERSION));
    let cases: [(Vec<u8>, &str); 5] = [
        (head(0, 77), "version 77 of the link"),
        (vec![0xff; 64], "no frame of a link"),
        ([hello.clone(), head(3, 0)].concat(), "sends no Left"),
        ([hello.clone(), head(2, 0)].concat(), "cannot be read"),
        ([hello, vec![2, 1]].concat(), "the worker is gone"),
    ];
    for (bytes, wanted) in cases {
        let (mut bench, files) = Bench::new(servable(Policy::default(), false), Place::Housed, options(PATIENCE));
        bench.call(&[1], 4, false);
        let mut socket = UnixStream::from(files.socket);
        socket.write_all(&bytes).unwrap();
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(bench.answer(), Err(not_ready()));
        let ended = bench.ended();
        assert!(ended.contains(wanted), "{ended}");
    }
}

#[test]
fn a_batch_that_runs_too_long_costs_the_worker_its_lane() {
    let limit = Duration::from_millis(50);
    let (mut bench, files) = Bench::new(servable(Policy::default(), false), Place::Housed, options(limit));
    let mut worker = Worker::new(files).unwrap();
    bench.call(&[1], 4, false);
    worker.take(true).unwrap().unwrap();
    assert_eq!(bench.answer(), Err(lost()));
    assert!(bench.ended().contains("run_timeout"));
}

#[test]
fn who_waits_for_a_caller_to_read_is_not_taken_for_hung() {
    let limit = Duration::from_millis(50);
    let options = LinkOptions { concurrent: true, ..options(limit) };
    let (mut bench, files) = Bench::new(servable(Policy::default(), true), Place::Housed, options);
    let ticket = bench.call(&[8], 2, true);
    let mut worker = Worker::new(files).unwrap();
    let opened = worker.take(true).unwrap().unwrap();
    (0..64).for_each(|_| respond(&mut worker, &opened, false));
    (0..64).for_each(|_| assert!(!bench.delivery().done));
    std::thread::sleep(3 * limit);
    assert_eq!(bench.link.ended(), None);
    bench.version.credit(ticket, 1);
    assert_eq!(bench.delivery().items[0].outcome, Err(lost()), "now it is waited for");
    assert!(bench.ended().contains("run_timeout"));
}
