//! The worker's end of a link.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BufMut;
use salver_core::{Fault, Tensor};

use super::arena::{Arena, Incoming, Outgoing};
use super::columns::{Body, Column, Columns};
use super::driver::{is_end, released};
use super::frame::{Frame, Head, Kind, Meta};
use super::lane::LaneFiles;
use super::outcome::{self, Failure, Outcome, Received};
use super::reader::Reader;
use super::writer::Writer;

/// So many items of a sequence may be sent before the first is taken.
pub(super) const FIRST_CREDIT: u32 = 64;

/// Neighbouring rows of one caller.
#[derive(Clone, Debug)]
pub struct About {
    pub rows: usize,
    pub deadline: Option<Instant>,
    /// JSON, or empty.
    pub details: String,
}

/// A batch to run.
pub struct Opened {
    pub id: u64,
    pub stage: usize,
    pub rows: usize,
    pub columns: Vec<Tensor>,
    /// Who asked, if the stage wants to know.
    pub callers: Vec<About>,
}

/// What the server has told of a batch's callers.
struct Callers {
    /// Rows whose callers have left: first row and number.
    left: Vec<(usize, usize)>,
    /// How many items of a sequence may be sent.
    credit: u32,
}

/// One lane's end of its link, used by one thread at a time. Its socket blocks.
pub struct Worker {
    socket: OwnedFd,
    to_server: Option<Arc<Arena>>,
    outgoing: Outgoing,
    incoming: Incoming,
    reader: Reader,
    writer: Writer,
    waiting: VecDeque<Opened>,
    /// What is known of the callers of batches that are not answered.
    open: HashMap<u64, Callers>,
    /// Whether something was heard of callers since somebody last waited for it.
    news: bool,
    replies: HashMap<u64, Received>,
    calls: u64,
    ended: bool,
}

impl Worker {
    /// Takes the worker's end of a lane, and greets.
    pub fn new(files: LaneFiles) -> io::Result<Worker> {
        let to_server = files.from_worker.map(Arena::map).transpose()?;
        let mut writer = Writer::default();
        writer.head(Head::new(Kind::Hello, u64::from(super::VERSION)));
        writer.flush(&files.socket, true)?;
        Ok(Worker {
            socket: files.socket,
            outgoing: Outgoing::new(to_server.clone()),
            to_server,
            incoming: Incoming::new(files.to_worker.map(Arena::map).transpose()?),
            reader: Reader::default(),
            writer,
            waiting: VecDeque::new(),
            open: HashMap::new(),
            news: false,
            replies: HashMap::new(),
            calls: 0,
            ended: false,
        })
    }

    pub fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// The next batch, which counts as started. Without `wait`, `None` if there is none now; with it, `None` only at
    /// the end of the link.
    pub fn take(&mut self, wait: bool) -> io::Result<Option<Opened>> {
        while self.waiting.is_empty() && !self.ended && self.receive(wait)? {}
        let opened = self.waiting.pop_front();
        if let Some(opened) = &opened {
            self.start(opened.id)?;
        }
        Ok(opened)
    }

    fn start(&mut self, id: u64) -> io::Result<()> {
        match &self.to_server {
            Some(arena) => arena.set_started(arena.started().max(id + 1)),
            None => {
                self.writer.head(Head::new(Kind::Started, id));
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Whether the server has ended the link.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Reads one frame; whether there was one.
    fn receive(&mut self, wait: bool) -> io::Result<bool> {
        match self.reader.next(&self.socket, wait) {
            Ok(Some(frame)) => self.received(frame).map(|()| true),
            Ok(None) => Ok(false),
            Err(error) if is_end(&error) => {
                self.ended = true;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn received(&mut self, frame: Frame) -> io::Result<()> {
        let broken = || io::Error::new(io::ErrorKind::InvalidData, "a frame of the server cannot be read");
        let Head { kind, id, target, rows, .. } = frame.head;
        match kind {
            Kind::Open => {
                let opened = self.opened(frame).ok_or_else(broken)?;
                self.waiting.push_back(opened);
                self.open.insert(id, Callers { left: Vec::new(), credit: FIRST_CREDIT });
            }
            Kind::Item => {
                let Frame { meta, payload, .. } = frame;
                let mut columns = Columns { meta: Meta(meta), payload, at: 0, arena: &self.incoming };
                let reply = outcome::read(&mut columns).ok_or_else(broken)?;
                self.replies.insert(id, reply);
            }
            Kind::Left => {
                self.news = true;
                self.tell(id, |callers| callers.left.push((usize::from(target), rows as usize)));
            }
            Kind::Credit => {
                self.news = true;
                self.tell(id, |callers| callers.credit = callers.credit.saturating_add(rows));
            }
            Kind::Release => released(frame, &mut self.outgoing),
            Kind::Bye => self.ended = true,
            Kind::Hello | Kind::Started => return Err(broken()),
        }
        Ok(())
    }

    /// The server may not have the answer yet of a batch that it tells something about.
    fn tell(&mut self, id: u64, change: impl FnOnce(&mut Callers)) {
        if let Some(callers) = self.open.get_mut(&id) {
            change(callers);
        }
    }

    fn opened(&self, frame: Frame) -> Option<Opened> {
        let Frame { head, meta, payload } = frame;
        let mut read = Columns { meta: Meta(meta), payload, at: 0, arena: &self.incoming };
        let columns = read.read()?;
        let count = read.meta.u32()?;
        let callers: Option<Vec<About>> = (0..count).map(|_| about(&mut read.meta)).collect();
        let (stage, rows) = (usize::from(head.target), head.rows as usize);
        Some(Opened { id: head.id, stage, rows, columns, callers: callers? })
    }

    /// Sends what was queued. At the end of the link there is nobody left to hear it, which is no error.
    pub fn flush(&mut self) -> io::Result<()> {
        match self.writer.flush(&self.socket, true) {
            Err(error) if is_end(&error) => self.ended = true,
            sent => drop(sent?),
        }
        Ok(())
    }

    /// Queues the answer of a batch, or with one piece of one row and not `last` sends an item of its sequence.
    pub fn answer(&mut self, id: u64, last: bool, outcome: &Outcome<'_>) {
        if last {
            self.open.remove(&id);
        } else {
            self.tell(id, |callers| callers.credit = callers.credit.saturating_sub(1));
        }
        self.queue(Head { last, ..Head::new(Kind::Item, id) }, |body, arena| outcome.write(body, arena));
    }

    fn queue(&mut self, head: Head, fill: impl FnOnce(&mut Body, &mut Outgoing)) {
        let mut body = Body::default();
        fill(&mut body, &mut self.outgoing);
        self.writer.release(&self.incoming.ended());
        self.writer.frame(head, body);
    }

    /// How many items of a batch's sequence may be sent now, as far as is known without waiting.
    pub fn credit(&mut self, id: u64) -> io::Result<u32> {
        while self.receive(false)? {}
        Ok(self.open.get(&id).map_or(FIRST_CREDIT, |callers| callers.credit))
    }

    /// Waits until something has come from the server since the last time, or its end.
    pub fn wait(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.news) {
            self.receive(true)?;
        }
        Ok(())
    }

    /// Whether the caller of this row of a batch has left, as far as is known without waiting.
    pub fn has_left(&mut self, id: u64, row: usize) -> io::Result<bool> {
        while self.receive(false)? {}
        let holds = |&(first, count): &(usize, usize)| (first..first + count).contains(&row);
        let left = self.open.get(&id).is_some_and(|callers| callers.left.iter().any(holds));
        Ok(left || self.ended)
    }

    /// Queues a call of one of the servable's hidden methods, for rows of the batch `outer`; its number.
    pub fn call(&mut self, outer: u64, method: usize, rows: usize, columns: &[Column<'_>]) -> u64 {
        self.calls += 1;
        let id = self.calls;
        let head = Head { target: method as u16, rows: rows as u32, ..Head::new(Kind::Open, id) };
        self.queue(head, |body, arena| {
            body.meta.put_u64_le(outer);
            body.columns(columns, arena);
        });
        id
    }

    /// Waits for the answer of a call.
    pub fn reply(&mut self, id: u64, rows: usize) -> io::Result<Received> {
        self.flush()?;
        loop {
            if let Some(reply) = self.replies.remove(&id) {
                return Ok(reply);
            }
            if self.ended {
                let failure = Failure::plain(Fault::Raised, "the server has ended".into());
                return Ok(vec![(rows, Err(failure))]);
            }
            self.receive(true)?;
        }
    }
}

fn about(meta: &mut Meta) -> Option<About> {
    let rows = meta.u32()? as usize;
    let left = meta.u64()?;
    let deadline = (left != u64::MAX).then(|| Instant::now() + Duration::from_micros(left));
    Some(About { rows, deadline, details: meta.text()? })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn what_is_told_of_an_answered_batch_is_not_kept() {
        let (server, socket) = UnixStream::pair().unwrap();
        let (server, mut writer) = (OwnedFd::from(server), Writer::default());
        let mut worker = Worker::new(LaneFiles { socket: socket.into(), to_worker: None, from_worker: None }).unwrap();
        let open = |writer: &mut Writer| {
            let mut body = Body::default();
            body.columns(&[], &mut Outgoing::new(None));
            body.meta.put_u32_le(0);
            writer.frame(Head { rows: 2, ..Head::new(Kind::Open, 7) }, body);
        };
        let told = |writer: &mut Writer| {
            writer.head(Head { target: 1, rows: 1, ..Head::new(Kind::Left, 7) });
            writer.head(Head { rows: 5, ..Head::new(Kind::Credit, 7) });
            writer.flush(&server, true).unwrap();
        };
        open(&mut writer);
        told(&mut writer);
        assert_eq!(worker.take(true).unwrap().unwrap().rows, 2);
        assert_eq!(worker.credit(7).unwrap(), FIRST_CREDIT + 5);
        assert_eq!((worker.has_left(7, 0).unwrap(), worker.has_left(7, 1).unwrap()), (false, true));
        worker.answer(7, true, &Outcome { pieces: Vec::new() });
        told(&mut writer);
        worker.wait().unwrap();
        assert_eq!((worker.credit(7).unwrap(), worker.has_left(7, 1).unwrap()), (FIRST_CREDIT, false));
        assert!(worker.open.is_empty());
    }
}
