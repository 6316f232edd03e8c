//! The calls in flight: who asked, what is still missing, what is there already.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use salver_core::{Answer, Error, Item, Part, Tensor};
use smallvec::SmallVec;

use crate::admission::{Admission, Permit};
use crate::flow::{BatchId, Fragment, Note};
use crate::hash::FastMap;
use crate::LaneId;

/// One call as it is submitted.
#[derive(Clone, Debug)]
pub struct NewCall<C> {
    /// Chosen by the caller; never used twice in one engine.
    pub ticket: u64,
    /// Index into the servable's methods.
    pub method: usize,
    /// Columns in the order of the contract's inputs.
    pub parts: Vec<Part>,
    /// In the engine's time.
    pub deadline: Option<u64>,
    /// What it said beside its inputs, as JSON, for stages that want to know about callers.
    pub details: Option<Arc<str>>,
    /// Whether items are delivered as they come, in no particular order, or all together and ordered.
    pub streaming: bool,
    /// Handed back with every delivery.
    pub caller: C,
}

/// What the engine asks of whoever drives it.
#[derive(Clone, Debug)]
pub enum Command<C> {
    /// Give the caller these items. After `done` nothing more comes for the ticket.
    Deliver { caller: C, ticket: u64, items: Vec<Item>, done: bool },
    /// The lane, which found nothing when it last took, should take again.
    Wake(LaneId),
    /// The lane, which runs this batch, should know something.
    Tell(LaneId, BatchId, Note),
}

/// What an event brings about. To be carried out after the event, in order.
#[derive(Debug)]
pub struct Outbox<C> {
    pub commands: Vec<Command<C>>,
    /// Whether items of streaming calls are among the commands, whose order between events matters.
    pub streams: bool,
    /// Data that is done with, kept so that it is freed with the outbox and not while the engine is locked.
    pub(crate) spent: Vec<Arc<Vec<Tensor>>>,
    /// The same of items that nobody will get.
    discarded: Vec<Item>,
}

impl<C> Default for Outbox<C> {
    fn default() -> Self {
        Outbox { commands: Vec::new(), streams: false, spent: Vec::new(), discarded: Vec::new() }
    }
}

impl<C> Outbox<C> {
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    fn deliver(&mut self, call: Call<C>, ticket: u64, items: Vec<Item>) {
        self.streams |= call.streaming;
        self.discarded.extend(call.items);
        self.commands.push(Command::Deliver { caller: call.caller, ticket, items, done: true });
    }

    /// Makes room for what a batch of so many fragments brings.
    pub(crate) fn expect(&mut self, fragments: usize) {
        self.commands.reserve(fragments);
        self.spent.reserve(fragments);
    }

    /// Answers a call that was not accepted.
    pub(crate) fn answer(&mut self, call: NewCall<C>, items: Vec<Item>) {
        self.streams |= call.streaming;
        self.commands.push(Command::Deliver { caller: call.caller, ticket: call.ticket, items, done: true });
    }

    pub(crate) fn refuse(&mut self, call: NewCall<C>, error: &Error) {
        let items = Answer::failed(call.parts.iter().map(Part::rows), error).items;
        self.answer(call, items);
    }

    pub(crate) fn keep_if(&mut self, wanted: bool, fragment: Fragment) -> Option<Fragment> {
        if wanted {
            return Some(fragment);
        }
        self.spend(fragment);
        None
    }

    pub(crate) fn spend(&mut self, fragment: Fragment) {
        self.spent.push(fragment.values);
    }
}

#[derive(Debug)]
struct Call<C> {
    caller: C,
    method: usize,
    streaming: bool,
    /// Rows of each part.
    parts: SmallVec<[usize; 2]>,
    /// Rows that are not finished.
    missing: usize,
    /// Items that wait for the rest.
    items: Vec<Item>,
    /// Holds what they take.
    held: Option<Permit>,
    /// Part, first row and rows of what a streaming call was given already.
    delivered: Vec<(usize, usize, usize)>,
}

impl<C> Call<C> {
    /// Takes what an item needs that waits for the rest, if `memory` has it.
    fn hold(&mut self, bytes: u64, memory: Option<&Arc<Admission>>) -> Result<(), Error> {
        match (&mut self.held, memory) {
            (Some(held), _) => held.grow(bytes)?,
            (held, Some(memory)) => *held = Some(memory.hold(bytes)?),
            (None, None) => {}
        }
        Ok(())
    }

    /// One error for every row whose answer was not delivered.
    fn failed(&self, error: &Error) -> Vec<Item> {
        let mut delivered = self.delivered.clone();
        delivered.sort_unstable();
        let mut items = Vec::new();
        for (part, &rows) in self.parts.iter().enumerate() {
            let mut first = 0;
            let ends = delivered.iter().filter(|entry| entry.0 == part).map(|&(_, at, rows)| (at, at + rows));
            for (start, end) in ends.chain([(rows, rows)]) {
                if start > first {
                    let outcome = Err(error.clone());
                    items.push(Item { part, first, rows: start - first, last: true, outcome });
                }
                first = end;
            }
        }
        items
    }
}

/// How much memory an item takes: where rows are run one by one, that is more than its data.
fn weight(item: &Item) -> u64 {
    let columns = item.outcome.iter().flatten();
    let data: usize = columns.map(|column| size_of::<Tensor>() + column.weight()).sum();
    (size_of::<Item>() + data) as u64
}

/// Every call that was accepted and is not answered.
#[derive(Debug)]
pub(crate) struct Calls<C> {
    open: FastMap<u64, Call<C>>,
    /// Bounds what calls hold that are answered in part, if anything does.
    pub memory: Option<Arc<Admission>>,
    pub cancelled: u64,
    pub expired: u64,
}

impl<C> Default for Calls<C> {
    fn default() -> Self {
        Calls { open: FastMap::default(), memory: None, cancelled: 0, expired: 0 }
    }
}

impl<C: Clone> Calls<C> {
    pub fn len(&self) -> usize {
        self.open.len()
    }

    pub fn contains(&self, ticket: u64) -> bool {
        self.open.contains_key(&ticket)
    }

    /// Opens a call and gives its parts back, to be queued. It must have a row and a new ticket.
    pub fn open(&mut self, call: NewCall<C>) -> Vec<Part> {
        let parts: SmallVec<[usize; 2]> = call.parts.iter().map(Part::rows).collect();
        let missing = parts.iter().sum();
        let NewCall { ticket, caller, method, streaming, .. } = call;
        let (items, held, delivered) = (Vec::new(), None, Vec::new());
        self.open.insert(ticket, Call { caller, method, streaming, parts, missing, items, held, delivered });
        call.parts
    }

    /// Forgets a call; its method and the number of its rows that were not finished.
    pub fn cancel(&mut self, ticket: u64, out: &mut Outbox<C>) -> Option<(usize, usize)> {
        let call = self.open.remove(&ticket)?;
        self.cancelled += 1;
        out.discarded.extend(call.items);
        Some((call.method, call.missing))
    }

    /// Whether rows are still wanted. A call that is late is answered here.
    pub fn wants(&mut self, fragment: &Fragment, now: u64, out: &mut Outbox<C>) -> bool {
        if fragment.deadline.is_none_or(|deadline| now < deadline) {
            return self.contains(fragment.ticket);
        }
        if let Some(call) = self.open.remove(&fragment.ticket) {
            self.expired += 1;
            let items = call.failed(&Error::DeadlineExceeded);
            out.deliver(call, fragment.ticket, items);
        }
        false
    }

    /// Takes in an item of a sequence that goes on; delivers it to a streaming call.
    pub fn pass_on(&mut self, ticket: u64, item: Item, out: &mut Outbox<C>) {
        let Some(call) = self.open.get(&ticket).filter(|call| call.streaming) else { return };
        out.streams = true;
        out.commands.push(Command::Deliver { caller: call.caller.clone(), ticket, items: vec![item], done: false });
    }

    /// Takes in the last item of some rows; delivers what is due. Items of unknown calls are discarded.
    ///
    /// A call whose items take more memory than there is fails here: its other rows need not run.
    pub fn finish(&mut self, ticket: u64, item: Item, out: &mut Outbox<C>) {
        let Entry::Occupied(mut entry) = self.open.entry(ticket) else { return };
        let call = entry.get_mut();
        call.missing = call.missing.saturating_sub(item.rows);
        if call.missing == 0 {
            let mut call = entry.remove();
            let mut items = std::mem::take(&mut call.items);
            items.push(item);
            items.sort_unstable_by_key(|item| (item.part, item.first));
            out.deliver(call, ticket, items);
        } else if call.streaming {
            call.delivered.push((item.part, item.first, item.rows));
            out.streams = true;
            let caller = call.caller.clone();
            out.commands.push(Command::Deliver { caller, ticket, items: vec![item], done: false });
        } else {
            match call.hold(weight(&item), self.memory.as_ref()) {
                Ok(()) => call.items.push(item),
                Err(error) => {
                    let call = entry.remove();
                    out.discarded.push(item);
                    let items = call.failed(&error);
                    out.deliver(call, ticket, items);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use salver_core::{DType, Resource, Shape};

    fn part(rows: usize) -> Part {
        let column = Tensor::fixed(DType::U8, Shape::new([rows]), vec![0; rows].into()).unwrap();
        Part::new(rows, vec![column]).unwrap()
    }

    fn call(ticket: u64, rows: &[usize], streaming: bool) -> NewCall<&'static str> {
        let parts = rows.iter().map(|&rows| part(rows)).collect();
        NewCall { ticket, method: 0, parts, deadline: Some(100), details: None, streaming, caller: "me" }
    }

    fn item(part: usize, first: usize, rows: usize) -> Item {
        Item { part, first, rows, last: true, outcome: Ok(vec![]) }
    }

    fn fragment(ticket: u64) -> Fragment {
        Fragment {
            ticket,
            deadline: Some(100),
            method: 0,
            step: 0,
            part: 0,
            first: 0,
            rows: 1,
            values: Arc::default(),
            offset: 0,
            queued: 0,
            order: 0,
            turn: 0,
            lost: false,
            details: None,
        }
    }

    /// Part, first row and rows of each item.
    type Places = Vec<(usize, usize, usize)>;

    /// What was delivered, and whether it was the end.
    fn delivered(out: &mut Outbox<&'static str>) -> Vec<(Places, bool)> {
        let places = |items: Vec<Item>| items.iter().map(|item| (item.part, item.first, item.rows)).collect();
        let one = |command| match command {
            Command::Deliver { items, done, .. } => (places(items), done),
            Command::Wake(_) | Command::Tell(..) => panic!("calls wake nobody"),
        };
        out.commands.drain(..).map(one).collect()
    }

    #[test]
    fn a_unary_call_is_delivered_whole_and_in_order() {
        let (mut calls, mut out) = (Calls::default(), Outbox::default());
        assert_eq!(calls.open(call(7, &[2, 1], false)).len(), 2);
        for at in [item(1, 0, 1), item(0, 1, 1)] {
            calls.finish(7, at, &mut out);
            assert!(out.is_empty());
        }
        calls.finish(7, item(0, 0, 1), &mut out);
        assert_eq!(delivered(&mut out), [(vec![(0, 0, 1), (0, 1, 1), (1, 0, 1)], true)]);
        calls.finish(7, item(0, 0, 1), &mut out);
        assert!(out.is_empty() && calls.len() == 0);
    }

    #[test]
    fn a_streaming_call_is_delivered_as_it_comes() {
        let (mut calls, mut out) = (Calls::default(), Outbox::default());
        calls.open(call(7, &[3], true));
        calls.finish(7, item(0, 1, 2), &mut out);
        assert_eq!(delivered(&mut out), [(vec![(0, 1, 2)], false)]);
        calls.finish(7, item(0, 0, 1), &mut out);
        assert_eq!(delivered(&mut out), [(vec![(0, 0, 1)], true)]);
    }

    #[test]
    fn a_late_call_is_answered_once_for_every_row_not_delivered() {
        let cases: [(bool, Places); 2] =
            [(false, vec![(0, 0, 4), (1, 0, 1)]), (true, vec![(0, 0, 1), (0, 3, 1), (1, 0, 1)])];
        for (streaming, wanted) in cases {
            let (mut calls, mut out) = (Calls::default(), Outbox::default());
            calls.open(call(7, &[4, 1], streaming));
            calls.finish(7, item(0, 1, 2), &mut out);
            delivered(&mut out);
            assert!(calls.wants(&fragment(7), 99, &mut out));
            assert!(!calls.wants(&fragment(7), 100, &mut out) && !calls.wants(&fragment(7), 101, &mut out));
            assert_eq!(delivered(&mut out), [(wanted, true)]);
            assert_eq!(calls.expired, 1);
        }
    }

    fn heavy(first: usize, bytes: usize) -> Item {
        let column = Tensor::fixed(DType::U8, Shape::new([1, bytes]), vec![0; bytes].into()).unwrap();
        Item { outcome: Ok(vec![column]), ..item(0, first, 1) }
    }

    #[test]
    fn a_call_whose_items_outgrow_the_memory_fails_as_a_whole() {
        let memory = Admission::new(0, 10_000);
        let (mut calls, mut out) = (Calls { memory: Some(Arc::clone(&memory)), ..Calls::default() }, Outbox::default());
        calls.open(call(7, &[9], false));
        calls.open(call(8, &[2], false));
        calls.finish(7, heavy(0, 4000), &mut out);
        calls.finish(8, heavy(0, 4000), &mut out);
        assert!(out.is_empty() && memory.bytes() > 8000, "all calls share it");
        calls.finish(7, heavy(1, 4000), &mut out);
        assert_eq!(delivered(&mut out), [(vec![(0, 0, 9)], true)]);
        assert!(memory.bytes() < 5000 && calls.wants(&fragment(8), 0, &mut out), "the other call keeps what it has");
        calls.finish(7, heavy(2, 4000), &mut out);
        assert!(out.is_empty() && !calls.wants(&fragment(7), 0, &mut out), "its other rows need not run");
        calls.finish(8, heavy(1, 9000), &mut out);
        assert_eq!(delivered(&mut out), [(vec![(0, 0, 1), (0, 1, 1)], true)], "what is delivered at once is not held");
        assert_eq!(memory.bytes(), 0);
    }

    #[test]
    fn items_without_data_weigh_what_they_take_themselves() {
        let memory = Admission::new(0, 10_000);
        let (mut calls, mut out) = (Calls { memory: Some(memory), ..Calls::default() }, Outbox::default());
        calls.open(call(7, &[1000], false));
        (0..999).for_each(|first| calls.finish(7, item(0, first, 1), &mut out));
        let Some(Command::Deliver { items, .. }) = out.commands.pop() else { panic!("it should have failed") };
        let busy = Error::Busy { resource: Resource::Bytes, limit: 10_000 };
        assert_eq!(items, Answer::failed([1000], &busy).items);
    }

    #[test]
    fn a_cancelled_call_is_forgotten() {
        let (mut calls, mut out) = (Calls::default(), Outbox::default());
        calls.open(call(7, &[4], false));
        assert_eq!((calls.cancel(7, &mut out), calls.cancel(7, &mut out), calls.cancelled), (Some((0, 4)), None, 1));
        calls.finish(7, item(0, 0, 4), &mut out);
        assert!(out.is_empty() && !calls.wants(&fragment(7), 0, &mut out));
    }
}
