use std::fmt;
use std::net::{TcpListener, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::net::{getsockname, AddressFamily};

/// Where to listen: `host:port`, with port 0 for any free one, or `unix:path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Tcp(String),
    Unix(PathBuf),
}

/// A bound socket, not yet served.
#[derive(Debug)]
pub enum Bound {
    Tcp(TcpListener),
    /// The socket file goes when this does, unless it is somebody else's.
    Unix(UnixListener, Option<SocketFile>),
}

#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody else may have removed or replaced it; then there is nothing to clean up.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Address {
    pub fn parse(text: &str) -> Result<Address, String> {
        let refuse = || format!("'{text}' is no address; expected host:port or unix:path");
        match text.strip_prefix("unix:") {
            Some("") => Err(refuse()),
            Some(path) => Ok(Address::Unix(path.into())),
            None => {
                let (host, port) = text.rsplit_once(':').ok_or_else(refuse)?;
                let valid = !host.is_empty() && port.parse::<u16>().is_ok();
                valid.then(|| Address::Tcp(text.to_owned())).ok_or_else(refuse)
            }
        }
    }

    /// Binds the address. A socket file that nobody answers on any more is replaced; one in use is not.
    pub fn bind(&self) -> std::io::Result<Bound> {
        let bound = match self {
            Address::Tcp(address) => Bound::Tcp(bind_tcp(address)?),
            Address::Unix(path) => {
                remove_stale(path)?;
                Bound::Unix(UnixListener::bind(path)?, Some(SocketFile(path.clone())))
            }
        };
        bound.unblocked()
    }
}

impl Bound {
    /// Takes a socket that listens already. Who made it removes its file, if it has one.
    pub fn adopt(socket: OwnedFd) -> std::io::Result<Bound> {
        let bound = match getsockname(&socket)?.address_family() {
            AddressFamily::UNIX => Bound::Unix(socket.into(), None),
            _ => Bound::Tcp(socket.into()),
        };
        bound.unblocked()
    }

    fn unblocked(self) -> std::io::Result<Bound> {
        match &self {
            Bound::Tcp(listener) => listener.set_nonblocking(true)?,
            Bound::Unix(listener, _) => listener.set_nonblocking(true)?,
        }
        Ok(self)
    }
}

/// Binds the first address that the name stands for and that can be bound.
fn bind_tcp(address: &str) -> std::io::Result<TcpListener> {
    let candidates: Vec<_> = address.to_socket_addrs()?.collect();
    TcpListener::bind(candidates.as_slice())
}

fn remove_stale(path: &Path) -> std::io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() && UnixStream::connect(path).is_err() => {
            std::fs::remove_file(path)
        }
        _ => Ok(()),
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::Tcp(listener) => match listener.local_addr() {
                Ok(address) => address.fmt(f),
                Err(error) => write!(f, "an unknown address ({error})"),
            },
            Bound::Unix(_, Some(file)) => write!(f, "unix:{}", file.0.display()),
            Bound::Unix(_, None) => f.write_str("unix:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        assert_eq!(Address::parse("localhost:80"), Ok(Address::Tcp("localhost:80".into())));
        assert_eq!(Address::parse("[::1]:0"), Ok(Address::Tcp("[::1]:0".into())));
        assert_eq!(Address::parse("unix:/a:b"), Ok(Address::Unix("/a:b".into())));
        for wrong in ["", "localhost", ":80", "localhost:", "localhost:65536", "unix:"] {
            assert!(Address::parse(wrong).unwrap_err().contains("expected host:port"), "{wrong}");
        }
    }

    #[test]
    fn a_stale_socket_file_is_replaced_and_one_in_use_is_not() {
        let path = std::env::temp_dir().join(format!("salver-address-{}", std::process::id()));
        let address = Address::Unix(path.clone());
        drop(UnixListener::bind(&path).unwrap());
        let bound = address.bind().unwrap();
        assert_eq!(address.bind().unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
        drop(bound);
        assert!(!path.exists());
        std::fs::write(&path, "not a socket").unwrap();
        assert!(address.bind().is_err());
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn port_zero_becomes_a_real_port() {
        let bound = Address::parse("127.0.0.1:0").unwrap().bind().unwrap();
        assert!(!bound.to_string().ends_with(":0"), "{bound}");
    }
}
