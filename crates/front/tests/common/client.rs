//! Connections of HTTP/2 clients, each in a thread of its own.

use std::future::Future;
use std::sync::mpsc::{channel, Sender};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use h2::PingPong;
use tokio::net::TcpStream;
use tokio::runtime::Builder as Runtime;
use tokio::time::timeout;

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub fn wait<T>(work: impl Future<Output = T>) -> T {
    let runtime = Runtime::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { timeout(PATIENCE, work).await.expect("nothing came") })
}

/// A connection that ends with its streams, or with the server.
pub fn connect(address: String) -> (SendRequest<Bytes>, PingPong) {
    connect_with(address, |_| {})
}

pub fn connect_with(address: String, change: impl FnOnce(&mut Builder)) -> (SendRequest<Bytes>, PingPong) {
    let (sender, receiver) = channel();
    let mut builder = Builder::new();
    // It bears with messages however small.
    builder.data_frame_budget(1 << 40);
    change(&mut builder);
    let live = async move |sender: Sender<_>| {
        let socket = TcpStream::connect(address).await.unwrap();
        let (client, mut connection) = builder.handshake(socket).await.unwrap();
        let pings = connection.ping_pong().unwrap();
        sender.send((client, pings)).unwrap();
        connection.await.ok();
    };
    std::thread::spawn(move || Runtime::new_current_thread().enable_all().build().unwrap().block_on(live(sender)));
    receiver.recv_timeout(PATIENCE).unwrap()
}
