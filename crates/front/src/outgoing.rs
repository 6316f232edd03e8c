//! Replies on their way are counted until they are sent, so that what callers ask for and do not read is bounded.

use std::sync::Arc;

use bytes::Bytes;
use salver_core::{Error, Item, Tensor};
use salver_engine::{Admission, Permit};
use salver_wire::Body;

/// Replies from here on, and chunks of them, are counted until they are sent.
pub const LARGE: usize = 16 * 1024;

/// A permit for items.
pub fn hold(outgoing: &Arc<Admission>, items: &[Item]) -> Result<Permit, Error> {
    permit(outgoing, weight(items))
}

fn permit(outgoing: &Arc<Admission>, bytes: usize) -> Result<Permit, Error> {
    let mut permit = outgoing.admit()?;
    permit.grow(bytes as u64)?;
    Ok(permit)
}

/// A permit for items of this weight if they make a large reply.
pub fn hold_large(outgoing: &Arc<Admission>, weight: usize) -> Result<Option<Permit>, Error> {
    match weight {
        ..LARGE => Ok(None),
        _ => permit(outgoing, weight).map(Some),
    }
}

/// What items take in memory.
pub fn weight(items: &[Item]) -> usize {
    let columns = items.iter().filter_map(|item| item.outcome.as_ref().ok()).flatten();
    columns.map(Tensor::weight).sum()
}

/// Ties the permit to the reply's large chunks: it is given back when the last of them is sent, or dropped.
pub fn keep(permit: Option<Permit>, body: &mut Body) {
    let Some(permit) = permit.map(Arc::new) else { return };
    for chunk in body.iter_mut().filter(|chunk| chunk.len() >= LARGE) {
        let bytes = std::mem::take(chunk);
        *chunk = Bytes::from_owner(Held { bytes, _permit: Arc::clone(&permit) });
    }
}

/// A page that was asked for: it counts if it is large, but not as a call's reply.
pub fn page(pages: &Arc<Admission>, mut body: Body) -> Result<Body, Error> {
    let size: usize = body.iter().map(Bytes::len).sum();
    if size >= LARGE {
        keep(Some(pages.hold(size as u64)?), &mut body);
    }
    Ok(body)
}

/// Bytes of a reply, which count if they are many.
pub fn counted(outgoing: &Arc<Admission>, bytes: Bytes) -> Result<Bytes, Error> {
    match bytes.len() {
        ..LARGE => Ok(bytes),
        size => Ok(held(bytes, permit(outgoing, size)?)),
    }
}

/// Bytes that hold a permit until they are sent, or dropped.
pub fn held(bytes: Bytes, permit: Permit) -> Bytes {
    Bytes::from_owner(Held { bytes, _permit: Arc::new(permit) })
}

struct Held {
    bytes: Bytes,
    _permit: Arc<Permit>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
