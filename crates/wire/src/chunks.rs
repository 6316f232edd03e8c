use bytes::Bytes;

use crate::Body;

/// Data of this many bytes becomes a chunk of its own; less is copied.
const LARGE: usize = 4096;

/// A body under construction: a buffer that is written to, and large data shared between.
pub(crate) struct Chunks {
    buffer: Vec<u8>,
    body: Body,
}

impl Chunks {
    pub(crate) fn with_capacity(capacity: usize) -> Chunks {
        Chunks { buffer: Vec::with_capacity(capacity), body: Body::new() }
    }

    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    pub(crate) fn share(&mut self, data: &Bytes) {
        if data.len() < LARGE {
            return self.buffer.extend_from_slice(data);
        }
        self.flush();
        self.body.push(data.clone());
    }

    pub(crate) fn finish(mut self) -> Body {
        self.flush();
        self.body
    }

    fn flush(&mut self) {
        if !self.buffer.is_empty() {
            self.body.push(std::mem::take(&mut self.buffer).into());
        }
    }
}
