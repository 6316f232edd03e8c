//! The door: how many calls and how many bytes may be in flight, over all servables.

use std::mem::take;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use salver_core::{Error, Resource};

/// The bit of `places` that says nobody comes in any more, so that one word decides on every call.
const DRAINING: u64 = 1 << 63;
/// One request that is waited for. They are counted in the same word, above the calls.
const AWAITED: u64 = 1 << 32;
const CALLS: u64 = AWAITED - 1;

/// What a request takes here while it is waited for, beside its bytes.
const WAITING: u64 = 4096;

/// Bounds what is in flight. Nobody waits: what does not fit is refused.
#[derive(Debug)]
pub struct Admission {
    max_calls: u64,
    max_bytes: u64,
    places: AtomicU64,
    bytes: AtomicU64,
}

impl Admission {
    pub fn new(max_calls: u64, max_bytes: u64) -> Arc<Admission> {
        let (places, bytes) = (AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Admission { max_calls: max_calls.min(CALLS), max_bytes, places, bytes })
    }

    /// Lets one call in, until its permit is dropped.
    pub fn admit(self: &Arc<Self>) -> Result<Permit, Error> {
        let mut permit = self.permit(Place::Door);
        permit.enter()?;
        Ok(permit)
    }

    /// A permit for a request that is still to be read: it becomes a call when it has [entered](Permit::enter). Whoever
    /// would be refused now is.
    ///
    /// So requests that never come take no call's place, however many are begun.
    pub fn knock(self: &Arc<Self>) -> Result<Permit, Error> {
        match self.refusal(self.places.load(Ordering::Acquire)) {
            None => Ok(self.permit(Place::Door)),
            Some(error) => Err(error),
        }
    }

    /// A permit for bytes alone, of a call that is in already.
    pub fn hold(self: &Arc<Self>, bytes: u64) -> Result<Permit, Error> {
        let mut permit = self.permit(Place::Nowhere);
        permit.grow(bytes)?;
        Ok(permit)
    }

    fn permit(self: &Arc<Self>, place: Place) -> Permit {
        Permit { admission: Arc::clone(self), place, bytes: 0 }
    }

    /// Why a call would not be let in.
    fn refusal(&self, places: u64) -> Option<Error> {
        match places {
            _ if places & DRAINING != 0 => Some(Error::Draining),
            _ if places & CALLS >= self.max_calls => Some(self.busy()),
            _ => None,
        }
    }

    fn busy(&self) -> Error {
        Error::Busy { resource: Resource::Calls, limit: self.max_calls }
    }

    /// From now on nobody is let in. Once `calls` then is 0 it stays 0.
    pub fn drain(&self) {
        self.places.fetch_or(DRAINING, Ordering::AcqRel);
    }

    pub fn draining(&self) -> bool {
        self.places.load(Ordering::Acquire) & DRAINING != 0
    }

    /// Calls in flight, and requests that are waited for.
    pub fn calls(&self) -> u64 {
        let places = self.places.load(Ordering::Acquire) & !DRAINING;
        places / AWAITED + places % AWAITED
    }

    /// Bytes of requests in flight.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }
}

/// Where the request of a permit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// It is of no request by itself.
    Nowhere,
    /// It is being read.
    Door,
    /// It has begun, and its rest is waited for.
    Awaited,
    In,
}

/// One call's place, and that of the bytes it has brought. Dropping it gives both back.
#[derive(Debug)]
pub struct Permit {
    admission: Arc<Admission>,
    place: Place,
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

    fn shrink(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.admission.bytes.fetch_sub(bytes, Ordering::AcqRel);
    }

    /// The rest of the request must be waited for. That takes some memory, and whoever drains waits for it too.
    pub fn wait(&mut self) -> Result<(), Error> {
        if self.place != Place::Door {
            return Ok(());
        }
        self.grow(WAITING)?;
        let wait = |places: u64| (places & DRAINING == 0).then_some(places + AWAITED);
        match self.admission.places.fetch_update(Ordering::AcqRel, Ordering::Acquire, wait) {
            Ok(_) => self.place = Place::Awaited,
            Err(_) => {
                self.shrink(WAITING);
                return Err(Error::Draining);
            }
        }
        Ok(())
    }

    /// The request is there and becomes a call, if it is not one; one that was waited for also when nobody else is let in
    /// any more.
    pub fn enter(&mut self) -> Result<(), Error> {
        let (admission, awaited) = (&self.admission, self.place == Place::Awaited);
        if !awaited && self.place != Place::Door {
            return Ok(());
        }
        let enter = |places: u64| match awaited {
            true => (places & CALLS < admission.max_calls).then_some(places - AWAITED + 1),
            false => admission.refusal(places).is_none().then_some(places + 1),
        };
        match admission.places.fetch_update(Ordering::AcqRel, Ordering::Acquire, enter) {
            Ok(_) => self.place = Place::In,
            Err(places) => return Err(admission.refusal(places).unwrap_or_else(|| admission.busy())),
        }
        if awaited {
            self.shrink(WAITING);
        }
        Ok(())
    }

    /// All of its bytes under a permit of their own, for work that may last longer than the call.
    pub fn split(&mut self) -> Permit {
        Permit { admission: Arc::clone(&self.admission), place: Place::Nowhere, bytes: take(&mut self.bytes) }
    }

    /// Takes over the bytes of another permit of the same admission.
    pub fn join(&mut self, mut other: Permit) {
        debug_assert!(Arc::ptr_eq(&self.admission, &other.admission));
        self.bytes += take(&mut other.bytes);
    }

    /// A permit for other bytes of the same call, none yet.
    pub fn beside(&self) -> Permit {
        self.admission.permit(Place::Nowhere)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.admission.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
        }
        let place = match self.place {
            Place::Nowhere | Place::Door => return,
            Place::Awaited => AWAITED,
            Place::In => 1,
        };
        self.admission.places.fetch_sub(place, Ordering::AcqRel);
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
    fn requests_that_are_waited_for_take_memory_but_no_calls_place() {
        let door = Admission::new(1, 3 * WAITING);
        let mut awaited: Vec<Permit> = (0..3).map(|_| door.knock().unwrap()).collect();
        assert_eq!((door.calls(), door.bytes()), (0, 0));
        assert!(awaited.iter_mut().all(|permit| permit.wait().is_ok() && permit.wait().is_ok()));
        assert_eq!((door.calls(), door.bytes()), (3, 3 * WAITING));
        assert_eq!(door.knock().unwrap().wait().err(), busy(Resource::Bytes, 3 * WAITING));
        assert!(door.admit().is_ok(), "who has come is let in");
        assert!(awaited[0].enter().is_ok() && awaited[0].enter().is_ok());
        assert_eq!((door.calls(), door.bytes()), (3, 2 * WAITING));
        assert_eq!(awaited[1].enter().err(), busy(Resource::Calls, 1));
        assert_eq!(door.knock().err(), busy(Resource::Calls, 1));
        drop(awaited);
        assert_eq!((door.calls(), door.bytes()), (0, 0));
    }

    #[test]
    fn draining_waits_for_requests_that_have_begun() {
        let door = Admission::new(1, 2 * WAITING);
        let (mut awaited, mut late) = (door.knock().unwrap(), door.knock().unwrap());
        awaited.wait().unwrap();
        door.drain();
        assert_eq!(door.calls(), 1);
        assert_eq!((late.wait(), late.enter()), (Err(Error::Draining), Err(Error::Draining)));
        assert_eq!((door.bytes(), awaited.enter()), (WAITING, Ok(())));
        drop((awaited, late));
        assert_eq!((door.calls(), door.bytes()), (0, 0));
        assert_eq!(door.knock().err(), Some(Error::Draining));
    }

    #[test]
    fn bytes_stay_with_the_work_on_them() {
        let door = Admission::new(1, 100);
        let mut call = door.admit().unwrap();
        call.grow(60).unwrap();
        let (held, mut more) = (call.split(), call.beside());
        more.grow(40).unwrap();
        drop(call);
        assert_eq!((door.calls(), door.bytes()), (0, 100));
        let mut other = door.admit().unwrap();
        other.join(held);
        other.join(more);
        assert_eq!(door.bytes(), 100);
        drop(other);
        assert_eq!((door.calls(), door.bytes()), (0, 0));
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
