use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

/// Where other threads put what a network thread is to see. It is woken once for all that waits.
pub struct Inbox<T> {
    waiting: Mutex<Vec<T>>,
    arrived: Notify,
}

impl<T> Default for Inbox<T> {
    fn default() -> Inbox<T> {
        Inbox { waiting: Mutex::default(), arrived: Notify::new() }
    }
}

impl<T> Inbox<T> {
    pub fn put(&self, arrived: impl IntoIterator<Item = T>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let first = waiting.is_empty();
        waiting.extend(arrived);
        drop(waiting);
        if first {
            self.arrived.notify_one();
        }
    }

    /// Waits until there is something, and takes it.
    pub async fn take(&self) -> Vec<T> {
        self.arrived.notified().await;
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
