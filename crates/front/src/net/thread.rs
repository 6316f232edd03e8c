use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::connection::{serve_connection, Socket};
use super::desk::open_desk;
use super::listener::{accept, Listener};
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
    Serve(Socket, Option<Tls>),
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
            runtime.block_on(async {
                open_desk(number);
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
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Serve(socket, tls)) => {
                    connections.spawn(serve_connection(Arc::clone(&shared), socket, tls));
                }
                Some(Order::Accept(listener, threads)) => {
                    listeners.spawn(accept(listener, threads));
                }
                None => break,
            },
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
