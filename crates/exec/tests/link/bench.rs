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
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Inbox(Mutex<Sender<Delivery>>);

impl Mailbox for Inbox {
    fn deliver(&self, deliveries: Vec<Delivery>) {
        let sender = self.0.lock().unwrap();
        deliveries.into_iter().for_each(|delivery| drop(sender.send(delivery)));
    }
}

pub fn port(name: &str) -> Port {
    Port { name: name.into(), dtype: Some(DType::U8), dims: None, optional: false, json: false }
}

/// Stage 0 is the worker's; stage 1, behind the hidden method, is run by the test itself.
pub fn servable(policy: Policy, sequence: bool) -> Servable {
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

pub fn single_rows() -> Policy {
    Policy { max_batch_size: 1, ..Policy::default() }
}

pub fn memory(size: u64) -> OwnedFd {
    let file = memfd_create("arena", MemfdFlags::ALLOW_SEALING | MemfdFlags::CLOEXEC).unwrap();
    ftruncate(&file, size).unwrap();
    fcntl_add_seals(&file, SealFlags::SHRINK).unwrap();
    file
}

/// Room for some of the tensors here, and too small for others.
pub const ARENA: u64 = 300_000;

/// Where a worker is, and who watches for what it sends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    /// On this host, watched by the link's own thread.
    Here,
    /// On this host, watched by a thread that serves others too.
    Housed,
    /// On another host.
    There,
}

pub const PLACES: [Place; 3] = [Place::Here, Place::Housed, Place::There];

/// Watches every socket in a thread of its own.
pub struct House;

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

pub fn pair(place: Place) -> (LaneFiles, LaneFiles) {
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

pub struct Bench {
    pub version: Arc<Version>,
    pub link: LinkHandle,
    pub caller: Caller,
    pub answers: Receiver<Delivery>,
    pub tickets: u64,
}

pub fn options(run_timeout: Duration) -> LinkOptions {
    LinkOptions { stages: vec![0], slots: 2, run_timeout, concurrent: false, process: None }
}

impl Bench {
    pub fn new(servable: Servable, place: Place, options: LinkOptions) -> (Bench, LaneFiles) {
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
    pub fn with_worker(
        servable: Servable,
        place: Place,
        work: impl FnOnce(&mut Worker) + Send + 'static,
    ) -> (Bench, JoinHandle<()>) {
        let (bench, files) = Bench::new(servable, place, options(PATIENCE));
        let thread = std::thread::spawn(move || work(&mut Worker::new(files).unwrap()));
        (bench, thread)
    }

    /// Calls with one column; each row is `width` times its byte.
    pub fn call(&mut self, rows: &[u8], width: usize, streaming: bool) -> u64 {
        let data: Vec<u8> = rows.iter().flat_map(|&row| std::iter::repeat_n(row, width)).collect();
        let column = Tensor::fixed(DType::U8, Shape::new([rows.len(), width]), data.into()).unwrap();
        self.submit(column, streaming)
    }

    pub fn submit(&mut self, column: Tensor, streaming: bool) -> u64 {
        self.tickets += 1;
        let parts = vec![Part::new(column.rows(), vec![column]).unwrap()];
        let (ticket, caller) = (self.tickets, self.caller.clone());
        let call = NewCall { ticket, method: 0, parts, deadline: None, details: None, streaming, caller };
        self.version.submit(vec![call]);
        ticket
    }

    pub fn delivery(&self) -> Delivery {
        self.answers.recv_timeout(PATIENCE).expect("every call is answered")
    }

    /// The first byte of each answered row, or the first error.
    pub fn answer(&self) -> Result<Vec<u8>> {
        let mut rows = Vec::new();
        for item in self.delivery().items {
            let columns = item.outcome?;
            let width = columns[0].bytes().len() / columns[0].rows();
            rows.extend(columns[0].bytes().iter().step_by(width.max(1)).copied());
        }
        Ok(rows)
    }

    pub fn ended(&self) -> String {
        self.link.end();
        self.link.ended().unwrap()
    }

    pub fn close(self, worker: JoinHandle<()>) {
        self.version.close();
        worker.join().unwrap();
    }
}

pub fn not_ready() -> Error {
    Error::NotReady { servable: "s".into(), version: Some(1), reason: None }
}

pub fn lost() -> Error {
    Error::Lost { stage: "code".into() }
}

pub fn respond(worker: &mut Worker, opened: &Opened, last: bool) {
    let columns = vec![Column::of(&[&opened.columns[0]]).unwrap()];
    worker.answer(opened.id, last, &Outcome { pieces: vec![(opened.rows, Ok(columns))] });
    worker.flush().unwrap();
}

pub fn end_sequence(worker: &mut Worker, opened: &Opened) {
    worker.answer(opened.id, true, &Outcome { pieces: vec![(1, Ok(vec![]))] });
    worker.flush().unwrap();
}

/// Answers every batch with its input, as often as there are batches.
pub fn echo(worker: &mut Worker) {
    while let Some(opened) = worker.take(true).unwrap() {
        respond(worker, &opened, true);
    }
}
