//! Frames as bytes. All numbers are little-endian.

use bytes::{Buf, BufMut, Bytes};

/// The most that a frame may announce, head aside.
pub const LARGEST: u64 = 4 << 30;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The first frame of a worker; `id` is the version of the link.
    Hello = 0,
    /// Rows to run: a batch, or a worker's own call. `target` is the stage, or the method.
    Open = 1,
    /// What became of an opened frame, or one item of its sequence.
    Item = 2,
    /// The caller of some rows of a batch has left.
    Left = 3,
    /// The caller of a batch's sequence has room for more items.
    Credit = 4,
    /// Ranges of the receiver's arena are free again.
    Release = 5,
    /// The sender will send nothing more.
    Bye = 6,
    /// A batch is being run; where there is no arena to tell it.
    Started = 7,
}

impl Kind {
    const ALL: [Kind; 8] =
        [Kind::Hello, Kind::Open, Kind::Item, Kind::Left, Kind::Credit, Kind::Release, Kind::Bye, Kind::Started];
}

/// What every frame begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub kind: Kind,
    /// Of an item: nothing more comes for this `id`.
    pub last: bool,
    pub target: u16,
    pub rows: u32,
    /// The batch's number, or that of a worker's call.
    pub id: u64,
    pub meta: u32,
    pub payload: u64,
}

impl Head {
    pub const SIZE: usize = 32;

    pub fn new(kind: Kind, id: u64) -> Head {
        Head { kind, last: true, target: 0, rows: 0, id, meta: 0, payload: 0 }
    }

    pub fn write(&self, out: &mut impl BufMut) {
        out.put_u8(self.kind as u8);
        out.put_u8(u8::from(self.last));
        out.put_u16_le(self.target);
        out.put_u32_le(self.rows);
        out.put_u64_le(self.id);
        out.put_u32_le(self.meta);
        out.put_u32_le(0);
        out.put_u64_le(self.payload);
    }

    /// Reads a head from its bytes; `None` if they are no head.
    pub fn read(mut bytes: &[u8]) -> Option<Head> {
        if bytes.len() < Head::SIZE {
            return None;
        }
        let kind = *Kind::ALL.get(usize::from(bytes.get_u8()))?;
        let last = bytes.get_u8() == 1;
        let (target, rows, id) = (bytes.get_u16_le(), bytes.get_u32_le(), bytes.get_u64_le());
        let (meta, _, payload) = (bytes.get_u32_le(), bytes.get_u32_le(), bytes.get_u64_le());
        let fits = payload <= LARGEST - u64::from(meta);
        fits.then_some(Head { kind, last, target, rows, id, meta, payload })
    }

    /// The bytes after the head.
    pub fn body(&self) -> usize {
        self.meta as usize + self.payload as usize
    }
}

/// A frame that was received.
#[derive(Clone, Debug)]
pub struct Frame {
    pub head: Head,
    pub meta: Bytes,
    /// Begins on a 64-byte boundary.
    pub payload: Bytes,
}

/// Reads numbers and texts from the meta part of a frame; `None` where it ends too early.
pub struct Meta(pub Bytes);

impl Meta {
    pub fn u8(&mut self) -> Option<u8> {
        self.0.try_get_u8().ok()
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.0.try_get_u16_le().ok()
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.0.try_get_u32_le().ok()
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.0.try_get_u64_le().ok()
    }

    pub fn size(&mut self) -> Option<usize> {
        usize::try_from(self.u64()?).ok()
    }

    pub fn text(&mut self) -> Option<String> {
        let len = self.u32()? as usize;
        (len <= self.0.len()).then(|| String::from_utf8(self.0.split_to(len).to_vec()).ok())?
    }
}

/// Writes a text as [`Meta::text`] reads it.
pub fn put_text(out: &mut impl BufMut, text: &str) {
    out.put_u32_le(text.len() as u32);
    out.put_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_as_they_were_written() {
        for kind in Kind::ALL {
            let head = Head { target: 7, rows: 3, meta: 12, payload: 640, ..Head::new(kind, u64::MAX) };
            let mut bytes = Vec::new();
            head.write(&mut bytes);
            assert_eq!((bytes.len(), Head::read(&bytes)), (Head::SIZE, Some(head)));
            assert_eq!(Head::read(&bytes[1..]), None);
        }
    }

    #[test]
    fn what_is_no_head_or_too_large_is_refused() {
        let mut bytes = Vec::new();
        Head { payload: LARGEST + 1, ..Head::new(Kind::Open, 0) }.write(&mut bytes);
        assert_eq!(Head::read(&bytes), None);
        assert_eq!(Head::read(&[9; Head::SIZE]), None);
    }
}
