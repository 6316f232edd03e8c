use std::collections::VecDeque;

use crate::services::{Event, Message};

/// So many messages, or so many bytes of them, wait in either direction before the other side has to.
const MESSAGES: usize = 64;
const BYTES: usize = 256 * 1024;

/// Messages on their way in one direction.
pub struct Backlog<T> {
    items: VecDeque<T>,
    bytes: usize,
}

impl<T> Default for Backlog<T> {
    fn default() -> Backlog<T> {
        Backlog { items: VecDeque::new(), bytes: 0 }
    }
}

pub trait Weighed {
    fn weight(&self) -> usize;
}

impl Weighed for Message {
    fn weight(&self) -> usize {
        self.bytes.len()
    }
}

impl Weighed for Event {
    fn weight(&self) -> usize {
        match self {
            Event::Message { bytes, .. } => bytes.len(),
            Event::Metadata { .. } | Event::End(_) => 0,
        }
    }
}

impl<T: Weighed> Backlog<T> {
    pub fn push(&mut self, item: T) {
        self.bytes += item.weight();
        self.items.push_back(item);
    }

    pub fn pop(&mut self) -> Option<T> {
        let item = self.items.pop_front()?;
        self.bytes -= item.weight();
        Some(item)
    }

    pub fn is_full(&self) -> bool {
        self.items.len() >= MESSAGES || self.bytes >= BYTES
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether whoever waited for room should go on. Before it is half empty that would not be worth it.
    pub fn is_roomy(&self) -> bool {
        self.items.len() <= MESSAGES / 2 && self.bytes <= BYTES / 2
    }

    pub fn clear(&mut self) {
        *self = Backlog::default();
    }
}
