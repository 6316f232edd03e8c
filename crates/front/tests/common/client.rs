//! Connections of HTTP/2 clients, each in a thread of its own.

use std::future::Future;
use std::sync::mpsc::{channel, Sender};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{handshake, SendRequest};
use h2::PingPong;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::time::timeout;

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub fn wait<T>(work: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { timeout(PATIENCE, work).await.expect("nothing came") })
}

/// A connection that ends with its streams, or with the server.
pub fn connect(address: String) -> (SendRequest<Bytes>, PingPong) {
    let (sender, receiver) = channel();
    let live = async move |sender: Sender<_>| {
        let (client, mut connection) = handshake(TcpStream::connect(address).await.unwrap()).await.unwrap();
        let pings = connection.ping_pong().unwrap();
        sender.send((client, pings)).unwrap();
        connection.await.ok();
    };
    std::thread::spawn(move || Builder::new_current_thread().enable_all().build().unwrap().block_on(live(sender)));
    receiver.recv_timeout(PATIENCE).unwrap()
}
