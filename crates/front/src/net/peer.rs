use std::io;
use std::net::SocketAddr;

use rustls_pki_types::CertificateDer;
use tokio::net::TcpStream;

/// Who is at the other end of a connection.
#[derive(Debug)]
pub struct Peer {
    pub address: PeerAddress,
    /// What TLS has told of it; `None` without TLS.
    pub tls: Option<PeerTls>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum PeerAddress {
    Tcp(SocketAddr),
    /// A Unix socket, whose other end has no name.
    Unix,
}

#[derive(Debug)]
pub struct PeerTls {
    /// The client's certificate, which was checked, and the chain above it; empty where none was asked for.
    pub certificates: Vec<CertificateDer<'static>>,
    pub resumed: bool,
}

impl PeerAddress {
    pub fn of(stream: &TcpStream) -> io::Result<PeerAddress> {
        stream.peer_addr().map(PeerAddress::Tcp)
    }

    /// Whether `:authority` may be a path.
    pub fn is_unix(&self) -> bool {
        matches!(self, PeerAddress::Unix)
    }
}
