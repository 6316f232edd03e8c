//! Both ends of a link, and what becomes of calls when one of them does not do as it should.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test that cannot go on fails

use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{poll, PollFd, PollFlags};
use rustix::fs::{fcntl_add_seals, ftruncate, memfd_create, MemfdFlags, SealFlags};
use salver_core::{Source, *};
use salver_engine::*;
use salver_exec::link::*;

/// How long anything here may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

struct Inbox(Mutex<Sender<Delivery>>);

impl Mailbox for Inbox {
    fn deliver(&self, deliveries: Vec<Delivery>) {
        let sender = self.0.lock().unwrap();
        deliveries.into_iter().for_each(|delivery| drop(sender.send(delivery)));
    }
}

fn port(name: &str) -> Port {
    Port { name: name.into(), dtype: Some(DType::U8), dims: None, optional: false, json: false }
}

/// Stage 0 is the worker's; stage 1, behind the hidden method, is run by the test itself.
fn servable(policy: Policy, sequence: bool) -> Servable {
    let first = if sequence { Batching::Unbatched("a sequence".into()) } else { Batching::Batched };
    let stage = |name: &str, batching| StageSpec {
        name: name.into(),
        inputs: vec![port("x")],
        outputs: vec![port("y")],
        batching,
        policy: policy.clone(),
        context: false,
    };
    let method = |name: &str, stage, sequence| Method {
        name: name.into(),
        contract: Contract { inputs: vec![port("x")], outputs: vec![port("y")], batched: true },
        plan: Plan { steps: vec![Step { stage, inputs: vec![Source::Input(0)] }], outputs: vec![Source::Step(0, 0)] },
        sequence,
        origin: None,
    };
    Servable {
        name: "s".into(),
        version: 1,
        runtime: "python".into(),
        methods: vec![method("m", 0, sequence), method("@call_m_0", 1, false)],
        stages: vec![stage("code", first), stage("model", Batching::Batched)],
        services: vec![],
    }
}

fn single_rows() -> Policy {
    Policy { max_batch_size: 1, ..Policy::default() }
}

fn memory(size: u64) -> OwnedFd {
    let file = memfd_create("arena", MemfdFlags::ALLOW_SEALING | MemfdFlags::CLOEXEC).unwrap();
    ftruncate(&file, size).unwrap();
    fcntl_add_seals(&file, SealFlags::SHRINK).unwrap();
    file
}

/// Room for some of the tensors here, and too small for others.
const ARENA: u64 = 300_000;

/// Where a worker is, and who watches for what it sends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// On this host, watched by the link's own thread.
    Here,
    /// On this host, watched by a thread that serves others too.
    Housed,
    /// On another host.
    There,
}

const PLACES: [Place; 3] = [Place::Here, Place::Housed, Place::There];

/// Watches every socket in a thread of its own.
struct House;

impl Home for House {
    fn watch(&self, socket: OwnedFd, resident: Arc<dyn Resident>) {
        std::thread::spawn(move || loop {
            poll(&mut [PollFd::new(&socket, PollFlags::IN)], None).unwrap();
            if !resident.readable() {
                return resident.homeless();
            }
        });
    }
}

fn pair(place: Place) -> (LaneFiles, LaneFiles) {
    let arena = if place == Place::There { 0 } else { ARENA };
    let (server, worker) = UnixStream::pair().unwrap();
    let (to_worker, from_worker) = (memory(arena), memory(arena));
    let copy = |file: &OwnedFd| file.try_clone().unwrap();
    let (mine, yours) = ((copy(&to_worker), copy(&from_worker)), (to_worker, from_worker));
    let files = |socket: UnixStream, (to_worker, from_worker)| LaneFiles {
        socket: socket.into(),
        to_worker: (arena > 0).then_some(to_worker),
        from_worker: (arena > 0).then_some(from_worker),
    };
    (files(server, mine), files(worker, yours))
}

struct Bench {
    version: Arc<Version>,
    link: LinkHandle,
    caller: Caller,
    answers: Receiver<Delivery>,
    tickets: u64,
}

fn options(run_timeout: Duration) -> LinkOptions {
    LinkOptions { stages: vec![0], slots: 2, run_timeout, concurrent: false, process: None }
}

impl Bench {
    fn new(servable: Servable, place: Place, options: LinkOptions) -> (Bench, LaneFiles) {
        let version = Version::new(servable).unwrap();
        let (server, worker) = pair(place);
        if place == Place::Housed {
            version.settle(&(Arc::new(House) as Arc<dyn Home>));
        }
        let link = spawn_link(Arc::clone(&version), server, options).unwrap();
        let (sender, answers) = channel();
        let caller: Caller = Arc::new(Inbox(Mutex::new(sender)));
        (Bench { version, link, caller, answers, tickets: 0 }, worker)
    }

    /// A bench whose worker is run by `work` in a thread of its own.
    fn with_worker(
        servable: Servable,
        place: Place,
        work: impl FnOnce(&mut Worker) + Send + 'static,
    ) -> (Bench, JoinHandle<()>) {
        let (bench, files) = Bench::new(servable, place, options(PATIENCE));
        let thread = std::thread::spawn(move || work(&mut Worker::new(files).unwrap()));
        (bench, thread)
    }

    /// Calls with one column; each row is `width` times its byte.
    fn call(&mut self, rows: &[u8], width: usize, streaming: bool) -> u64 {
        let data: Vec<u8> = rows.iter().flat_map(|&row| std::iter::repeat_n(row, width)).collect();
        let column = Tensor::fixed(DType::U8, Shape::new([rows.len(), width]), data.into()).unwrap();
        self.submit(column, streaming)
    }

    fn submit(&mut self, column: Tensor, streaming: bool) -> u64 {
        self.tickets += 1;
        let parts = vec![Part::new(column.rows(), vec![column]).unwrap()];
        let (ticket, caller) = (self.tickets, self.caller.clone());
        let call = NewCall { ticket, method: 0, parts, deadline: None, details: None, streaming, caller };
        self.version.submit(vec![call]);
        ticket
    }

    fn delivery(&self) -> Delivery {
        self.answers.recv_timeout(PATIENCE).expect("every call is answered")
    }

    /// The first byte of each answered row, or the first error.
    fn answer(&self) -> Result<Vec<u8>> {
        let mut rows = Vec::new();
        for item in self.delivery().items {
            let columns = item.outcome?;
            let width = columns[0].bytes().len() / columns[0].rows();
            rows.extend(columns[0].bytes().iter().step_by(width.max(1)).copied());
        }
        Ok(rows)
    }

    fn ended(&self) -> String {
        self.link.end();
        self.link.ended().unwrap()
    }

    fn close(self, worker: JoinHandle<()>) {
        self.version.close();
        worker.join().unwrap();
    }
}

fn not_ready() -> Error {
    Error::NotReady { servable: "s".into(), version: Some(1) }
}

fn lost() -> Error {
    Error::Lost { stage: "code".into() }
}

fn respond(worker: &mut Worker, opened: &Opened, last: bool) {
    let columns = vec![Column::of(&[&opened.columns[0]]).unwrap()];
    worker.answer(opened.id, last, &Outcome { pieces: vec![(opened.rows, Ok(columns))] });
    worker.flush().unwrap();
}

fn end_sequence(worker: &mut Worker, opened: &Opened) {
    worker.answer(opened.id, true, &Outcome { pieces: vec![(1, Ok(vec![]))] });
    worker.flush().unwrap();
}

/// Answers every batch with its input, as often as there are batches.
fn echo(worker: &mut Worker) {
    while let Some(opened) = worker.take(true).unwrap() {
        respond(worker, &opened, true);
    }
}

#[test]
fn tensors_of_all_sizes_come_back() {
    for place in PLACES {
        let (mut bench, worker) = Bench::with_worker(servable(Policy::default(), false), place, echo);
        for width in [1, 1000, 40_000, 70_000, 400_000, 3_000_000] {
            for _ in 0..5 {
                bench.call(&[3, 5, 7], width, false);
            }
            (0..5).for_each(|_| assert_eq!(bench.answer(), Ok(vec![3, 5, 7]), "{width}"));
        }
        bench.close(worker);
    }
}

#[test]
fn text_comes_back() {
    let mut text = servable(Policy::default(), false);
    text.methods[0].contract.inputs[0].dtype = Some(DType::Str);
    let (mut bench, worker) = Bench::with_worker(text, Place::Housed, echo);
    let long = "x".repeat(100_000);
    let values = ["", "a", "ü", &long].map(|value| bytes::Bytes::from(value.to_owned())).to_vec();
    let column = Tensor::variable(DType::Str, Shape::new([4]), values).unwrap();
    bench.submit(column.clone(), false);
    assert_eq!(bench.delivery().items[0].outcome.as_ref().unwrap()[0], column);
    bench.close(worker);
}

#[test]
fn rows_fail_one_by_one_and_batches_as_a_whole() {
    let work = |worker: &mut Worker| {
        while let Some(opened) = worker.take(true).unwrap() {
            let failure = || Failure::plain(Fault::Raised, "no".into());
            let pieces = match opened.columns[0].bytes()[0] {
                1 => vec![(opened.rows, Err(failure()))],
                _ => (0..opened.rows).map(|_| (1, Err(failure()))).collect(),
            };
            worker.answer(opened.id, true, &Outcome { pieces });
            worker.flush().unwrap();
        }
    };
    let policy = Policy { isolate_rows: false, ..Policy::default() };
    let (mut bench, worker) = Bench::with_worker(servable(policy, false), Place::Housed, work);
    for first in [1, 2] {
        bench.call(&[first, first], 4, false);
        assert!(matches!(bench.answer(), Err(Error::Author { message, .. }) if message == "no"));
    }
    bench.close(worker);
}

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

#[test]
fn a_full_arena_is_no_trouble() {
    let work = |worker: &mut Worker| {
        let mut kept = Vec::new();
        while let Some(opened) = worker.take(true).unwrap() {
            respond(worker, &opened, true);
            // As code does that keeps what it was given.
            kept.extend(opened.columns);
        }
        let whole = |column: &Tensor| column.bytes().iter().all(|&byte| byte == column.bytes()[0]);
        assert!(kept.iter().all(whole));
    };
    let (mut bench, worker) = Bench::with_worker(servable(Policy::default(), false), Place::Housed, work);
    let mut answers = Vec::new();
    for row in 0..20 {
        bench.call(&[row], 90_000, false);
        answers.push(bench.delivery());
    }
    for (row, answer) in answers.iter().enumerate() {
        let columns = answer.items[0].outcome.as_ref().unwrap();
        assert!(columns[0].bytes().iter().all(|&byte| usize::from(byte) == row));
    }
    bench.close(worker);
}

#[test]
fn a_worker_calls_models_of_its_servable_and_nothing_else() {
    let work = |worker: &mut Worker| {
        while let Some(opened) = worker.take(true).unwrap() {
            let column = || vec![Column::of(&[&opened.columns[0]]).unwrap()];
            let refused = worker.call(opened.id, 0, opened.rows, &column());
            let (_, outcome) = worker.reply(refused, opened.rows).unwrap().pop().unwrap();
            assert!(outcome.unwrap_err().message.contains("models only"));
            let call = worker.call(opened.id, 1, opened.rows, &column());
            let (rows, outcome) = worker.reply(call, opened.rows).unwrap().pop().unwrap();
            let outputs = outcome.unwrap();
            let columns = vec![Column::of(&[&outputs[0]]).unwrap()];
            worker.answer(opened.id, true, &Outcome { pieces: vec![(rows, Ok(columns))] });
            worker.flush().unwrap();
        }
    };
    let (mut bench, worker) = Bench::with_worker(servable(Policy::default(), false), Place::Housed, work);
    let model = bench.version.add_lane(vec![1], 1);
    bench.call(&[4, 6], 3, false);
    let batch = bench.version.take_blocking(model).unwrap();
    let (id, columns) = (batch.id, batch.into_columns().unwrap());
    assert_eq!(columns[0].bytes(), [4, 4, 4, 6, 6, 6]);
    bench.version.finish(id, BatchOutcome::Whole(Ok(columns)));
    assert_eq!(bench.answer(), Ok(vec![4, 6]));
    bench.close(worker);
}

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
