//! A servable version that is being served: the engine behind a lock, with a clock, sleeping lanes and mailboxes.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use salver_core::{Error, Item, Servable, Tensor};

use crate::admission::Admission;
use crate::calls::{Command, NewCall, Outbox};
use crate::clock;
use crate::engine::{Engine, Taken};
use crate::flow::{Batch, BatchId, BatchOutcome, Note};
use crate::lanes::LaneId;
use crate::statistics::Statistics;

/// Items for one call. After `done` nothing more comes for the ticket.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    pub ticket: u64,
    pub items: Vec<Item>,
    pub done: bool,
}

/// Where answers go. One event brings one delivery to each mailbox, however many calls it answers.
pub trait Mailbox: Send + Sync {
    /// Takes the answers in: quickly, without blocking, and without calling back into a version.
    fn deliver(&self, deliveries: Vec<Delivery>);
}

pub type Caller = Arc<dyn Mailbox>;

/// How a lane that does not wait in [`Version::take_blocking`] is reached. Quickly and without blocking.
pub trait Bell: Send + Sync {
    /// There is something to take. Whoever rings may find itself taking it.
    fn ring(&self);

    /// Something about a batch that the lane runs. It must not call back into a version.
    fn tell(&self, batch: BatchId, note: Note);

    /// There is a thread that can watch what the lane would otherwise need one of its own for.
    fn settle(self: Arc<Self>, _home: &dyn Home) {}
}

/// A thread that waits for sockets anyway.
pub trait Home: Send + Sync {
    /// Tells `resident` whenever something has come to `socket`, until it wants no more or this thread ends.
    fn watch(&self, socket: OwnedFd, resident: Arc<dyn Resident>);
}

/// Who has a socket watched. Quickly and without blocking.
pub trait Resident: Send + Sync {
    /// Something may have come since the last time; whether it wants to hear of more.
    fn readable(&self) -> bool;

    /// Nobody watches any more.
    fn homeless(&self);
}

#[derive(Clone)]
enum Reached {
    Here(Arc<Condvar>),
    There(Arc<dyn Bell>),
}

impl Reached {
    fn ring(&self) {
        match self {
            Reached::Here(condition) => condition.notify_all(),
            Reached::There(bell) => bell.ring(),
        }
    }

    fn settle(self, home: &dyn Home) {
        if let Reached::There(bell) = self {
            bell.settle(home);
        }
    }

    /// Who waits here runs its batch to the end whatever it is told.
    fn tell(&self, batch: BatchId, note: Note) {
        if let Reached::There(bell) = self {
            bell.tell(batch, note);
        }
    }
}

struct Inside {
    engine: Engine<Caller>,
    bells: BTreeMap<LaneId, Reached>,
}

/// One servable version, shared by those who submit calls and the threads that execute them.
///
/// The lock is held for the engine's bookkeeping alone: waking, delivering and freeing happen after it.
pub struct Version {
    servable: Servable,
    inside: Mutex<Inside>,
    /// Held while items of streaming calls are delivered, and taken before `inside` is released, so that they
    /// arrive in the order of events.
    turn: Mutex<()>,
    home: OnceLock<Arc<dyn Home>>,
}

impl AsRef<Servable> for Version {
    fn as_ref(&self) -> &Servable {
        &self.servable
    }
}

/// The lock's content, also after a panic elsewhere: the engine's state is whole between any two of its steps
/// that can panic, and one failed thread must not end all serving.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Version {
    /// Refuses a servable whose plans do not hold together.
    pub fn new(servable: Servable) -> Result<Arc<Version>, Error> {
        let engine = Engine::new(&servable)?;
        let inside = Mutex::new(Inside { engine, bells: BTreeMap::new() });
        Ok(Arc::new(Version { servable, inside, turn: Mutex::new(()), home: OnceLock::new() }))
    }

    pub fn servable(&self) -> &Servable {
        &self.servable
    }

    /// From now on what calls hold that are answered in part is bounded by this, which versions may share.
    pub fn hold_answers_in(&self, memory: &Arc<Admission>) {
        lock(&self.inside).engine.hold_answers_in(Arc::clone(memory));
    }

    /// Submits a burst of calls. Each is answered through its mailbox, exactly once unless it is cancelled.
    pub fn submit(&self, calls: Vec<NewCall<Caller>>) {
        self.event(|engine, now, out| calls.into_iter().for_each(|call| engine.submit(now, call, out)));
    }

    /// The caller gave up. Nothing is delivered for it that is not on its way already.
    pub fn cancel(&self, ticket: u64) {
        self.event(|engine, _, out| engine.cancel(ticket, out));
    }

    /// A thread offers to run these stages, with up to `slots` batches at a time. It waits in `take_blocking`.
    pub fn add_lane(&self, stages: Vec<usize>, slots: usize) -> LaneId {
        self.enlist(stages, slots, Reached::Here(Arc::new(Condvar::new())))
    }

    /// The same for whoever has other things to wait for too: it takes when the bell rings.
    pub fn add_lane_with_bell(&self, stages: Vec<usize>, slots: usize, bell: Arc<dyn Bell>) -> LaneId {
        let lane = self.enlist(stages, slots, Reached::There(Arc::clone(&bell)));
        if let Some(home) = self.home.get() {
            bell.settle(&**home);
        }
        lane
    }

    /// Where lanes with a bell may live from now on. The first one stays.
    pub fn settle(&self, home: &Arc<dyn Home>) {
        if self.home.set(Arc::clone(home)).is_ok() {
            let bells: Vec<Reached> = lock(&self.inside).bells.values().cloned().collect();
            bells.into_iter().for_each(|bell| bell.settle(&**home));
        }
    }

    fn enlist(&self, stages: Vec<usize>, slots: usize, reached: Reached) -> LaneId {
        let mut inside = lock(&self.inside);
        let lane = inside.engine.add_lane(stages, slots);
        inside.bells.insert(lane, reached);
        lane
    }

    /// A batch if there is one now.
    pub fn take(&self, lane: LaneId) -> Taken {
        let mut out = Outbox::default();
        let mut inside = lock(&self.inside);
        let taken = inside.engine.take(clock::now(), lane, &mut out);
        self.carry_out(inside, out);
        taken
    }

    /// Waits for a batch. `None` means never again: the lane was lost, or the version is closed and every call
    /// answered.
    pub fn take_blocking(&self, lane: LaneId) -> Option<Batch> {
        let mut inside = lock(&self.inside);
        loop {
            let mut out = Outbox::default();
            let taken = inside.engine.take(clock::now(), lane, &mut out);
            let until = match taken {
                Taken::Idle { until } if out.is_empty() => until,
                Taken::Idle { .. } => {
                    // Others come first; what happens meanwhile is seen by taking again.
                    self.carry_out(inside, out);
                    inside = lock(&self.inside);
                    continue;
                }
                Taken::Batch(batch) => {
                    self.carry_out(inside, out);
                    return Some(batch);
                }
                Taken::Gone => {
                    self.carry_out(inside, out);
                    return None;
                }
            };
            let Some(Reached::Here(bell)) = inside.bells.get(&lane).cloned() else { return None };
            inside = wait(&bell, inside, until);
        }
    }

    /// A batch is being run. From here on it is not run elsewhere when its lane is lost.
    pub fn started(&self, batch: BatchId) {
        lock(&self.inside).engine.started(clock::now(), batch);
    }

    /// A batch is done.
    pub fn finish(&self, batch: BatchId, outcome: BatchOutcome) {
        self.event(|engine, now, out| engine.finish(now, batch, outcome, out));
    }

    /// A lane is gone, with what it had. Whoever waits on it is let go.
    pub fn lose_lane(&self, lane: LaneId) {
        let mut inside = lock(&self.inside);
        let mut out = Outbox::default();
        inside.engine.lose_lane(clock::now(), lane, &mut out);
        let bell = inside.bells.remove(&lane);
        self.carry_out(inside, out);
        if let Some(bell) = bell {
            bell.ring();
        }
    }

    /// Stages that no lane is left for fail what waits for them, and whatever comes until there is one.
    pub fn abandon_unserved(&self) {
        self.event(|engine, now, out| engine.abandon_unserved(now, out));
    }

    /// Whether nobody is left to run some stage, so that calls are refused until somebody comes.
    pub fn is_abandoned(&self) -> bool {
        lock(&self.inside).engine.is_abandoned()
    }

    /// One item of the sequence that answers a batch's only row; more come.
    pub fn item(&self, batch: BatchId, columns: Vec<Tensor>) {
        self.event(|engine, _, out| engine.item(batch, columns, out));
    }

    /// The caller of a sequence has room for more items.
    pub fn credit(&self, ticket: u64, items: u32) {
        self.event(|engine, _, out| engine.credit(ticket, items, out));
    }

    /// Accepts nothing more; what was accepted is answered, then the lanes end.
    pub fn close(&self) {
        self.event(|engine, _, out| engine.close(out));
    }

    /// Calls that were accepted and are neither answered nor cancelled.
    pub fn in_flight(&self) -> usize {
        lock(&self.inside).engine.in_flight()
    }

    pub fn statistics(&self) -> Statistics {
        lock(&self.inside).engine.statistics()
    }

    fn event(&self, event: impl FnOnce(&mut Engine<Caller>, u64, &mut Outbox<Caller>)) {
        let mut out = Outbox::default();
        let mut inside = lock(&self.inside);
        event(&mut inside.engine, clock::now(), &mut out);
        self.carry_out(inside, out);
    }

    /// Releases the lock and does what the engine asked for.
    fn carry_out(&self, inside: MutexGuard<'_, Inside>, mut out: Outbox<Caller>) {
        let mut rung = Vec::new();
        let mut told = Vec::new();
        let mut mail: Vec<(Caller, Vec<Delivery>)> = Vec::new();
        for command in out.commands.drain(..) {
            match command {
                Command::Wake(lane) => rung.extend(inside.bells.get(&lane).cloned()),
                Command::Tell(lane, batch, note) => {
                    told.extend(inside.bells.get(&lane).cloned().map(|bell| (bell, batch, note)));
                }
                Command::Deliver { caller, ticket, items, done } => {
                    post(&mut mail, caller, Delivery { ticket, items, done });
                }
            }
        }
        let turn = out.streams.then(|| lock(&self.turn));
        drop(inside);
        told.into_iter().for_each(|(bell, batch, note)| bell.tell(batch, note));
        mail.into_iter().for_each(|(mailbox, deliveries)| mailbox.deliver(deliveries));
        drop(turn);
        // Whoever is rung may come back to this version.
        rung.iter().for_each(Reached::ring);
    }
}

/// Sleeps until the bell rings or it is time, whichever is first.
fn wait<'a>(bell: &Condvar, inside: MutexGuard<'a, Inside>, until: Option<u64>) -> MutexGuard<'a, Inside> {
    match until {
        None => bell.wait(inside).unwrap_or_else(PoisonError::into_inner),
        Some(until) => {
            let left = Duration::from_nanos(until.saturating_sub(clock::now()));
            bell.wait_timeout(inside, left).unwrap_or_else(PoisonError::into_inner).0
        }
    }
}

/// Adds a delivery to its mailbox's. There are few mailboxes, one for each network thread.
fn post(mail: &mut Vec<(Caller, Vec<Delivery>)>, caller: Caller, delivery: Delivery) {
    let same = |other: &Caller| std::ptr::addr_eq(Arc::as_ptr(other), Arc::as_ptr(&caller));
    match mail.iter_mut().find(|(mailbox, _)| same(mailbox)) {
        Some((_, deliveries)) => deliveries.push(delivery),
        None => mail.push((caller, vec![delivery])),
    }
}
