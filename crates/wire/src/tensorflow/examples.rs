use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use salver_core::{Error, Result};

use super::tensor::Budget;
use crate::leading::bad_request;
use crate::protobuf::Fields;

/// The examples of a request, serialized as a model takes them. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Examples {
    examples: Arc<Vec<Bytes>>,
    context: Option<Bytes>,
    budget: Budget,
}

impl Examples {
    /// None yet, in a message of so many bytes.
    pub(super) fn none(message: usize) -> Examples {
        Examples { examples: Arc::default(), context: None, budget: Budget::of(message) }
    }

    /// Reads an `Input`. Of its two kinds the one that comes last counts.
    pub(super) fn read(&mut self, mut fields: Fields<'_>) -> Result<()> {
        while let Some((kind, value)) = fields.next()? {
            if let 1 | 2 = kind {
                self.read_list(fields.nested(value)?, kind == 2)?;
            }
        }
        Ok(())
    }

    fn read_list(&mut self, mut fields: Fields<'_>, has_context: bool) -> Result<()> {
        (self.examples, self.context) = (Arc::default(), None);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => self.push(fields.bytes(value)?)?,
                2 if has_context => self.context = Some(fields.bytes(value)?),
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn push(&mut self, example: Bytes) -> Result<()> {
        self.budget.take(size_of::<Bytes>()).ok_or_else(|| too_many("very many empty examples"))?;
        Arc::make_mut(&mut self.examples).push(example);
        Ok(())
    }

    pub(super) fn set_context(&mut self, context: Bytes) {
        self.context = Some(context);
    }

    /// One serialized `Example` for each, the context in front: so whoever reads it merges the two.
    pub(super) fn merged(mut self) -> Result<Vec<Bytes>> {
        if self.examples.is_empty() {
            return Err(bad_request("Input is empty.".into()));
        }
        let Some(context) = self.context.filter(|context| !context.is_empty()) else {
            return Ok(Arc::unwrap_or_clone(self.examples));
        };
        let (size, count) = (context.len(), self.examples.len());
        let grown = size.checked_mul(count).and_then(|bytes| self.budget.take(bytes));
        grown.ok_or_else(|| too_many(&format!("a context of {size} bytes for {count} examples")))?;
        let one = |example: &Bytes| {
            let mut merged = BytesMut::with_capacity(size + example.len());
            merged.extend_from_slice(&context);
            merged.extend_from_slice(example);
            merged.freeze()
        };
        Ok(self.examples.iter().map(one).collect())
    }
}

fn too_many(what: &str) -> Error {
    Error::malformed("Input", format!("it holds {what}; send fewer at a time"))
}
