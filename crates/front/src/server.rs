use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use salver_engine::{Home, Routes, Version};

use crate::net::address::{Address, Bound};
use crate::net::connection::Socket;
use crate::net::listener::Listener;
use crate::net::peer::Rights;
use crate::net::thread::{House, NetworkThread, Order};
use crate::reload::Reload;
use crate::services::Services;
use crate::settings::Settings;
use crate::shared::{Absent, Shared};
use crate::tls::{Tls, TlsError, TlsFiles};

/// Listeners, the threads that serve them, and what they route to.
pub struct Server {
    shared: Arc<Shared>,
    threads: Mutex<Vec<NetworkThread>>,
    /// Who has the threads; a fork of it has only what they had in hand, and locks that nobody will ever give back.
    process: u32,
}

/// Why an address cannot be served.
#[derive(Debug)]
pub enum ListenError {
    /// The text is no address.
    Address(String),
    Bind(io::Error),
    Tls(TlsError),
    Stopped,
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenError::Address(text) => f.write_str(text),
            ListenError::Bind(error) => error.fmt(f),
            ListenError::Tls(error) => error.fmt(f),
            ListenError::Stopped => f.write_str("the server has been stopped"),
        }
    }
}

impl std::error::Error for ListenError {}

/// Network threads of this process so far: their numbers tell the tickets of their calls apart, also where several
/// servers route to one version.
static THREADS: AtomicU16 = AtomicU16::new(0);

impl Server {
    pub fn start(settings: Settings) -> io::Result<Server> {
        let count = settings.network_threads.max(1);
        let shared = Arc::new(Shared::new(settings));
        let start = |index| {
            let number = THREADS.fetch_add(1, Ordering::Relaxed);
            NetworkThread::start(number, index == 0, Arc::clone(&shared))
        };
        let threads: io::Result<Vec<_>> = (0..count).map(start).collect();
        Ok(Server { shared, threads: Mutex::new(threads?), process: std::process::id() })
    }

    /// Binds an address and serves on it; gives the address with its real port.
    pub fn listen(&self, address: &str, tls: Option<TlsFiles>) -> Result<String, ListenError> {
        let address = Address::parse(address).map_err(ListenError::Address)?;
        let tls = tls.map(Tls::load).transpose().map_err(ListenError::Tls)?;
        self.accept(address.bind().map_err(ListenError::Bind)?, tls)
    }

    /// Serves on a socket that listens already, whose file, if it has one, stays its maker's.
    pub fn adopt(&self, socket: OwnedFd, tls: Option<TlsFiles>) -> Result<String, ListenError> {
        let tls = tls.map(Tls::load).transpose().map_err(ListenError::Tls)?;
        self.accept(Bound::adopt(socket).map_err(ListenError::Bind)?, tls)
    }

    fn accept(&self, bound: Bound, tls: Option<Tls>) -> Result<String, ListenError> {
        let real = bound.to_string();
        let threads = self.threads.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let orders: Vec<_> = threads.iter().map(|thread| thread.orders.clone()).collect();
        let acceptor = orders.first().cloned().ok_or(ListenError::Stopped)?;
        let accept = Order::Accept(Listener { bound, tls }, orders);
        acceptor.send(accept).map_err(|_| ListenError::Stopped)?;
        Ok(real)
    }

    /// Replaces, atomically, what requests are routed to.
    pub fn publish(&self, routes: Routes<Version>, absent: Vec<Absent>) {
        self.house(&routes);
        self.shared.publish(routes, absent);
    }

    /// Serves one connection that somebody else accepted, whose caller may change what is served.
    pub fn serve_admin(&self, connection: UnixStream) -> Result<(), ListenError> {
        connection.set_nonblocking(true).map_err(ListenError::Bind)?;
        let threads = self.threads.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let thread = threads.first().ok_or(ListenError::Stopped)?;
        let serve = Order::Serve(Socket::Unix(connection), None, Rights::Administer);
        thread.orders.send(serve).map_err(|_| ListenError::Stopped)
    }

    /// Waits for the next request to change what is served; `None` once the server stops.
    pub fn next_reload(&self) -> Option<Reload> {
        self.shared.reloads.next()
    }

    /// Lets the network threads watch the links of versions that are not watched elsewhere yet.
    fn house(&self, routes: &Routes<Version>) {
        let homes: Vec<Arc<dyn Home>> = {
            let threads = self.threads.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            threads.iter().map(|thread| Arc::new(House(thread.orders.clone())) as Arc<dyn Home>).collect()
        };
        let versions = routes.entries().values().flat_map(|entry| entry.versions.values());
        versions.zip(homes.iter().cycle()).for_each(|(version, home)| version.settle(home));
    }

    /// Replaces, atomically, the services of users' own.
    pub fn serve_services(&self, services: Services) {
        self.shared.serve_services(services);
    }

    /// Turns health to NOT_SERVING and refuses new calls; those in flight go on.
    pub fn drain(&self) {
        self.shared.drain();
    }

    /// Ends listeners, and connections once their calls are answered, whose peers are told to call elsewhere. No call is
    /// refused for it.
    pub fn retire(&self) {
        self.shared.retire();
    }

    /// Calls that are being read, run or answered; a large reply counts until it is sent.
    pub fn calls_in_flight(&self) -> u64 {
        self.shared.admission.calls() + self.shared.outgoing.calls()
    }

    /// Connections that are open, but for those of an admin.
    pub fn connections(&self) -> u64 {
        self.shared.connections.calls()
    }

    /// Closes listeners and connections and ends the threads. Doing it again does nothing.
    pub fn stop(&self) {
        if self.process != std::process::id() {
            return;
        }
        self.shared.stop();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
        threads.into_iter().for_each(NetworkThread::join);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
