//! What waits for one stage, and how batches are cut from it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use salver_core::{Batching, Signature, StageSpec};

use crate::faults::Trial;
use crate::flow::{Fragment, Reason};

/// A stage's policy, ready for use.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// The most rows that run together.
    pub max: usize,
    /// How long an executor waits for more, in nanoseconds.
    pub wait: u64,
    pub row_by_row: bool,
    /// The most rows that may wait.
    pub room: usize,
    /// The most rows of one call.
    pub longest_call: usize,
    /// Whether a call of more than `max` rows is cut into pieces of so many.
    pub split_calls: bool,
}

/// Rows of one call that are not split run in pieces of so many bytes all the same: while it runs, a model takes many
/// times what it is given.
const LARGEST_PIECE: usize = 16 << 20;

impl Rule {
    pub fn of(stage: &StageSpec) -> Rule {
        let max = match stage.batching {
            Batching::Batched => stage.policy.max_batch_size.max(1),
            Batching::Unbatched(_) => 1,
        };
        // A float that is negative or no number becomes 0, one that is too large the largest.
        let wait = (stage.policy.max_wait_ms * 1e6) as u64;
        let room = stage.policy.max_waiting_batches.map_or(usize::MAX, |batches| batches.saturating_mul(max));
        let longest_call = stage.policy.max_call_rows.unwrap_or(usize::MAX);
        let row_by_row = stage.policy.row_by_row;
        let split_calls = stage.policy.split_calls || row_by_row || stage.batching != Batching::Batched;
        Rule { max, wait, row_by_row, room, longest_call, split_calls }
    }

    /// Whether so many rows need not wait for more. Where nobody waits, nobody asks.
    fn is_full(&self, rows: usize) -> bool {
        self.wait > 0 && rows >= self.max
    }
}

/// What a batch is made of.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub fragments: Vec<Fragment>,
    pub rows: usize,
    pub reason: Reason,
    /// The trial it is half of.
    pub trial: Option<Trial>,
}

/// Why gathering stopped.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stop {
    Full,
    Split,
    Empty,
}

/// Fragments of one signature, oldest first.
#[derive(Debug)]
struct Family {
    signature: Signature,
    fragments: VecDeque<Fragment>,
    rows: usize,
}

impl Family {
    fn pop(&mut self) -> Option<Fragment> {
        let fragment = self.fragments.pop_front()?;
        self.rows -= fragment.rows;
        Some(fragment)
    }

    fn push_front(&mut self, fragment: Fragment) {
        self.rows += fragment.rows;
        self.fragments.push_front(fragment);
    }

    /// Takes up to `limit` rows of what `sieve` lets through. Only a fragment that alone exceeds it is cut, or run by
    /// itself.
    fn gather(
        &mut self,
        limit: usize,
        split_calls: bool,
        sieve: &mut impl FnMut(Fragment) -> Option<Fragment>,
    ) -> (Vec<Fragment>, Stop) {
        let (mut taken, mut rows) = (Vec::with_capacity(self.fragments.len().min(limit)), 0);
        while rows < limit {
            let Some(head) = self.pop() else { return (taken, Stop::Empty) };
            let Some(mut head) = sieve(head) else { continue };
            if rows + head.rows <= limit {
                rows += head.rows;
                taken.push(head);
            } else if rows == 0 {
                let piece = if split_calls { limit } else { limit.max(head.rows_within(LARGEST_PIECE)) };
                taken.push(head.cut(piece));
                if head.rows == 0 {
                    return (taken, Stop::Full);
                }
                self.push_front(head);
                return (taken, Stop::Split);
            } else {
                self.push_front(head);
                return (taken, Stop::Full);
            }
        }
        (taken, Stop::Full)
    }
}

fn count(fragments: &[Fragment]) -> usize {
    fragments.iter().map(|fragment| fragment.rows).sum()
}

/// The queue of one stage: families of fragments by signature, and before them whatever must run by itself.
///
/// A call that is cut into pieces has its turn piece by piece: the rest of it waits behind whoever is there.
#[derive(Debug)]
pub(crate) struct Queue {
    pub rule: Rule,
    /// Families by the place of their oldest fragment.
    by_age: BTreeMap<u64, Family>,
    /// Where in `by_age` a signature is. Callers choose shapes, so nothing is hashed that they could make collide.
    places: BTreeMap<Signature, u64>,
    /// Ready batches that run before everything else.
    urgent: VecDeque<(Vec<Fragment>, Option<Trial>)>,
    rows: usize,
    pushed: u64,
    /// Where in `by_age` families are that need not wait any longer: they have rows for a whole batch.
    full: BTreeSet<u64>,
    /// Rows of calls that were given up, of which some may wait here.
    stale: usize,
    /// The room of a family that came to its end, for the next one.
    spare: VecDeque<Fragment>,
}

impl Queue {
    pub fn new(rule: Rule) -> Queue {
        let (by_age, places, urgent, full, spare) = Default::default();
        Queue { rule, by_age, places, urgent, rows: 0, pushed: 0, full, stale: 0, spare }
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Appends a fragment that enters the queue now.
    pub fn push(&mut self, mut fragment: Fragment, signature: Signature, now: u64) {
        fragment.queued = now;
        self.line_up(&mut fragment, now);
        self.rows += fragment.rows;
        let place = self.places.get(&signature).copied();
        let Some((place, family)) = place.and_then(|place| Some((place, self.by_age.get_mut(&place)?))) else {
            let (rows, mut fragments) = (fragment.rows, std::mem::take(&mut self.spare));
            fragments.push_back(fragment);
            return self.restore(Family { signature, fragments, rows });
        };
        family.rows += fragment.rows;
        family.fragments.push_back(fragment);
        if self.rule.is_full(family.rows) {
            self.full.insert(place);
        }
    }

    /// Gives a fragment the last place.
    fn line_up(&mut self, fragment: &mut Fragment, now: u64) {
        (fragment.order, fragment.turn) = (self.pushed, now);
        self.pushed += 1;
    }

    /// The head of a family, the rest of a call that has just had its turn, waits behind the others.
    fn send_back(&mut self, family: &mut Family, now: u64) {
        if let Some(mut rest) = family.fragments.pop_front() {
            self.line_up(&mut rest, now);
            family.fragments.push_back(rest);
        }
    }

    /// Puts back in front what was taken and not run. All must have this signature.
    pub fn push_front(&mut self, fragments: Vec<Fragment>, signature: Signature) {
        self.rows += count(&fragments);
        let place = self.places.get(&signature).copied();
        let known = place.and_then(|place| self.remove(place));
        let mut family = known.unwrap_or(Family { signature, fragments: VecDeque::new(), rows: 0 });
        fragments.into_iter().rev().for_each(|fragment| family.push_front(fragment));
        self.restore(family);
    }

    /// Queues a batch before everything else, to be run as it is.
    pub fn push_urgent(&mut self, fragments: Vec<Fragment>, trial: Option<Trial>) {
        self.rows += count(&fragments);
        self.urgent.push_back((fragments, trial));
    }

    /// When there is something to take: `None` if nothing waits, 0 if at once.
    pub fn due(&self, now: u64) -> Option<u64> {
        if !self.urgent.is_empty() {
            return Some(0);
        }
        let ripe = self.family_due()?;
        Some(if ripe <= now || !self.full.is_empty() { 0 } else { ripe })
    }

    /// Since when the oldest fragment has waited for its turn: what comes first when a lane serves several stages.
    pub fn oldest(&self) -> u64 {
        let head = self.by_age.values().next().and_then(|family| family.fragments.front());
        if self.urgent.is_empty() {
            head.map_or(u64::MAX, |head| head.turn)
        } else {
            0
        }
    }

    /// When the oldest family's head has waited long enough.
    fn family_due(&self) -> Option<u64> {
        let family = self.by_age.values().next()?;
        Some(family.fragments.front().map_or(0, |head| head.queued.saturating_add(self.rule.wait)))
    }

    /// The place of the oldest family that may be run now.
    fn ripe(&self, now: u64) -> Option<u64> {
        if self.family_due()? <= now {
            return self.by_age.keys().next().copied();
        }
        self.full.first().copied()
    }

    fn remove(&mut self, place: u64) -> Option<Family> {
        let family = self.by_age.remove(&place)?;
        self.places.remove(&family.signature);
        self.full.remove(&place);
        Some(family)
    }

    fn restore(&mut self, family: Family) {
        let Some(head) = family.fragments.front() else {
            self.spare = family.fragments;
            return;
        };
        if self.rule.is_full(family.rows) {
            self.full.insert(head.order);
        }
        self.places.insert(family.signature.clone(), head.order);
        self.by_age.insert(head.order, family);
    }

    /// Takes a batch if one is due; `share` is the part of the waiting rows that it should have, if not all.
    ///
    /// Only what `sieve` lets through is taken; what it keeps is gone. A half of a trial that it kept altogether
    /// comes as a batch without fragments.
    pub fn take(
        &mut self,
        now: u64,
        share: Option<usize>,
        sieve: &mut impl FnMut(Fragment) -> Option<Fragment>,
    ) -> Option<Gathered> {
        while let Some((fragments, trial)) = self.urgent.pop_front() {
            self.rows -= count(&fragments);
            let fragments: Vec<Fragment> = fragments.into_iter().filter_map(&mut *sieve).collect();
            if !fragments.is_empty() || trial.is_some() {
                return Some(Gathered { rows: count(&fragments), fragments, reason: Reason::Isolation, trial });
            }
        }
        loop {
            let place = self.ripe(now)?;
            let family = self.remove(place)?;
            if let Some(gathered) = self.take_from(family, now, share, sieve) {
                return Some(gathered);
            }
        }
    }

    /// Takes a batch from a family that was removed because it seemed ripe, and puts the rest of it back.
    fn take_from(
        &mut self,
        mut family: Family,
        now: u64,
        share: Option<usize>,
        sieve: &mut impl FnMut(Fragment) -> Option<Fragment>,
    ) -> Option<Gathered> {
        let max = self.rule.max;
        let limit = share.unwrap_or(max).clamp(1, max);
        let before = family.rows;
        let (fragments, stop) = family.gather(limit, self.rule.split_calls, sieve);
        let rows = count(&fragments);
        let waited = fragments.first().is_some_and(|head| head.queued.saturating_add(self.rule.wait) <= now);
        if rows == 0 || !(waited || rows + family.rows >= max) {
            // Enough was dropped that it is not ripe after all.
            fragments.into_iter().rev().for_each(|fragment| family.push_front(fragment));
            self.rows -= before - family.rows;
            self.restore(family);
            return None;
        }
        self.rows -= before - family.rows;
        if stop == Stop::Split {
            self.send_back(&mut family, now);
        }
        self.restore(family);
        let reason = match stop {
            Stop::Full | Stop::Split if limit < max => Reason::IdleExecutor,
            Stop::Full => Reason::Full,
            Stop::Split => Reason::Split,
            Stop::Empty if self.rule.wait > 0 => Reason::Timer,
            Stop::Empty if self.by_age.is_empty() => Reason::IdleExecutor,
            Stop::Empty => Reason::Signature,
        };
        Some(Gathered { fragments, rows, reason, trial: None })
    }

    /// Notes that a call with so many rows was given up; whether so many were that the queue should be swept.
    pub fn forget(&mut self, rows: usize) -> bool {
        self.stale += rows;
        self.stale * 2 > self.rows
    }

    /// Drops what `sieve` does not let through; the number of rows that were dropped.
    pub fn sweep(&mut self, sieve: &mut impl FnMut(Fragment) -> Option<Fragment>) -> usize {
        let before = std::mem::take(&mut self.rows);
        self.stale = 0;
        self.full.clear();
        self.places.clear();
        for (fragments, _) in &mut self.urgent {
            *fragments = fragments.drain(..).filter_map(&mut *sieve).collect();
            self.rows += count(fragments);
        }
        for mut family in std::mem::take(&mut self.by_age).into_values() {
            family.fragments = family.fragments.drain(..).filter_map(&mut *sieve).collect();
            family.rows = family.fragments.iter().map(|fragment| fragment.rows).sum();
            self.rows += family.rows;
            self.restore(family);
        }
        before - self.rows
    }

    /// Everything that waits, each half of a trial by itself.
    pub fn drain(&mut self) -> Vec<(Vec<Fragment>, Option<Trial>)> {
        let mut waiting: Vec<_> = self.urgent.drain(..).collect();
        let mut others = Vec::new();
        self.sweep(&mut |fragment| {
            others.push(fragment);
            None
        });
        waiting.push((others, None));
        waiting
    }

    /// Empties the queue into `sieve`, which keeps everything.
    pub fn clear(&mut self, sieve: &mut impl FnMut(Fragment) -> Option<Fragment>) {
        self.sweep(sieve);
        self.urgent.clear();
    }
}
