//! Frames from a socket.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use bytes::Bytes;
use rustix::buffer::spare_capacity;
use rustix::event::{poll, PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{recv, RecvFlags};
use salver_core::aligned;

use super::frame::{Frame, Head};

/// One read takes up to this much.
const BUFFER: usize = 64 * 1024;

/// Payloads begin at multiples of this in memory.
const ALIGNMENT: usize = 64;

/// Reads frames. Small ones come many at a time; of a large one the data is read to where it stays.
#[derive(Default)]
pub struct Reader {
    buffer: Vec<u8>,
    /// How much of the buffer is done with.
    at: usize,
    large: Option<Large>,
    /// Whether the last read took all that there was.
    drained: bool,
}

struct Large {
    head: Head,
    /// Filled up to an aligned payload, then `skip` bytes aside the body.
    body: Vec<u8>,
    skip: usize,
}

impl Reader {
    /// The next frame; `None` if `wait` is false and it is not there yet. The end of the connection, also within a
    /// frame, is `UnexpectedEof`, and what is no frame `InvalidData`.
    pub fn next(&mut self, socket: &OwnedFd, wait: bool) -> io::Result<Option<Frame>> {
        loop {
            if let Some(frame) = self.complete()? {
                return Ok(Some(frame));
            }
            if (self.drained && !wait) || !self.fill(socket, wait)? {
                self.drained = false;
                return Ok(None);
            }
        }
    }

    fn complete(&mut self) -> io::Result<Option<Frame>> {
        if let Some(large) = self.large.take_if(|large| large.missing() == 0) {
            return Ok(Some(large.frame()));
        }
        let unread = &self.buffer[self.at..];
        if self.large.is_some() || unread.len() < Head::SIZE {
            return Ok(None);
        }
        let broken = || io::Error::new(io::ErrorKind::InvalidData, "what was received is no frame of a link");
        let head = Head::read(unread).ok_or_else(broken)?;
        let body = &unread[Head::SIZE..];
        if body.len() >= head.body() {
            let frame = small(head, &body[..head.body()]);
            self.at += Head::SIZE + head.body();
            return Ok(Some(frame));
        }
        if Head::SIZE + head.body() > BUFFER {
            self.large = Some(Large::new(head, body));
            self.buffer.clear();
            self.at = 0;
        }
        Ok(None)
    }

    /// Whether something was read.
    fn fill(&mut self, socket: &OwnedFd, wait: bool) -> io::Result<bool> {
        if wait {
            wait_for(socket)?;
        }
        let target = match &mut self.large {
            Some(large) => &mut large.body,
            None => {
                self.buffer.drain(..self.at);
                self.at = 0;
                self.buffer.reserve(BUFFER - self.buffer.len().min(BUFFER));
                &mut self.buffer
            }
        };
        let room = target.capacity() - target.len();
        loop {
            match recv(socket.as_fd(), spare_capacity(target), RecvFlags::DONTWAIT) {
                Ok((_, 0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok((_, read)) => {
                    self.drained = read < room;
                    break;
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if wait => wait_for(socket)?,
                Err(Errno::AGAIN) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        if let Some(large) = &mut self.large {
            self.buffer = large.excess();
        }
        Ok(true)
    }
}

/// Waits until there is something to read, or the end. A read that waits by itself would be woken by the other side's
/// reading, too, which makes room to write.
fn wait_for(socket: &OwnedFd) -> io::Result<()> {
    loop {
        match poll(&mut [PollFd::new(socket, PollFlags::IN)], None) {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

impl Large {
    fn new(head: Head, received: &[u8]) -> Large {
        let mut body: Vec<u8> = Vec::with_capacity(head.body() + ALIGNMENT);
        let payload = body.as_ptr() as usize + head.meta as usize;
        let skip = (ALIGNMENT - payload % ALIGNMENT) % ALIGNMENT;
        body.resize(skip, 0);
        body.extend_from_slice(received);
        Large { head, body, skip }
    }

    fn missing(&self) -> usize {
        (self.skip + self.head.body()).saturating_sub(self.body.len())
    }

    /// What was read beyond the end.
    fn excess(&mut self) -> Vec<u8> {
        let end = self.skip + self.head.body();
        if self.body.len() > end {
            self.body.split_off(end)
        } else {
            Vec::new()
        }
    }

    fn frame(self) -> Frame {
        let body = Bytes::from(self.body).slice(self.skip..);
        split(self.head, body)
    }
}

fn small(head: Head, body: &[u8]) -> Frame {
    let mut copy = aligned(body.len(), head.meta as usize);
    copy.extend_from_slice(body);
    split(head, copy.freeze())
}

fn split(head: Head, mut body: Bytes) -> Frame {
    let meta = body.split_to(head.meta as usize);
    Frame { head, meta, payload: body }
}

#[cfg(test)]
mod tests {
    use super::super::frame::Kind;
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    fn frame(meta: usize, payload: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        Head { meta: meta as u32, payload: payload as u64, ..Head::new(Kind::Open, 5) }.write(&mut bytes);
        bytes.extend((0..meta + payload).map(|index| (index % 251) as u8));
        bytes
    }

    #[test]
    fn frames_are_read_however_they_are_cut() {
        let sizes = [(3, 0), (0, 0), (7, 200), (10, 300_000), (1, 5), (40, 65_000), (0, 70_000)];
        let bytes: Vec<u8> = sizes.iter().flat_map(|&(meta, payload)| frame(meta, payload)).collect();
        for cut in [1000, 7, 100_000] {
            let (mut near, far) = UnixStream::pair().unwrap();
            let (far, mut reader) = (OwnedFd::from(far), Reader::default());
            let sent = bytes.clone();
            let writer = std::thread::spawn(move || {
                let most = if cut == 7 { 2000 } else { sent.len() };
                sent[..most].chunks(cut).for_each(|piece| near.write_all(piece).unwrap());
                near.write_all(&sent[most..]).unwrap();
            });
            for (meta, payload) in sizes {
                let frame = reader.next(&far, true).unwrap().unwrap();
                assert_eq!((frame.meta.len(), frame.payload.len()), (meta, payload));
                assert_eq!(frame.payload.as_ptr() as usize % 64 * usize::from(payload > 0), 0);
                let body = frame.meta.iter().chain(&frame.payload);
                assert!(body.enumerate().all(|(index, &byte)| byte == (index % 251) as u8));
            }
            writer.join().unwrap();
            // The last read may have taken all that there was then; the next one finds the end.
            let ended = (0..2).find_map(|_| reader.next(&far, false).err());
            assert_eq!(ended.unwrap().kind(), io::ErrorKind::UnexpectedEof);
        }
    }

    #[test]
    fn half_a_frame_is_waited_for_and_its_end_is_an_error() {
        let (mut near, far) = UnixStream::pair().unwrap();
        let (far, mut reader) = (OwnedFd::from(far), Reader::default());
        near.write_all(&frame(7, 200)[..100]).unwrap();
        assert!(reader.next(&far, false).unwrap().is_none());
        drop(near);
        assert_eq!(reader.next(&far, true).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn what_is_no_frame_is_an_error() {
        let (mut near, far) = UnixStream::pair().unwrap();
        near.write_all(&[99; 64]).unwrap();
        let error = Reader::default().next(&OwnedFd::from(far), true).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
