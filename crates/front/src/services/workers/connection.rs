use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
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

/// What begins a connection, and the settings that a server waits for: none.
const GREETING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

type Cell = OnceCell<Sender>;

/// A worker's address is its key for as long as the weak reference keeps the address taken.
type Connections = HashMap<usize, (Weak<Worker>, Arc<Cell>)>;

thread_local! {
    /// Each network thread has connections of its own.
    static CONNECTIONS: RefCell<Connections> = RefCell::default();
}

/// One of this thread's connections.
pub struct Connection {
    pub sender: Sender,
    cell: Arc<Cell>,
}

impl Connection {
    /// Has this thread's next call of the worker make a connection anew, unless that is done.
    pub fn forget(&self, worker: &Arc<Worker>) {
        forget(worker, Arc::as_ptr(&self.cell));
    }
}

fn forget(worker: &Arc<Worker>, cell: *const Cell) {
    let key = Arc::as_ptr(worker) as usize;
    CONNECTIONS.with_borrow_mut(|connections| {
        if connections.get(&key).is_some_and(|(_, kept)| Arc::as_ptr(kept) == cell) {
            connections.remove(&key);
        }
    });
}

/// This thread's connection to a worker, made when there is none. It ends when a worker that has calls is silent for
/// `patience`, is asked, and is silent for as long again.
pub async fn connection(worker: &Arc<Worker>, patience: Duration) -> io::Result<Connection> {
    let cell = CONNECTIONS.with_borrow_mut(|connections| {
        let key = Arc::as_ptr(worker) as usize;
        if !connections.contains_key(&key) {
            connections.retain(|_, (worker, _)| worker.upgrade().is_some_and(|worker| !worker.is_lost()));
            connections.insert(key, (Arc::downgrade(worker), Arc::default()));
        }
        connections.get(&key).map(|(_, cell)| Arc::clone(cell)).unwrap_or_default()
    });
    let sender = cell.get_or_try_init(|| connect(worker, Arc::downgrade(&cell), patience)).await.cloned()?;
    Ok(Connection { sender, cell })
}

/// Whether nobody is there any more.
pub fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound)
}

async fn connect(worker: &Arc<Worker>, cell: Weak<Cell>, patience: Duration) -> io::Result<Sender> {
    let stream = UnixStream::connect(&worker.socket).await?;
    let mut builder = Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(STREAM_WINDOW).initial_connection_window_size(CONNECTION_WINDOW);
    builder.timer(TokioTimer::new()).keep_alive_interval(patience).keep_alive_timeout(patience);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let worker = Arc::clone(worker);
    tokio::spawn(async move {
        // However it ends, every call on it fails by itself.
        let _ = connection.await;
        forget(&worker, cell.as_ptr());
        look_for(&worker).await;
    });
    Ok(sender)
}

/// Finds out what has become of a worker whose connection has ended. It may live, and it may be there and hang: it is lost
/// when nobody is there any more, and silent until it says something.
async fn look_for(worker: &Arc<Worker>) {
    worker.silent.store(true, Ordering::Release);
    let heard = greet(worker).await;
    worker.silent.store(false, Ordering::Release);
    if heard.is_err() && UnixStream::connect(&worker.socket).await.is_err_and(|error| is_gone(&error)) {
        worker.lose();
    }
}

/// Waits for a worker to say something.
async fn greet(worker: &Arc<Worker>) -> io::Result<u8> {
    let mut stream = UnixStream::connect(&worker.socket).await?;
    stream.write_all(GREETING).await?;
    stream.read_u8().await
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::os::unix::net::UnixListener;
    use std::sync::atomic::{AtomicBool, AtomicUsize};

    use tokio::net::UnixListener as Listener;
    use tokio::time::timeout;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    async fn soon<T>(work: impl Future<Output = T>) -> T {
        timeout(PATIENCE, work).await.expect("nothing came")
    }

    #[test]
    fn the_end_of_an_old_connection_leaves_the_new_one() {
        let socket = std::env::temp_dir().join(format!("salver-connection-{}", std::process::id()));
        let listener = UnixListener::bind(&socket).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (calls, begun) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (silent, lost) = (AtomicBool::new(false), AtomicBool::new(false));
        let worker = Arc::new(Worker { socket: socket.clone(), calls, begun, silent, lost });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = Listener::from_std(listener).unwrap();
            let old = soon(connection(&worker, PATIENCE)).await.unwrap();
            let (near, _) = soon(listener.accept()).await.unwrap();
            old.forget(&worker);
            let new = soon(connection(&worker, PATIENCE)).await.unwrap();
            let (_kept, _) = soon(listener.accept()).await.unwrap();
            drop(near);
            // Whose connection ends looks for its worker.
            let (_greeted, _) = soon(listener.accept()).await.unwrap();
            let same = soon(connection(&worker, PATIENCE)).await.unwrap();
            assert!(old.sender.is_closed() && Arc::ptr_eq(&new.cell, &same.cell));
        });
        std::fs::remove_file(socket).unwrap();
    }
}
