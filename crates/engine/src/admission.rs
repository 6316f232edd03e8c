//! The door: how many calls and how many bytes may be in flight, over all servables.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use salver_core::{Error, Resource};

/// The bit of `calls` that says nobody comes in any more, so that one word decides on every call.
const DRAINING: u64 = 1 << 63;

/// Bounds what is in flight. Nobody waits: what does not fit is refused.
#[derive(Debug)]
pub struct Admission {
    max_calls: u64,
    max_bytes: u64,
    calls: AtomicU64,
    bytes: AtomicU64,
}

impl Admission {
    pub fn new(max_calls: u64, max_bytes: u64) -> Arc<Admission> {
        let (calls, bytes) = (AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Admission { max_calls: max_calls.min(DRAINING - 1), max_bytes, calls, bytes })
    }

    /// Lets one call in, until its permit is dropped.
    pub fn admit(self: &Arc<Self>) -> Result<Permit, Error> {
        let enter = |calls: u64| (calls < self.max_calls).then_some(calls + 1);
        match self.calls.fetch_update(Ordering::AcqRel, Ordering::Acquire, enter) {
            Ok(_) => Ok(Permit { admission: self.clone(), calls: 1, bytes: 0 }),
            Err(calls) if calls & DRAINING != 0 => Err(Error::Draining),
            Err(_) => Err(Error::Busy { resource: Resource::Calls, limit: self.max_calls }),
        }
    }

    /// A permit for bytes alone, of a call that is in already.
    pub fn hold(self: &Arc<Self>, bytes: u64) -> Result<Permit, Error> {
        let mut permit = Permit { admission: self.clone(), calls: 0, bytes: 0 };
        permit.grow(bytes)?;
        Ok(permit)
    }

    /// From now on nobody is let in. Once `calls` then is 0 it stays 0.
    pub fn drain(&self) {
        self.calls.fetch_or(DRAINING, Ordering::AcqRel);
    }

    pub fn draining(&self) -> bool {
        self.calls.load(Ordering::Acquire) & DRAINING != 0
    }

    /// Calls in flight.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Acquire) & !DRAINING
    }

    /// Bytes of requests in flight.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }
}

/// One call's place, and that of the bytes it has brought. Dropping it gives both back.
#[derive(Debug)]
pub struct Permit {
    admission: Arc<Admission>,
    calls: u64,
    bytes: u64,
}

impl Permit {
    /// The call brings this many bytes more. When refused it keeps what it had.
    pub fn grow(&mut self, bytes: u64) -> Result<(), Error> {
        if bytes == 0 {
            return Ok(());
        }
        let limit = self.admission.max_bytes;
        let grow = |all: u64| all.checked_add(bytes).filter(|&all| all <= limit);
        match self.admission.bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, grow) {
            Ok(_) => {
                self.bytes += bytes;
                Ok(())
            }
            Err(_) => Err(Error::Busy { resource: Resource::Bytes, limit }),
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.admission.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
        self.admission.calls.fetch_sub(self.calls, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(resource: Resource, limit: u64) -> Option<Error> {
        Some(Error::Busy { resource, limit })
    }

    #[test]
    fn calls_are_bounded_and_given_back() {
        let door = Admission::new(2, 0);
        let (first, _second) = (door.admit().unwrap(), door.admit().unwrap());
        assert_eq!(door.admit().err(), busy(Resource::Calls, 2));
        drop(first);
        assert_eq!(door.calls(), 1);
        assert!(door.admit().is_ok());
    }

    #[test]
    fn bytes_are_bounded_over_all_calls() {
        let door = Admission::new(9, 100);
        let (mut one, mut other) = (door.admit().unwrap(), door.admit().unwrap());
        assert_eq!(one.grow(60), Ok(()));
        assert_eq!(other.grow(41).err(), busy(Resource::Bytes, 100));
        assert_eq!(other.grow(u64::MAX).err(), busy(Resource::Bytes, 100));
        assert_eq!((other.grow(40), one.grow(0), door.bytes()), (Ok(()), Ok(()), 100));
        drop(one);
        assert_eq!((door.bytes(), door.calls()), (40, 1));
    }

    #[test]
    fn bytes_alone_are_no_call() {
        let door = Admission::new(1, 100);
        let inside = door.admit().unwrap();
        door.drain();
        let held = door.hold(60).unwrap();
        assert_eq!(door.hold(41).err(), busy(Resource::Bytes, 100));
        drop(inside);
        assert_eq!((door.calls(), door.bytes()), (0, 60));
        drop(held);
        assert_eq!((door.calls(), door.bytes()), (0, 0));
    }

    #[test]
    fn draining_refuses_whoever_is_not_in_yet() {
        let door = Admission::new(1, 10);
        let mut inside = door.admit().unwrap();
        door.drain();
        assert!(door.draining());
        assert_eq!(door.admit().err(), Some(Error::Draining));
        assert_eq!(inside.grow(10), Ok(()));
        drop(inside);
        assert_eq!((door.calls(), door.bytes()), (0, 0));
        assert_eq!(door.admit().err(), Some(Error::Draining));
    }

    #[test]
    fn threads_never_get_more_than_there_is() {
        let door = Admission::new(3, 300);
        let visit = || {
            for _ in 0..20_000 {
                if let Ok(mut permit) = door.admit() {
                    assert!(permit.grow(100).is_ok(), "three calls of 100 bytes fit");
                    assert!(door.calls() <= 3 && door.bytes() <= 300);
                }
            }
        };
        std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(visit))));
        assert_eq!((door.calls(), door.bytes()), (0, 0));
    }
}
