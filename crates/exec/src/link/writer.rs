//! Frames to a socket.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, OwnedFd};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use rustix::io::Errno;
use rustix::net::{sendmsg, SendAncillaryBuffer, SendFlags};

use super::columns::Body;
use super::frame::{Head, Kind};

/// The most pieces that one write takes.
const MOST: usize = 64;

/// Frames on their way out, in order. Small ones are gathered, and sent together.
#[derive(Default)]
pub struct Writer {
    chunks: VecDeque<Bytes>,
    open: BytesMut,
}

impl Writer {
    /// A frame that is only a head.
    pub fn head(&mut self, head: Head) {
        head.write(&mut self.open);
    }

    /// A frame with a body.
    pub fn frame(&mut self, head: Head, body: Body) {
        let (meta, payload, pieces) = body.payload();
        Head { meta: meta.len() as u32, payload, ..head }.write(&mut self.open);
        self.open.extend_from_slice(&meta);
        for piece in pieces {
            if piece.len() < 4096 {
                self.open.extend_from_slice(&piece);
            } else {
                self.chunks.push_back(self.open.split().freeze());
                self.chunks.push_back(piece);
            }
        }
    }

    /// Tells that these ranges of the other side's arena are free again.
    pub fn release(&mut self, offsets: &[u64]) {
        if offsets.is_empty() {
            return;
        }
        let mut body = Body::default();
        offsets.iter().for_each(|&offset| body.meta.put_u64_le(offset));
        self.frame(Head::new(Kind::Release, 0), body);
    }

    /// Sends what there is. With `wait` all of it, else what the socket takes now; whether that was all.
    pub fn flush(&mut self, socket: &OwnedFd, wait: bool) -> io::Result<bool> {
        if !self.open.is_empty() {
            self.chunks.push_back(self.open.split().freeze());
        }
        let flags = if wait { SendFlags::NOSIGNAL } else { SendFlags::NOSIGNAL | SendFlags::DONTWAIT };
        while !self.chunks.is_empty() {
            let slices: Vec<IoSlice<'_>> = self.chunks.iter().take(MOST).map(|chunk| IoSlice::new(chunk)).collect();
            match sendmsg(socket.as_fd(), &slices, &mut SendAncillaryBuffer::default(), flags) {
                Ok(sent) => self.sent(sent),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }

    fn sent(&mut self, mut count: usize) {
        while let Some(chunk) = self.chunks.front_mut() {
            if chunk.len() > count {
                chunk.advance(count);
                return;
            }
            count -= chunk.len();
            self.chunks.pop_front();
        }
    }
}
