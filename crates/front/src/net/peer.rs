use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::OnceLock;

use http::HeaderValue;
use rustls_pki_types::CertificateDer;
use tokio::net::TcpStream;

use super::caller::Caller;
use super::identity;

/// Who is at the other end of a connection.
#[derive(Debug)]
pub struct Peer {
    pub address: PeerAddress,
    /// What TLS has told of it; `None` without TLS.
    pub tls: Option<PeerTls>,
    pub rights: Rights,
    caller: OnceLock<Caller>,
    header: OnceLock<Option<HeaderValue>>,
}

/// What the callers of a connection may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// Call servables, and look at them.
    Call,
    /// Change what is served, too.
    Administer,
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
    /// The name that the client asked for.
    pub server_name: Option<String>,
    pub version: &'static str,
}

/// As gRPC writes it.
impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerAddress::Tcp(SocketAddr::V4(address)) => write!(f, "ipv4:{address}"),
            PeerAddress::Tcp(SocketAddr::V6(address)) => match address.ip().to_ipv4_mapped() {
                Some(ip) => write!(f, "ipv4:{ip}:{}", address.port()),
                None => write!(f, "ipv6:%5B{}%5D:{}", address.ip(), address.port()),
            },
            PeerAddress::Unix => f.write_str("unix:"),
        }
    }
}

impl Peer {
    pub fn new(address: PeerAddress, tls: Option<PeerTls>, rights: Rights) -> Peer {
        Peer { address, tls, rights, caller: OnceLock::new(), header: OnceLock::new() }
    }

    /// The same in the words of gRPC.
    pub fn caller(&self) -> &Caller {
        self.caller.get_or_init(|| {
            let identity = self.tls.as_ref().map_or_else(identity::insecure, identity::secure);
            Caller { address: self.address.to_string(), identity }
        })
    }

    /// What tells workers of it.
    pub fn header(&self) -> Option<HeaderValue> {
        self.header.get_or_init(|| self.caller().header()).clone()
    }
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
