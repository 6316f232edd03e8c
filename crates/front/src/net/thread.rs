use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use salver_engine::urgency::urgent;
use salver_engine::{Home, Resident};
use tokio::io::unix::AsyncFd;
use tokio::io::Interest;
use tokio::runtime::Builder;
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::connection::{serve_connection, Socket};
use super::desk::open_desk;
use super::linger::linger;
use super::listener::{accept, Listener};
use crate::net::peer::Rights;
use crate::shared::Shared;
use crate::tls::Tls;

/// How long connections may take to say goodbye once all calls are answered.
const FAREWELL: Duration = Duration::from_secs(1);

/// How many bodies are compressed and unpacked at once: each may take the memory of the largest request.
const UNPACKERS: usize = 4;

/// What a network thread is told to do.
pub enum Order {
    /// Accept from this listener and hand its connections out to these threads.
    Accept(Listener, Vec<UnboundedSender<Order>>),
    Serve(Socket, Option<Tls>, Rights),
    /// Tell a lane when its socket has something.
    Watch(OwnedFd, Watched),
}

/// A network thread as lanes know it.
pub struct House(pub UnboundedSender<Order>);

impl Home for House {
    fn watch(&self, socket: OwnedFd, resident: Arc<dyn Resident>) {
        // A thread that has ended drops the order, and with it tells the lane.
        let _ = self.0.send(Order::Watch(socket, Watched(resident)));
    }
}

/// A thread with a runtime of its own that serves connections. It ends when `stopping` turns true.
pub struct NetworkThread {
    pub orders: UnboundedSender<Order>,
    handle: JoinHandle<()>,
}

impl NetworkThread {
    /// `accepts` says that it is the one of its server that is told to accept.
    pub fn start(number: u16, accepts: bool, shared: Arc<Shared>) -> io::Result<NetworkThread> {
        let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(UNPACKERS).build()?;
        let (orders, receiver) = unbounded_channel();
        let work = move || {
            urgent();
            runtime.block_on(async {
                open_desk(number);
                tokio::spawn(linger());
                obey(shared, accepts, receiver).await;
            });
        };
        let handle = std::thread::Builder::new().name(format!("salver-net-{number}")).spawn(work)?;
        Ok(NetworkThread { orders, handle })
    }

    pub fn join(self) {
        // A network thread that panicked has nothing left to hand over.
        let _ = self.handle.join();
    }
}

async fn obey(shared: Arc<Shared>, accepts: bool, mut orders: UnboundedReceiver<Order>) {
    let (mut stopping, mut retiring) = (shared.stopping(), shared.retiring());
    let mut retired = false;
    let mut connections = JoinSet::new();
    let mut listeners = JoinSet::new();
    let mut lanes = JoinSet::new();
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Serve(socket, tls, rights)) => {
                    connections.spawn(serve_connection(Arc::clone(&shared), socket, tls, rights));
                }
                Some(Order::Accept(listener, threads)) => {
                    listeners.spawn(accept(listener, threads));
                }
                Some(Order::Watch(socket, lane)) => {
                    lanes.spawn(watch(socket, lane));
                }
                None => break,
            },
            _ = lanes.join_next(), if !lanes.is_empty() => {}
            _ = connections.join_next(), if !connections.is_empty() => {}
            _ = stopping.wait_for(|stop| *stop) => break,
            _ = retiring.wait_for(|retire| *retire), if !retired => {
                retired = true;
                listeners.shutdown().await;
                if accepts {
                    shared.leave();
                }
            }
        }
    }
    listeners.shutdown().await;
    let farewell = async { while connections.join_next().await.is_some() {} };
    // Who has not left by then is cut off.
    let _ = timeout(FAREWELL, farewell).await;
}

/// A lane that is told when this is dropped, however that comes.
pub struct Watched(Arc<dyn Resident>);

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.homeless();
    }
}

/// Tells a lane of what comes until it wants no more. If the runtime cannot watch the socket, nobody does.
async fn watch(socket: OwnedFd, lane: Watched) {
    // Only for reading: that there is room to write again, which is so after each frame, would wake this thread for nothing.
    // What is deprecated is to give it descriptors that may change, as this one cannot.
    #[allow(deprecated)]
    let Ok(socket) = AsyncFd::with_interest(socket, Interest::READABLE) else {
        return;
    };
    while let Ok(mut ready) = socket.readable().await {
        // Before the lane reads: what comes while it does is news.
        ready.clear_ready();
        if !lane.0.readable() {
            return;
        }
    }
}
