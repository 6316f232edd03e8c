use std::io;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{interval, sleep, MissedTickBehavior};

use super::address::{Bound, SocketFile};
use super::connection::Socket;
use super::thread::Order;
use crate::net::peer::Rights;
use crate::report;
use crate::tls::Tls;

/// How often certificate files are looked at.
const RELOAD: Duration = Duration::from_secs(1);
/// The pause after a failed accept; most likely the process has no file descriptors left.
const BREATHER: Duration = Duration::from_millis(50);

/// A bound address and what it speaks.
pub struct Listener {
    pub bound: Bound,
    pub tls: Option<Tls>,
}

enum Socketed {
    Tcp(TcpListener),
    Unix(UnixListener, #[allow(dead_code)] Option<SocketFile>),
}

/// Accepts connections, for ever, and hands them out to the threads in turn.
pub async fn accept(listener: Listener, threads: Vec<UnboundedSender<Order>>) {
    let tls = listener.tls;
    let listening = match adopt(listener.bound) {
        Ok(listening) => listening,
        Err(error) => return report::event(format_args!("cannot accept connections: {error}")),
    };
    let mut reload = interval(RELOAD);
    reload.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut turn = threads.iter().cycle();
    loop {
        tokio::select! {
            accepted = next(&listening) => match accepted {
                Ok(socket) => {
                    let sent = turn.next().map(|thread| thread.send(Order::Serve(socket, tls.clone(), Rights::Call)));
                    if !matches!(sent, Some(Ok(()))) {
                        return;
                    }
                }
                Err(error) => {
                    report::event(format_args!("cannot accept a connection: {error}"));
                    sleep(BREATHER).await;
                }
            },
            _ = reload.tick(), if tls.is_some() => tls.iter().for_each(refresh),
        }
    }
}

fn refresh(tls: &Tls) {
    match tls.reload_if_changed() {
        Ok(false) => {}
        Ok(true) => report::event(format_args!("certificates were reloaded")),
        Err(error) => report::event(format_args!("certificates were not reloaded, the old ones stay: {error}")),
    }
}

fn adopt(bound: Bound) -> io::Result<Socketed> {
    match bound {
        Bound::Tcp(listener) => TcpListener::from_std(listener).map(Socketed::Tcp),
        Bound::Unix(listener, file) => Ok(Socketed::Unix(UnixListener::from_std(listener)?, file)),
    }
}

async fn next(listening: &Socketed) -> io::Result<Socket> {
    match listening {
        Socketed::Tcp(listener) => listener.accept().await?.0.into_std().map(Socket::Tcp),
        Socketed::Unix(listener, _) => listener.accept().await?.0.into_std().map(Socket::Unix),
    }
}
