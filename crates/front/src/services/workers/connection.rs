use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Weak};

use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::UnixStream;
use tokio::sync::OnceCell;

use super::body::Forwarded;
use super::Worker;

pub type Sender = SendRequest<Forwarded>;

/// How much of one call's reply may wait here for a caller who does not read. It is little, and that of all calls is not
/// bounded further, because the HTTP library ends a connection on which too many small pieces wait for the size of its
/// window: slow callers of talkative handlers must not cost a worker its connection.
const STREAM_WINDOW: u32 = 128 << 10;
const CONNECTION_WINDOW: u32 = 1 << 30;

/// A worker's address is its key for as long as the weak reference keeps the address taken.
type Connections = HashMap<usize, (Weak<Worker>, Arc<OnceCell<Sender>>)>;

thread_local! {
    /// Each network thread has connections of its own.
    static CONNECTIONS: RefCell<Connections> = RefCell::default();
}

/// This thread's connection to a worker, made when there is none.
pub async fn connection(worker: &Arc<Worker>) -> io::Result<Sender> {
    let cell = CONNECTIONS.with_borrow_mut(|connections| {
        let key = Arc::as_ptr(worker) as usize;
        if !connections.contains_key(&key) {
            connections.retain(|_, (worker, _)| worker.upgrade().is_some_and(|worker| !worker.is_lost()));
            connections.insert(key, (Arc::downgrade(worker), Arc::default()));
        }
        connections.get(&key).map(|(_, cell)| Arc::clone(cell)).unwrap_or_default()
    });
    cell.get_or_try_init(|| connect(worker)).await.cloned()
}

async fn connect(worker: &Arc<Worker>) -> io::Result<Sender> {
    let stream = UnixStream::connect(&worker.socket).await?;
    let mut builder = Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(STREAM_WINDOW).initial_connection_window_size(CONNECTION_WINDOW);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let worker = Arc::clone(worker);
    tokio::spawn(async move {
        // However it ends, every call on it fails by itself.
        let _ = connection.await;
        forget(&worker);
        // A worker may end a connection and live: it is lost when nobody is there any more.
        if UnixStream::connect(&worker.socket).await.is_err() {
            worker.lose();
        }
    });
    Ok(sender)
}

/// Has this thread's next call of a worker make a connection anew.
pub fn forget(worker: &Arc<Worker>) {
    CONNECTIONS.with_borrow_mut(|connections| connections.remove(&(Arc::as_ptr(worker) as usize)));
}
