use std::io;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, OtherError, PeerIncompatible};

/// One plain line, with a remedy, about a handshake that failed: the error of [`tokio_rustls::TlsAcceptor::accept`].
pub fn describe(error: &io::Error) -> String {
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match cause {
        Some(cause) => describe_tls(cause),
        None => describe_io(error),
    }
}

fn describe_io(error: &io::Error) -> String {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    match error.kind() {
        UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe => {
            "the client left during the TLS handshake: it may be a probe of the port, or does not trust the server's \
             certificate; if it is a client of yours, look at its own error"
                .into()
        }
        _ => format!("the TLS handshake failed: {error}; the connection to the client broke"),
    }
}

fn describe_tls(error: &Error) -> String {
    match error {
        Error::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion) => {
            "the client did not speak TLS: is it configured for plain text? Give it a TLS configuration, or let it \
             call a listener without TLS"
                .into()
        }
        Error::NoCertificatesPresented => {
            "the client sent no certificate, and this listener asks for one: give the client a certificate signed by \
             an authority of the listener's client authority file, and its key"
                .into()
        }
        Error::InvalidCertificate(reason) => describe_certificate(reason),
        Error::PeerIncompatible(reason) => describe_incompatible(reason),
        Error::NoApplicationProtocol => {
            "the client offers neither of the protocols h2 and http/1.1 (ALPN): configure it for one of them".into()
        }
        Error::AlertReceived(alert) => describe_alert(*alert),
        other => format!("the TLS handshake failed: {other}; the client's TLS library does not keep to the protocol"),
    }
}

fn describe_certificate(reason: &CertificateError) -> String {
    use CertificateError as Reason;
    match reason {
        Reason::UnknownIssuer => {
            "client certificate of an unknown authority: have it signed by an authority of the listener's client \
             authority file, or add its authority to that file"
                .into()
        }
        Reason::Expired | Reason::ExpiredContext { .. } => {
            format!("client certificate has expired: have a new one signed ({reason})")
        }
        Reason::NotValidYet | Reason::NotValidYetContext { .. } => {
            format!("client certificate is not valid yet: check the clocks of client, server and authority ({reason})")
        }
        Reason::BadSignature => {
            "a signature does not verify: the client does not hold the key of its certificate, or another authority of \
             the same name signed the certificate; give the client the certificate and key that belong together, of \
             this authority"
                .into()
        }
        Reason::BadEncoding => {
            "client certificate cannot be read: it is not X.509 in DER; send it as the authority made it".into()
        }
        Reason::InvalidPurpose | Reason::InvalidPurposeContext { .. } => {
            format!("client certificate is not meant for clients: make one with the key usage clientAuth ({reason})")
        }
        Reason::UnsupportedSignatureAlgorithmContext { .. }
        | Reason::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "the client does not hold the key of its certificate, or the certificate is signed by an algorithm that \
             is not accepted: use RSA of 2048 bits or more, ECDSA P-256 or P-384, or Ed25519, and SHA-256 or better"
                .into()
        }
        Reason::Other(OtherError(inner)) => format!("client certificate refused: {inner}"),
        other => format!("client certificate refused: {other}"),
    }
}

fn describe_incompatible(reason: &PeerIncompatible) -> String {
    use PeerIncompatible as Reason;
    match reason {
        Reason::ServerDoesNotSupportTls12Or13
        | Reason::Tls12NotOffered
        | Reason::Tls12NotOfferedOrEnabled
        | Reason::SupportedVersionsExtensionRequired => {
            "the client speaks neither TLS 1.2 nor TLS 1.3: enable one of them in the client".into()
        }
        other => format!(
            "client and server have no TLS algorithms in common ({other:?}): enable ECDHE with AES-GCM or \
             ChaCha20-Poly1305 in the client"
        ),
    }
}

fn describe_alert(alert: AlertDescription) -> String {
    use AlertDescription as Alert;
    match alert {
        Alert::UnknownCA
        | Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateUnknown
        | Alert::CertificateExpired
        | Alert::CertificateRevoked
        | Alert::DecryptError => format!(
            "the client refused the server's certificate ({alert:?}): give the client the authority that signed it, \
             let it call the name in the certificate, and check that the certificate has not expired"
        ),
        other => format!("the client ended the TLS handshake ({other:?}): look at the client's own error"),
    }
}
