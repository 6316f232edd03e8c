use bytes::{Bytes, BytesMut};

use super::json::JsonError;

/// JSON documents one after the other, taken apart as their bytes come: with white space between them, as lines have it,
/// or in one array.
#[derive(Debug, Default)]
pub struct Documents {
    held: BytesMut,
    /// So much of what is held has been looked at.
    seen: usize,
    place: Place,
    within: Within,
}

/// Where in the text a document may begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Start,
    /// After a document that stands by itself.
    Between,
    /// After `[` or a comma.
    Element {
        first: bool,
    },
    AfterElement,
    /// After `]`.
    End,
}

/// Where in a document.
#[derive(Clone, Copy, Debug, Default)]
struct Within {
    begun: bool,
    depth: usize,
    text: bool,
    escaped: bool,
}

impl Documents {
    pub fn push(&mut self, piece: &[u8]) {
        self.held.extend_from_slice(piece);
    }

    /// Bytes of the document that has not ended.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// The next document, if all of it is there.
    pub fn take_next(&mut self) -> Result<Option<Bytes>, JsonError> {
        while let Some(&byte) = self.held.get(self.seen) {
            if self.within.begun {
                if self.ends_before(byte) {
                    return Ok(Some(self.take()));
                }
                self.seen += 1;
                if self.ends_with(byte) {
                    return Ok(Some(self.take()));
                }
            } else {
                self.begin(byte)?;
            }
        }
        Ok(None)
    }

    /// The last document, if its end is that of the whole.
    pub fn end(&mut self) -> Result<Option<Bytes>, JsonError> {
        let array = matches!(self.place, Place::Element { .. } | Place::AfterElement);
        if self.within.depth > 0 || self.within.text || array {
            return Err(JsonError::new("", "the body ends within a document"));
        }
        Ok(self.within.begun.then(|| self.take()))
    }

    /// What stands between documents.
    fn begin(&mut self, byte: u8) -> Result<(), JsonError> {
        let unexpected = || Err(JsonError::new("", format!("'{}' is not expected between documents", byte as char)));
        let next = match (self.place, byte) {
            (place, b' ' | b'\t' | b'\r' | b'\n') => place,
            (Place::Start, b'[') => Place::Element { first: true },
            (Place::Element { first: true } | Place::AfterElement, b']') => Place::End,
            (Place::AfterElement, b',') => Place::Element { first: false },
            (Place::AfterElement | Place::End, _) => return unexpected(),
            (_, b',' | b']' | b'}' | b':') => return unexpected(),
            (Place::Start | Place::Between | Place::Element { .. }, _) => {
                let _ = self.held.split_to(self.seen);
                (self.seen, self.within) = (0, Within { begun: true, ..Within::default() });
                return Ok(());
            }
        };
        let _ = self.held.split_to(self.seen + 1);
        (self.seen, self.place) = (0, next);
        Ok(())
    }

    /// Whether a number or word ends before this byte.
    fn ends_before(&self, byte: u8) -> bool {
        let plain = self.within.depth == 0 && !self.within.text && self.seen > 0;
        plain && matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b']' | b'{' | b'[' | b'"')
    }

    fn ends_with(&mut self, byte: u8) -> bool {
        let within = &mut self.within;
        match byte {
            _ if within.escaped => within.escaped = false,
            b'\\' if within.text => within.escaped = true,
            b'"' => {
                within.text = !within.text;
                return !within.text && within.depth == 0;
            }
            _ if within.text => {}
            b'{' | b'[' => within.depth += 1,
            b'}' | b']' => {
                within.depth = within.depth.saturating_sub(1);
                return within.depth == 0;
            }
            _ => {}
        }
        false
    }

    fn take(&mut self) -> Bytes {
        let document = self.held.split_to(self.seen).freeze();
        (self.seen, self.within) = (0, Within::default());
        self.place = match self.place {
            Place::Element { .. } => Place::AfterElement,
            _ => Place::Between,
        };
        document
    }
}
