//! What HTTP/2's frames begin with (RFC 9113, section 4.1).

/// What a client sends before its first frame.
pub const PREFACE: usize = 24;

pub const HEADERS: u8 = 1;
pub const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// The head of a frame.
pub struct Head {
    pub length: usize,
    pub kind: u8,
    pub flags: u8,
}

impl Head {
    pub const SIZE: usize = 9;

    pub fn of(bytes: [u8; Head::SIZE]) -> Head {
        let length = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]) as usize;
        Head { length, kind: bytes[3], flags: bytes[4] }
    }

    /// Whether a block of headers goes on after this frame, if it did, or did not, before it.
    pub fn is_open(&self, before: bool) -> bool {
        match self.kind {
            HEADERS | CONTINUATION => self.flags & END_HEADERS == 0,
            _ => before,
        }
    }
}
