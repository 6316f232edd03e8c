//! What the server's end of a link does: batches become frames, and frames what became of batches.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{BufMut, BytesMut};
use rustix::process::{pidfd_send_signal, Signal};
use salver_core::{Fault, Part, Tensor};
use salver_engine::{clock, Batch, BatchId, Caller, Delivery, LaneId, NewCall, Note, Segment, Taken, Version};

use super::arena::{Arena, Incoming, Outgoing};
use super::columns::{Body, Column, Columns};
use super::frame::{put_text, Frame, Head, Kind, Meta};
use super::lane::LinkOptions;
use super::outcome::{self, Failure, Outcome};
use super::post::Post;
use super::reader::Reader;
use super::worker::FIRST_CREDIT;
use super::writer::Writer;

/// Methods that workers may call are hidden from everybody else's lists by this.
const HIDDEN: char = '@';

/// What a thread that has other things to do does not copy: batches from this size on wait for the link's own thread.
const HEAVY: usize = 64 * 1024;

/// Tickets of calls that workers make; those of network threads begin with small numbers.
static CALLS: AtomicU64 = AtomicU64::new(0xFFFF << 48);

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

/// The server's end of one link, whichever thread has its turn.
pub(super) struct Driver {
    version: Arc<Version>,
    lane: LaneId,
    socket: Arc<OwnedFd>,
    from_worker: Option<Arc<Arena>>,
    incoming: Incoming,
    outgoing: Outgoing,
    post: Arc<Post>,
    options: LinkOptions,
    reader: Reader,
    writer: Writer,
    greeted: bool,
    running: BTreeMap<BatchId, Running>,
    /// Taken, and left to the link's own thread.
    aside: VecDeque<Batch>,
    /// Calls that the worker made: its number for each, by ticket.
    calls: HashMap<u64, u64>,
}

/// What is left to be done after a turn.
pub(super) struct Rest {
    /// The socket takes no more now.
    pub unsent: bool,
    /// There is something that only the link's own thread may do.
    pub aside: bool,
    /// When to have another turn, whatever happens.
    pub until: Option<Duration>,
}

impl Driver {
    /// `arenas` are those of the directions to the worker and from it.
    pub fn new(
        version: Arc<Version>,
        lane: LaneId,
        socket: Arc<OwnedFd>,
        arenas: (Option<OwnedFd>, Option<OwnedFd>),
        options: LinkOptions,
        post: Arc<Post>,
    ) -> io::Result<Driver> {
        let from_worker = arenas.1.map(Arena::map).transpose()?;
        Ok(Driver {
            version,
            lane,
            socket,
            incoming: Incoming::new(from_worker.clone()),
            from_worker,
            outgoing: Outgoing::new(arenas.0.map(Arena::map).transpose()?),
            post,
            options,
            reader: Reader::default(),
            writer: Writer::default(),
            greeted: false,
            running: BTreeMap::new(),
            aside: VecDeque::new(),
            calls: HashMap::new(),
        })
    }

    /// Everything that the link's own thread does once it has read.
    pub fn turn(&mut self) -> io::Result<Rest> {
        if self.post.ending() {
            return Err(io::Error::other("it was ended"));
        }
        self.post.notes().into_iter().for_each(|(batch, note)| self.note(batch, note));
        self.post.deliveries().into_iter().for_each(|delivery| self.answer(delivery));
        while let Some(batch) = self.aside.pop_front() {
            self.open(batch);
        }
        let until = self.take(usize::MAX)?;
        let unsent = !self.writer.flush(&self.socket, false)?;
        let overdue = self.check_time()?;
        Ok(Rest { unsent, aside: false, until: Some(until.map_or(overdue, |until| until.min(overdue))) })
    }

    /// What has come from the worker. After anything at all it may have room for another batch, or the version may be
    /// done; whether that is so.
    pub fn read(&mut self) -> io::Result<bool> {
        let mut any = false;
        while let Some(frame) = self.reader.next(&self.socket, false)? {
            self.received(frame)?;
            any = true;
        }
        Ok(any)
    }

    /// Sends what is to be sent, after taking what there is to take: of that only what is small, so that any thread may
    /// do it.
    pub fn feed(&mut self, take: bool) -> io::Result<Rest> {
        let until = if take { self.take(HEAVY)? } else { None };
        let unsent = !self.writer.flush(&self.socket, false)?;
        Ok(Rest { unsent, aside: !self.aside.is_empty(), until })
    }

    /// Opens the batches that there are, up to a size; when there will be another.
    fn take(&mut self, heavy: usize) -> io::Result<Option<Duration>> {
        if !self.greeted {
            return Ok(None);
        }
        loop {
            match self.version.take(self.lane) {
                // One after the other: none overtakes what was laid aside.
                Taken::Batch(batch) if !self.aside.is_empty() || weight(&batch) >= heavy => self.aside.push_back(batch),
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

    /// Kills the worker if what it runs has taken too long; when to look again, whatever is begun until then.
    fn check_time(&mut self) -> io::Result<Duration> {
        let since = match self.options.concurrent {
            true => self.running.values().filter(|running| running.credit > 0).map(|running| running.since).min(),
            false => self.running.first_key_value().map(|(_, running)| running.since),
        };
        let Some(since) = since else { return Ok(self.options.run_timeout) };
        let left = self.options.run_timeout.saturating_sub(since.elapsed());
        if !left.is_zero() {
            return Ok(left);
        }
        if let Some(process) = &self.options.process {
            // It may have ended just now.
            let _ = pidfd_send_signal(process, Signal::KILL);
        }
        let limit = self.options.run_timeout.as_secs_f64();
        Err(io::Error::other(format!("a batch ran for more than {limit} s (run_timeout), so its worker was killed")))
    }

    /// After the end: what was not started is run elsewhere, if there is an elsewhere; the rest is lost.
    pub fn leave(&mut self) {
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

/// What became of some rows of a worker's call.
fn piece(item: &salver_core::Item) -> (usize, Result<Vec<Column<'_>>, Failure>) {
    let columns = item.outcome.as_ref().map(|columns| columns.iter().filter_map(|column| Column::of(&[column])));
    (item.rows, columns.map(Iterator::collect).map_err(failure))
}

/// How many bytes of tensors a batch brings.
fn weight(batch: &Batch) -> usize {
    batch.segments.iter().flat_map(|segment| &segment.columns).map(Tensor::weight).sum()
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
