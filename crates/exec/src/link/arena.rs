//! Memory that two processes share, in sealed files: the one place that looks at mapped memory.
//!
//! What makes the two slices here sound: the file is sealed against shrinking, so that a mapping never loses its
//! pages; every range is checked against the mapping; and a range belongs to one side at a time: the producer writes
//! it only between taking it from its free ranges and sending the frame that names it, the consumer reads it only
//! between receiving that frame and giving the range back. A worker that breaks this can make its own tensors
//! change while they are read, never anything else: no length, offset or header is ever read from shared memory.

#![allow(unsafe_code)]

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::{fcntl_get_seals, SealFlags};

/// The first page is not for tensors.
const HEADER: usize = 4096;

/// Ranges begin at multiples of this.
const GRAIN: usize = 4096;

/// One mapped file.
pub struct Arena {
    map: MmapRaw,
}

impl Arena {
    /// Maps a whole file. It must be sealed against shrinking.
    pub fn map(file: OwnedFd) -> io::Result<Arc<Arena>> {
        let seals = fcntl_get_seals(&file)?;
        let file = std::fs::File::from(file);
        let size = usize::try_from(file.metadata()?.len()).unwrap_or(0);
        if !seals.contains(SealFlags::SHRINK) || size < HEADER {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "an arena must be a file sealed against shrinking",
            ));
        }
        Ok(Arc::new(Arena { map: MmapOptions::new().len(size).map_raw(&file)? }))
    }

    /// How many batches were started: one more than the number of the last.
    pub fn started(&self) -> u64 {
        self.board().load(Ordering::Acquire)
    }

    pub fn set_started(&self, count: u64) {
        self.board().store(count, Ordering::Release);
    }

    fn board(&self) -> &AtomicU64 {
        // SAFETY: a mapping is aligned to pages and has at least the header; the word is only ever used as an atomic.
        unsafe { AtomicU64::from_ptr(self.map.as_mut_ptr().cast()) }
    }

    fn holds(&self, offset: usize, len: usize) -> bool {
        offset >= HEADER && offset.checked_add(len).is_some_and(|end| end <= self.map.len())
    }

    fn view(&self, offset: usize, len: usize) -> &[u8] {
        assert!(self.holds(offset, len));
        // SAFETY: the range lies within the mapping and is the consumer's (see the module).
        unsafe { std::slice::from_raw_parts(self.map.as_ptr().add(offset), len) }
    }

    #[allow(clippy::mut_from_ref)] // the ranges that `Outgoing` hands out are disjoint
    fn room(&self, offset: usize, len: usize) -> &mut [u8] {
        assert!(self.holds(offset, len));
        // SAFETY: the range lies within the mapping and is the producer's (see the module).
        unsafe { std::slice::from_raw_parts_mut(self.map.as_mut_ptr().add(offset), len) }
    }
}

/// The producer's side: which ranges are free.
pub struct Outgoing {
    arena: Option<Arc<Arena>>,
    free: BTreeMap<usize, usize>,
    taken: HashMap<usize, usize>,
}

impl Outgoing {
    /// Without an arena there is never any room.
    pub fn new(arena: Option<Arc<Arena>>) -> Outgoing {
        let free = arena.iter().map(|arena| (HEADER, arena.map.len() - HEADER)).collect();
        Outgoing { arena, free, taken: HashMap::new() }
    }

    /// Has a range of this length filled; its offset, or `None` if there is no room.
    pub fn put(&mut self, len: usize, fill: impl FnOnce(&mut [u8])) -> Option<usize> {
        let arena = self.arena.as_ref()?;
        let size = len.checked_next_multiple_of(GRAIN)?.max(GRAIN);
        let (&offset, &room) = self.free.iter().find(|(_, &room)| room >= size)?;
        self.free.remove(&offset);
        if room > size {
            self.free.insert(offset + size, room - size);
        }
        self.taken.insert(offset, size);
        fill(arena.room(offset, len));
        Some(offset)
    }

    /// The consumer is done with a range. One that it does not have is ignored.
    pub fn release(&mut self, offset: usize) {
        let Some(mut size) = self.taken.remove(&offset) else { return };
        let mut start = offset;
        if let Some(next) = self.free.remove(&(offset + size)) {
            size += next;
        }
        if let Some((&before, &room)) = self.free.range(..start).next_back() {
            if before + room == start {
                self.free.remove(&before);
                (start, size) = (before, size + room);
            }
        }
        self.free.insert(start, size);
    }
}

/// The consumer's side: leases, and those that have ended.
pub struct Incoming {
    arena: Option<Arc<Arena>>,
    released: Arc<Mutex<Vec<u64>>>,
}

impl Incoming {
    pub fn new(arena: Option<Arc<Arena>>) -> Incoming {
        Incoming { arena, released: Arc::default() }
    }

    /// The bytes of a range that a frame named; `None` if there is no such range. It is released when the last of
    /// them is dropped.
    pub fn lease(&self, offset: usize, len: usize) -> Option<Bytes> {
        let arena = Arc::clone(self.arena.as_ref().filter(|arena| arena.holds(offset, len))?);
        Some(Bytes::from_owner(Lease { arena, released: Arc::clone(&self.released), offset, len }))
    }

    /// The offsets whose leases have ended since last time.
    pub fn ended(&self) -> Vec<u64> {
        std::mem::take(&mut *self.released.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Lease {
    arena: Arc<Arena>,
    released: Arc<Mutex<Vec<u64>>>,
    offset: usize,
    len: usize,
}

impl AsRef<[u8]> for Lease {
    fn as_ref(&self) -> &[u8] {
        self.arena.view(self.offset, self.len)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.released.lock().unwrap_or_else(PoisonError::into_inner).push(self.offset as u64);
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use rustix::fs::{fcntl_add_seals, ftruncate, memfd_create, MemfdFlags};

    pub fn file(size: usize) -> OwnedFd {
        let file = memfd_create("arena", MemfdFlags::ALLOW_SEALING | MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&file, size as u64).unwrap();
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL).unwrap();
        file
    }

    #[test]
    fn ranges_are_given_out_and_taken_back() {
        let mut out = Outgoing::new(Some(Arena::map(file(HEADER + 4 * GRAIN)).unwrap()));
        let offsets: Vec<_> = (0..4).map(|_| out.put(GRAIN, |_| ()).unwrap()).collect();
        assert_eq!(out.put(1, |_| ()), None, "it is full");
        out.release(offsets[1]);
        out.release(offsets[1]);
        out.release(12345);
        assert_eq!(out.put(2 * GRAIN, |_| ()), None, "one range is free");
        out.release(offsets[2]);
        assert_eq!(out.put(2 * GRAIN, |_| ()), Some(offsets[1]), "neighbours are joined");
        offsets.iter().for_each(|&offset| out.release(offset));
        assert_eq!(out.free.len(), 1);
        assert_eq!(out.put(usize::MAX, |_| ()), None);
    }

    #[test]
    fn what_one_side_writes_the_other_reads_until_it_lets_go() {
        let arena = Arena::map(file(HEADER + GRAIN)).unwrap();
        let (mut out, incoming) = (Outgoing::new(Some(Arc::clone(&arena))), Incoming::new(Some(arena)));
        let offset = out.put(3, |room| room.copy_from_slice(b"abc")).unwrap();
        let lease = incoming.lease(offset, 3).unwrap();
        let view = lease.slice(1..);
        drop(lease);
        assert_eq!((&view[..], incoming.ended()), (&b"bc"[..], vec![]));
        drop(view);
        assert_eq!(incoming.ended(), [offset as u64]);
    }

    #[test]
    fn ranges_outside_are_refused() {
        let incoming = Incoming::new(Some(Arena::map(file(2 * HEADER)).unwrap()));
        for (offset, len) in [(0, 1), (HEADER, HEADER + 1), (usize::MAX, 2), (2 * HEADER, 1)] {
            assert!(incoming.lease(offset, len).is_none(), "{offset} {len}");
        }
    }

    #[test]
    fn files_that_could_shrink_are_refused() {
        let file = memfd_create("arena", MemfdFlags::ALLOW_SEALING).unwrap();
        ftruncate(&file, 1 << 16).unwrap();
        assert!(Arena::map(file).is_err());
    }
}
