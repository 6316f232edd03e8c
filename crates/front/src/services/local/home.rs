use std::cell::RefCell;
use std::sync::Arc;

use tokio::sync::Notify;

use super::call::Call;
use super::queue::Queue;
use crate::net::burst;
use crate::net::inbox::Inbox;

/// Calls whose network thread is to look at them.
pub type Told = Inbox<Arc<Call>>;

thread_local! {
    static HOME: RefCell<Option<Home>> = const { RefCell::new(None) };
}

/// A network thread's side of local calls.
struct Home {
    told: Arc<Told>,
    /// New calls, gathered while whatever else is ready on the thread has its turn.
    burst: Vec<(Arc<Queue>, Arc<Call>)>,
    begun: Arc<Notify>,
}

/// Sets up this thread's side and the tasks that run it. Must be called within the thread's runtime, which has this
/// one thread.
pub fn open_home() {
    let (told, begun) = (Arc::new(Told::default()), Arc::new(Notify::new()));
    tokio::spawn(look(Arc::clone(&told)));
    tokio::spawn(hand_over(Arc::clone(&begun)));
    HOME.with(|slot| *slot.borrow_mut() = Some(Home { told, burst: Vec::new(), begun }));
}

/// Where calls of this thread are told of.
pub fn told() -> Arc<Told> {
    // Every network thread has a home.
    HOME.with(|slot| slot.borrow().as_ref().map(|home| Arc::clone(&home.told))).unwrap_or_default()
}

/// Puts a call into its queue once whatever else is ready has had its turn.
pub fn submit(queue: &Arc<Queue>, call: Arc<Call>) {
    HOME.with(|slot| {
        let mut slot = slot.borrow_mut();
        let Some(home) = slot.as_mut() else { return };
        home.burst.push((Arc::clone(queue), call));
        if home.burst.len() == 1 {
            home.begun.notify_one();
        }
    });
}

async fn look(told: Arc<Told>) {
    loop {
        told.take().await.iter().for_each(|call| call.attend());
    }
}

async fn hand_over(begun: Arc<Notify>) {
    loop {
        begun.notified().await;
        let gathered = HOME.with(|slot| slot.borrow_mut().as_mut().map(|home| std::mem::take(&mut home.burst)));
        burst::hand_over(gathered.unwrap_or_default(), |queue, calls| queue.put(calls));
    }
}
