//! Handshakes in memory.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::ResolvesClientCert;
use rustls::crypto::ring;
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use salver_front::tls::{describe, Tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_rustls::{client, server, TlsConnector};

pub const BOTH: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

/// Ends a test that hangs.
pub async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), work).await.expect("took too long")
}

/// What a client shows: certificates and the key it signs with.
#[derive(Clone)]
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: Arc<dyn SigningKey>,
}

/// A client that takes any server, so that only the server's judgement is tested.
pub fn client(identity: Option<Identity>, version: &'static SupportedProtocolVersion) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_protocol_versions(&[version]).unwrap();
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyServer));
    match identity {
        Some(identity) => builder.with_client_cert_resolver(always(identity)),
        None => builder.with_no_client_auth(),
    }
}

fn always(identity: Identity) -> Arc<dyn ResolvesClientCert> {
    Arc::new(SingleCertAndKey::from(CertifiedKey::new(identity.chain, identity.key)))
}

/// Both ends of a connection after its handshake.
pub struct Connection {
    pub client: client::TlsStream<DuplexStream>,
    pub server: server::TlsStream<DuplexStream>,
}

impl Connection {
    /// Sends a byte each way.
    pub async fn ping(&mut self) {
        soon(async {
            self.client.write_all(b"?").await.unwrap();
            self.client.flush().await.unwrap();
            assert_eq!(self.server.read_u8().await.unwrap(), b'?');
            self.server.write_all(b"!").await.unwrap();
            self.server.flush().await.unwrap();
            assert_eq!(self.client.read_u8().await.unwrap(), b'!');
        })
        .await;
    }

    pub fn server_certificate(&self) -> &CertificateDer<'static> {
        &self.client.get_ref().1.peer_certificates().unwrap()[0]
    }
}

/// The connection, or what the server's log says about the one it refused.
pub async fn connect(tls: &Tls, config: ClientConfig) -> Result<Connection, String> {
    let (near, far) = tokio::io::duplex(1 << 16);
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let both = async { tokio::join!(connector.connect(name, near), tls.acceptor().accept(far)) };
    let (client, server) = soon(both).await;
    let server = server.map_err(|error| describe(&error))?;
    let mut connection = Connection { client: client.unwrap(), server };
    connection.ping().await;
    Ok(connection)
}

#[derive(Debug)]
struct AnyServer;

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
