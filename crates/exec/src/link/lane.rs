//! The server's end of a link: a thread that takes batches for a lane and brings their answers back.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::{BufMut, BytesMut};
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::process::{pidfd_send_signal, Signal};
use salver_core::{Fault, Part, Tensor};
use salver_engine::{clock, Batch, BatchId, Caller, Delivery, LaneId, NewCall, Note, Segment, Taken, Version};

use super::arena::{Arena, Incoming, Outgoing};
use super::columns::{Body, Column, Columns};
use super::frame::{put_text, Frame, Head, Kind, Meta};
use super::outcome::{self, Failure, Outcome};
use super::post::Post;
use super::reader::Reader;
use super::worker::FIRST_CREDIT;
use super::writer::Writer;

/// Methods that workers may call are hidden from everybody else's lists by this.
const HIDDEN: char = '@';

/// Tickets of calls that workers make; those of network threads begin with small numbers.
static CALLS: AtomicU64 = AtomicU64::new(0xFFFF << 48);

/// What a lane of a worker consists of: its end of a connection, and, for a worker on this host, the memory of both
/// directions. Without it all data goes over the connection.
pub struct LaneFiles {
    pub socket: OwnedFd,
    pub to_worker: Option<OwnedFd>,
    pub from_worker: Option<OwnedFd>,
}

#[derive(Debug)]
pub struct LinkOptions {
    pub stages: Vec<usize>,
    /// How many batches the lane may hold at once.
    pub slots: usize,
    /// How long it may go without a sign of life while it runs something, before its process is killed.
    pub run_timeout: Duration,
    /// Whether it runs all that it holds at once, instead of one batch after the other.
    pub concurrent: bool,
    /// The worker's process, if it is one.
    pub process: Option<OwnedFd>,
}

/// A running link.
pub struct LinkHandle {
    post: Arc<Post>,
    thread: Mutex<Option<JoinHandle<()>>>,
    ended: Arc<Mutex<Option<String>>>,
}

impl LinkHandle {
    /// Why the link has ended, once it has.
    pub fn ended(&self) -> Option<String> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends the link; what its lane has is lost. Waits until that is so.
    pub fn end(&self) {
        self.post.end();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A thread that panicked has nothing left to end.
        thread.map(JoinHandle::join);
    }
}

/// Starts a link for a lane of a worker.
pub fn spawn_link(version: Arc<Version>, files: LaneFiles, options: LinkOptions) -> io::Result<LinkHandle> {
    let from_worker = files.from_worker.map(Arena::map).transpose()?;
    let outgoing = Outgoing::new(files.to_worker.map(Arena::map).transpose()?);
    let post = Post::new()?;
    let lane = version.add_lane_with_bell(options.stages.clone(), options.slots, post.clone());
    let ended = Arc::new(Mutex::new(None));
    let mut driver = Driver {
        version: Arc::clone(&version),
        lane,
        socket: files.socket,
        incoming: Incoming::new(from_worker.clone()),
        from_worker,
        outgoing,
        post: Arc::clone(&post),
        options,
        reader: Reader::default(),
        writer: Writer::default(),
        greeted: false,
        running: BTreeMap::new(),
        calls: HashMap::new(),
    };
    let told = Arc::clone(&ended);
    let work = move || {
        let reason = driver.serve();
        driver.leave();
        *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
    };
    match std::thread::Builder::new().name("salver-link".into()).spawn(work) {
        Ok(thread) => Ok(LinkHandle { post, thread: Mutex::new(Some(thread)), ended }),
        Err(error) => {
            version.lose_lane(lane);
            Err(error)
        }
    }
}

/// A batch that the worker has.
struct Running {
    /// Since when there was no sign of it.
    since: Instant,
    deadline: Option<u64>,
    /// How many items its caller has room for. Without any it waits, however long that takes.
    credit: u32,
}

impl Running {
    fn new(deadline: Option<u64>) -> Running {
        Running { since: Instant::now(), deadline, credit: FIRST_CREDIT }
    }

    fn granted(&mut self, items: u32) {
        self.since = Instant::now();
        self.credit = self.credit.saturating_add(items);
    }
}

struct Driver {
    version: Arc<Version>,
    lane: LaneId,
    socket: OwnedFd,
    from_worker: Option<Arc<Arena>>,
    incoming: Incoming,
    outgoing: Outgoing,
    post: Arc<Post>,
    options: LinkOptions,
    reader: Reader,
    writer: Writer,
    greeted: bool,
    running: BTreeMap<BatchId, Running>,
    /// Calls that the worker made: its number for each, by ticket.
    calls: HashMap<u64, u64>,
}

impl Driver {
    /// Runs the link to its end; why it ended.
    fn serve(&mut self) -> String {
        loop {
            match self.turn() {
                Ok(()) => {}
                Err(error) if is_end(&error) => return "the worker is gone".into(),
                Err(error) => return error.to_string(),
            }
        }
    }

    /// Everything that there is to do now, then sleep until there is more.
    fn turn(&mut self) -> io::Result<()> {
        while let Some(frame) = self.reader.next(&self.socket, false)? {
            self.received(frame)?;
        }
        if self.post.ending() {
            return Err(io::Error::other("it was ended"));
        }
        self.post.notes().into_iter().for_each(|(batch, note)| self.note(batch, note));
        self.post.deliveries().into_iter().for_each(|delivery| self.answer(delivery));
        let until = if self.greeted { self.take()? } else { None };
        let sent = self.writer.flush(&self.socket, false)?;
        let overdue = self.check_time()?;
        self.sleep(sent, [until, overdue].into_iter().flatten().min())
    }

    fn take(&mut self) -> io::Result<Option<Duration>> {
        loop {
            match self.version.take(self.lane) {
                Taken::Batch(batch) => self.open(batch),
                Taken::Idle { until } => {
                    let left = |until: u64| Duration::from_nanos(until.saturating_sub(clock::now()));
                    return Ok(until.map(left));
                }
                Taken::Gone => {
                    self.writer.head(Head::new(Kind::Bye, 0));
                    // Should the worker not take it, it sees the end of the connection.
                    let _ = self.writer.flush(&self.socket, false);
                    return Err(io::Error::other("the version was closed"));
                }
            }
        }
    }

    fn open(&mut self, batch: Batch) {
        let width = batch.segments.first().map_or(0, |segment| segment.columns.len());
        let column = |index: usize| {
            let pieces: Vec<&Tensor> = batch.segments.iter().filter_map(|each| each.columns.get(index)).collect();
            Column::of(&pieces)
        };
        let columns: Vec<Column<'_>> = (0..width).filter_map(column).collect();
        let mut body = Body::default();
        body.columns(&columns, &mut self.outgoing);
        let wanted = self.version.servable().stages.get(batch.stage).is_some_and(|stage| stage.context);
        put_callers(&mut body.meta, if wanted { &batch.segments } else { &[] });
        self.writer.release(&self.incoming.ended());
        let (target, rows) = (batch.stage as u16, batch.rows as u32);
        self.writer.frame(Head { target, rows, ..Head::new(Kind::Open, batch.id.0) }, body);
        if self.options.concurrent {
            self.version.started(batch.id);
        }
        self.running.insert(batch.id, Running::new(batch.deadline));
    }

    fn received(&mut self, frame: Frame) -> io::Result<()> {
        let broken = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        if !self.greeted {
            let Head { kind, id, .. } = frame.head;
            self.greeted = kind == Kind::Hello && id == u64::from(super::VERSION);
            let text = format!("the worker speaks version {id} of the link, this server {}", super::VERSION);
            return if self.greeted { Ok(()) } else { Err(broken(&text)) };
        }
        match frame.head.kind {
            Kind::Item => self.item(frame).ok_or_else(|| broken("an answer of the worker cannot be read")),
            Kind::Open => self.call(frame).ok_or_else(|| broken("a call of the worker cannot be read")),
            Kind::Release => {
                released(frame, &mut self.outgoing);
                Ok(())
            }
            Kind::Started => {
                self.version.started(BatchId(frame.head.id));
                Ok(())
            }
            Kind::Bye => Err(io::ErrorKind::UnexpectedEof.into()),
            kind => Err(broken(&format!("a worker sends no {kind:?}"))),
        }
    }

    fn item(&mut self, frame: Frame) -> Option<()> {
        let id = BatchId(frame.head.id);
        let Frame { head, meta, payload } = frame;
        let mut columns = Columns { meta: Meta(meta), payload, at: 0, arena: &self.incoming };
        let mut received = outcome::read(&mut columns)?;
        let Some(running) = self.running.get_mut(&id) else { return Some(()) };
        running.since = Instant::now();
        if head.last {
            self.running.remove(&id);
            self.version.finish(id, outcome::of_batch(received));
            if let (false, Some(mut next)) = (self.options.concurrent, self.running.first_entry()) {
                next.get_mut().since = Instant::now();
            }
        } else if let Some((_, Ok(columns))) = received.pop() {
            running.credit = running.credit.saturating_sub(1);
            self.version.item(id, columns);
        }
        Some(())
    }

    /// The worker calls a hidden method.
    fn call(&mut self, frame: Frame) -> Option<()> {
        let Frame { head, meta, payload } = frame;
        let mut columns = Columns { meta: Meta(meta), payload, at: 0, arena: &self.incoming };
        let outer = BatchId(columns.meta.u64()?);
        let (method, rows) = (usize::from(head.target), head.rows as usize);
        let part = Part::new(rows, columns.read()?);
        let hidden = self.version.servable().methods.get(method).is_some_and(|method| method.name.starts_with(HIDDEN));
        let Some(part) = part.filter(|_| hidden) else {
            let text = "a worker may call the servable's own models only, with at least one row";
            self.refuse(head.id, rows, text);
            return Some(());
        };
        let ticket = CALLS.fetch_add(1, Ordering::Relaxed);
        self.calls.insert(ticket, head.id);
        let deadline = self.running.get(&outer).and_then(|running| running.deadline);
        let (parts, caller): (_, Caller) = (vec![part], self.post.clone());
        let call = NewCall { ticket, method, parts, deadline, details: None, streaming: false, caller };
        self.version.submit(vec![call]);
        Some(())
    }

    fn refuse(&mut self, id: u64, rows: usize, text: &str) {
        let failure = Failure::plain(Fault::Input, text.into());
        self.reply(id, Outcome { pieces: vec![(rows, Err(failure))] });
    }

    fn answer(&mut self, delivery: Delivery) {
        let Some(id) = self.calls.remove(&delivery.ticket) else { return };
        let piece = |item: &salver_core::Item| {
            let columns =
                item.outcome.as_ref().map(|columns| columns.iter().filter_map(|column| Column::of(&[column])));
            let outcome = columns.map(Iterator::collect).map_err(failure);
            (item.rows, outcome)
        };
        self.reply(id, Outcome { pieces: delivery.items.iter().map(piece).collect() });
    }

    fn reply(&mut self, id: u64, outcome: Outcome<'_>) {
        let mut body = Body::default();
        outcome.write(&mut body, &mut self.outgoing);
        self.writer.frame(Head::new(Kind::Item, id), body);
    }

    fn note(&mut self, batch: BatchId, note: Note) {
        let (kind, target, rows) = match note {
            Note::Left { first, rows } => (Kind::Left, first, rows as u32),
            Note::Credit { items } => (Kind::Credit, 0, items),
        };
        // A row beyond the numbers of a frame is run to its end.
        let (Some(running), Ok(target)) = (self.running.get_mut(&batch), u16::try_from(target)) else { return };
        if let Note::Credit { items } = note {
            running.granted(items);
        }
        self.writer.head(Head { target, rows, ..Head::new(kind, batch.0) });
    }

    /// Kills the worker if what it runs has taken too long; when to look again.
    fn check_time(&mut self) -> io::Result<Option<Duration>> {
        let since = match self.options.concurrent {
            true => self.running.values().filter(|running| running.credit > 0).map(|running| running.since).min(),
            false => self.running.first_key_value().map(|(_, running)| running.since),
        };
        let Some(since) = since else { return Ok(None) };
        let left = self.options.run_timeout.saturating_sub(since.elapsed());
        if !left.is_zero() {
            return Ok(Some(left));
        }
        if let Some(process) = &self.options.process {
            // It may have ended just now.
            let _ = pidfd_send_signal(process, Signal::KILL);
        }
        let limit = self.options.run_timeout.as_secs_f64();
        Err(io::Error::other(format!("a batch ran for more than {limit} s (run_timeout), so its worker was killed")))
    }

    fn sleep(&mut self, sent: bool, most: Option<Duration>) -> io::Result<()> {
        let wanted = if sent { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT };
        if self.post.may_sleep() {
            let mut waiting = [
                PollFd::from_borrowed_fd(self.socket.as_fd(), wanted),
                PollFd::from_borrowed_fd(self.post.wake.as_fd(), PollFlags::IN),
            ];
            let most = most.and_then(|most| Timespec::try_from(most).ok());
            match poll(&mut waiting, most.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.post.awake();
        Ok(())
    }

    /// After the end: what was not started is run elsewhere, if there is an elsewhere; the rest is lost.
    fn leave(&mut self) {
        let started = self.from_worker.as_ref().map_or(0, |arena| arena.started());
        self.running.keys().filter(|id| id.0 < started).for_each(|&id| self.version.started(id));
        self.version.lose_lane(self.lane);
        self.version.abandon_unserved();
        self.calls.keys().for_each(|&ticket| self.version.cancel(ticket));
    }
}

/// Whether an error says that the other side is gone.
pub(super) fn is_end(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), UnexpectedEof | BrokenPipe | ConnectionReset)
}

/// The other side is done with some ranges.
pub(super) fn released(frame: Frame, outgoing: &mut Outgoing) {
    let mut meta = Meta(frame.meta);
    while let Some(offset) = meta.size() {
        outgoing.release(offset);
    }
}

fn failure(error: &salver_core::Error) -> Failure {
    match error.clone() {
        salver_core::Error::Author { fault, what, method, index, message } => {
            Failure { fault, what, method, index, message }
        }
        other => Failure::plain(Fault::Raised, other.to_string()),
    }
}

/// Who asked for the rows: how many, until when, and what was said beside the inputs.
fn put_callers(meta: &mut BytesMut, segments: &[Segment]) {
    meta.put_u32_le(segments.len() as u32);
    for segment in segments {
        let left = segment.deadline.map(|deadline| deadline.saturating_sub(clock::now()));
        meta.put_u32_le(segment.rows as u32);
        meta.put_u64_le(left.map_or(u64::MAX, |left| left / 1000));
        put_text(meta, segment.details.as_deref().unwrap_or_default());
    }
}
