use std::convert::Infallible;
use std::io;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::pin::pin;
use std::sync::Arc;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::{HandshakeKind, ProtocolVersion, ServerConnection};
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::authority::Mended;
use super::http2::serve_http2;
use super::inlet::Inlet;
use super::linger::Busy;
use super::outlet::Outlet;
use super::peer::{Peer, PeerAddress, PeerTls, Rights};
use super::sniff::{sniff, Rewound, Speaks};
use crate::http::request_body::RequestBody;
use crate::report;
use crate::service::serve;
use crate::shared::Shared;
use crate::tls::{describe, Tls};

/// What a connection reads at a time. Large requests then cost few system calls.
const READ_BUFFER: usize = 64 * 1024;
/// The smallest read buffer that hyper takes for HTTP/1.
const SMALLEST_HTTP1_BUFFER: usize = 8192;

/// An accepted socket that no runtime knows yet, so that it can be handed to any network thread.
pub enum Socket {
    Tcp(std::net::TcpStream),
    Unix(StdUnixStream),
}

/// Serves one connection until either side ends it, or the server retires and its calls are answered.
pub async fn serve_connection(shared: Arc<Shared>, socket: Socket, tls: Option<Tls>, rights: Rights) {
    let place = match rights {
        Rights::Call => shared.connections.admit().map(Some),
        Rights::Administer => Ok(None),
    };
    let Ok(_place) = place else {
        let most = shared.settings.max_connections;
        return report::event(format_args!("a connection beyond {most} was closed; --max-connections sets the limit"));
    };
    let served = match socket {
        Socket::Tcp(stream) => match adopt_tcp(stream) {
            Ok((stream, address)) => secure(shared, stream, tls, (address, rights)).await,
            Err(error) => Err(error),
        },
        Socket::Unix(stream) => match UnixStream::from_std(stream) {
            Ok(stream) => secure(shared, stream, tls, (PeerAddress::Unix, rights)).await,
            Err(error) => Err(error),
        },
    };
    if let Err(error) = served {
        report::event(format_args!("connection ended: {error}"));
    }
}

fn adopt_tcp(stream: std::net::TcpStream) -> io::Result<(TcpStream, PeerAddress)> {
    stream.set_nodelay(true)?;
    let stream = TcpStream::from_std(stream)?;
    let address = PeerAddress::of(&stream)?;
    Ok((stream, address))
}

async fn secure<S>(
    shared: Arc<Shared>,
    stream: S,
    tls: Option<Tls>,
    (address, rights): (PeerAddress, Rights),
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = BufReader::with_capacity(READ_BUFFER, stream);
    let Some(tls) = tls else { return speak(shared, stream, Peer::new(address, None, rights)).await };
    let handshake = tls.acceptor().accept(stream);
    match timeout(shared.settings.header_timeout(), handshake).await {
        Ok(Ok(stream)) => {
            let tls = describe_peer(stream.get_ref().1);
            speak(shared, stream, Peer::new(address, Some(tls), rights)).await
        }
        Ok(Err(error)) => Err(io::Error::other(describe(&error))),
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the client did not finish its TLS handshake in time")),
    }
}

fn describe_peer(session: &ServerConnection) -> PeerTls {
    let certificates = session.peer_certificates().unwrap_or_default();
    let certificates = certificates.iter().map(|certificate| certificate.clone().into_owned()).collect();
    let resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
    let version = match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "TLSv1.3",
    };
    PeerTls { certificates, resumed, server_name: session.server_name().map(String::from), version }
}

async fn speak<S>(shared: Arc<Shared>, stream: S, peer: Peer) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = Outlet::new(stream, shared.settings.reply_timeout());
    // A client who leaves, or stays silent, before it has said anything is nothing to tell.
    let Ok(Ok((speaks, stream))) = timeout(shared.settings.header_timeout(), sniff(stream)).await else {
        return Ok(());
    };
    let peer = Arc::new(peer);
    match speaks {
        Speaks::Http1 => serve_http1(shared, stream, peer).await,
        Speaks::Http2 => {
            let heard = stream.heard();
            let stream = Inlet::new(stream, shared.settings.header_timeout());
            match peer.address.is_unix() {
                true => serve_http2(shared, Mended::new(stream), heard, peer).await,
                false => serve_http2(shared, stream, heard, peer).await,
            }
        }
    }
    // Whatever ends a connection here, a broken frame or a reset, its peer was told in HTTP's own way.
    Ok(())
}

async fn serve_http1<S>(shared: Arc<Shared>, stream: Rewound<S>, peer: Arc<Peer>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(shared.settings.header_timeout())
        .max_buf_size(SMALLEST_HTTP1_BUFFER.max(shared.settings.max_header_bytes as usize));
    let mut leaving = shared.leaving();
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = serve(Arc::clone(&shared), Arc::clone(&peer), request.map(RequestBody::Http1));
        async {
            let _busy = Busy::begin();
            Ok::<_, Infallible>(answer.await)
        }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = leaving.wait_for(|leave| *leave) => connection.as_mut().graceful_shutdown(),
    }
    // However it ends, its peer was told in HTTP's own way.
    let _ = connection.await;
}
