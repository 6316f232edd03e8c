use std::collections::VecDeque;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::exchange::Body;

const PREFIX: usize = 5;

/// Messages with a byte of flags and four of length before each, taken apart as their bytes come.
#[derive(Debug, Default)]
pub struct Frames {
    pieces: VecDeque<Bytes>,
    held: usize,
    /// Flags and length of the frame that has begun.
    begun: Option<(u8, usize)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub flags: u8,
    pub message: Bytes,
}

impl Frames {
    pub fn push(&mut self, piece: Bytes) {
        self.held += piece.len();
        if !piece.is_empty() {
            self.pieces.push_back(piece);
        }
    }

    /// Bytes that have come and were not taken.
    pub fn held(&self) -> usize {
        self.held
    }

    /// How long the frame that comes next is, once that is known.
    pub fn length(&mut self) -> Option<usize> {
        if self.begun.is_none() && self.held >= PREFIX {
            let prefix = self.take(PREFIX).concat();
            let mut prefix = prefix.as_slice();
            self.begun = Some((prefix.get_u8(), prefix.get_u32() as usize));
        }
        self.begun.map(|(_, length)| length)
    }

    /// The next frame if all of it is there, its message in the pieces that it came in.
    pub fn next_chunks(&mut self) -> Option<(u8, Body)> {
        let length = self.length()?;
        if self.held < length {
            return None;
        }
        let (flags, length) = self.begun.take()?;
        Some((flags, self.take(length)))
    }

    /// Whether no frame has begun.
    pub fn is_empty(&self) -> bool {
        self.held == 0 && self.begun.is_none()
    }

    /// Bytes that are there.
    fn take(&mut self, size: usize) -> Body {
        self.held -= size;
        let (mut taken, mut missing) = (Body::new(), size);
        while let Some(piece) = self.pieces.front_mut().filter(|_| missing > 0) {
            let part = piece.split_to(missing.min(piece.len()));
            missing -= part.len();
            taken.push(part);
            if piece.is_empty() {
                self.pieces.pop_front();
            }
        }
        taken
    }
}

impl Iterator for Frames {
    type Item = Frame;

    /// The next frame, if all of it is there: after `None` there may be more.
    fn next(&mut self) -> Option<Frame> {
        let (flags, mut chunks) = self.next_chunks()?;
        let message = if chunks.len() == 1 { chunks.remove(0) } else { chunks.concat().into() };
        Some(Frame { flags, message })
    }
}

impl Frame {
    /// The frame as it is sent.
    pub fn encode(self) -> Body {
        let mut prefix = BytesMut::with_capacity(PREFIX);
        prefix.put_u8(self.flags);
        prefix.put_u32(self.message.len() as u32);
        [prefix.freeze(), self.message].into_iter().filter(|chunk| !chunk.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(pieces: &[&'static [u8]]) -> (Vec<Frame>, bool) {
        let mut frames = Frames::default();
        let mut taken = Vec::new();
        for piece in pieces {
            frames.push(Bytes::from_static(piece));
            taken.extend(&mut frames);
        }
        (taken, frames.is_empty())
    }

    fn frame(flags: u8, message: &'static [u8]) -> Frame {
        Frame { flags, message: Bytes::from_static(message) }
    }

    #[test]
    fn frames_are_taken_apart_however_they_are_cut() {
        let bytes: &[u8] = b"\0\0\0\0\x03abc\x02\0\0\0\0\x80\0\0\0\x02xy";
        let wanted = vec![frame(0, b"abc"), frame(2, b""), frame(0x80, b"xy")];
        for cut in 0..=bytes.len() {
            assert_eq!(all(&[&bytes[..cut], &bytes[cut..]]), (wanted.clone(), true), "cut at {cut}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(all(&single), (wanted, true));
    }

    #[test]
    fn a_frame_that_is_cut_is_none() {
        for cut in [1, 5, 7] {
            assert_eq!(all(&[&b"\0\0\0\0\x03abc"[..cut]]), (vec![], false));
        }
    }

    #[test]
    fn pieces_of_a_message_are_not_copied() {
        let (start, rest) = (Bytes::from_static(b"\0\0\0\0\x04ab"), Bytes::from_static(b"cd"));
        let mut frames = Frames::default();
        frames.push(start.clone());
        frames.push(rest.clone());
        let (flags, chunks) = frames.next_chunks().unwrap();
        assert_eq!((flags, chunks.as_slice()), (0, &[start.slice(5..), rest.clone()][..]));
        assert_eq!(chunks[1].as_ptr(), rest.as_ptr());
    }

    #[test]
    fn a_frame_is_sent_as_it_is_read() {
        assert_eq!(frame(2, b"ab").encode().concat(), b"\x02\0\0\0\x02ab");
        assert_eq!(frame(0, b"").encode().concat(), b"\0\0\0\0\0");
    }
}
