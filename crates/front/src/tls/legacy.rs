//! Client certificates of X.509 version 1: the one place where they are judged.
//!
//! **Why at all.** `openssl x509 -req` without an extension file, as many tutorials print it, makes version 1
//! certificates, and services run on them. webpki does not read that version and has no switch for it.
//!
//! **What such a certificate is taken for.** That the holder of its key is a client which a configured private
//! authority has signed; nothing more. Version 1 has no extensions, hence no alternative names, no key usage and no
//! constraints. None of them is needed for that statement: the client's name is matched against nothing, and whoever
//! may have a certificate signed by this authority is a client by definition. What version 1 cannot do is say that
//! it is *not* an authority, and from that the attack on it comes: a client that signs further certificates with
//! its own key. So nothing below a version 1 certificate is ever accepted.
//!
//! **What is refused**
//! - Anything but a leaf directly under a configured authority. OpenSSL's clients send the authority's certificate
//!   along, so a configured one, byte for byte, may come too, and counts for nothing; any other is refused unread.
//! - An issuer that is not itself in the file of authorities, which holds only version 3 certificates with
//!   basicConstraints CA:TRUE (`authority.rs`). A name alone proves nothing: the signature must verify with the
//!   key of an authority of exactly that name, byte for byte.
//! - Authorities that restrict themselves (name constraints, extended key usage, critical extensions unknown
//!   here), because a certificate without extensions cannot be held to that; authorities outside their validity.
//! - Signatures by any algorithm that webpki would not take for version 3: SHA-1 and MD5, RSA below 2048 bits.
//! - Bytes after the certificate or inside its envelope, extensions and unique identifiers (not of version 1), and a
//!   signature algorithm that differs from the signed one.
//! - Expired and not yet valid certificates.
//!
//! Version 3, version 2 and all that cannot be parsed goes to webpki, untouched and unjudged. Possession of the
//! key is proven by the handshake's signature in every case; for version 1 it is verified with the bare public key,
//! by the same algorithms. There are no revocation lists here, for either version: to revoke a client, change the
//! authority.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{verify_tls13_signature_with_raw_key, WebPkiSupportedAlgorithms};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, PeerMisbehaved, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use webpki::RawPublicKeyEntity;
use x509_parser::asn1_rs::{Any, FromDer};
use x509_parser::nom::Parser;
use x509_parser::prelude::{Validity, X509Certificate, X509CertificateParser, X509Version};

use super::authority::Authority;

/// Judges version 1 certificates itself and leaves all others to webpki.
#[derive(Debug)]
pub(super) struct LegacyClientVerifier {
    webpki: Arc<dyn ClientCertVerifier>,
    authorities: Vec<Authority>,
    algorithms: WebPkiSupportedAlgorithms,
}

/// Why a version 1 certificate was refused, where rustls has no word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Encoding,
    Extensions,
    AlgorithmsDiffer,
    Intermediates,
    Algorithm,
    Signature,
    AuthorityRestricted,
    AuthorityNotValid,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::Encoding => "it has bytes that do not belong to it; send it as the authority made it",
            Refusal::Extensions => "it is of X.509 version 1 but has fields of later versions; make it again",
            Refusal::AlgorithmsDiffer => "it names two different signature algorithms; make it again",
            Refusal::Intermediates => {
                "it is of X.509 version 1 and came with certificates of others than the configured authorities; it \
                 must be signed by one of these directly and be sent alone; for a chain use version 3"
            }
            Refusal::Algorithm => {
                "it is signed with an algorithm that is not accepted (SHA-1, perhaps); sign it again with SHA-256, as \
                 'openssl x509 -req -sha256' does"
            }
            Refusal::Signature => {
                "the authority it names did not sign it: it was changed, or signed by another authority of the same \
                 name; have it signed with the key of the configured authority"
            }
            Refusal::AuthorityRestricted => {
                "its authority restricts what it signs, to which a certificate of X.509 version 1 cannot be held; make \
                 it again as version 3"
            }
            Refusal::AuthorityNotValid => "its authority is expired or not valid yet; renew the authority",
        })
    }
}

impl std::error::Error for Refusal {}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        CertificateError::Other(OtherError(Arc::new(refusal))).into()
    }
}

impl LegacyClientVerifier {
    /// `algorithms` must be those that `webpki` uses.
    pub(super) fn new(
        webpki: Arc<dyn ClientCertVerifier>,
        authorities: Vec<Authority>,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> LegacyClientVerifier {
        LegacyClientVerifier { webpki, authorities, algorithms }
    }

    fn is_authority(&self, certificate: &CertificateDer<'_>) -> bool {
        self.authorities.iter().any(|authority| authority.certificate == *certificate)
    }

    /// Any of the authorities that bear the issuer's name may have signed: while an authority changes its key
    /// there are two.
    fn verify_issuer(&self, leaf: &Leaf<'_>, now: UnixTime) -> Result<(), Error> {
        let mut refusal = CertificateError::UnknownIssuer.into();
        let issuer = leaf.certificate.issuer().as_raw();
        for authority in self.authorities.iter().filter(|authority| authority.subject == issuer) {
            match self.verify_signed_by(leaf, authority, now) {
                Ok(()) => return Ok(()),
                Err(reason) => refusal = reason.into(),
            }
        }
        Err(refusal)
    }

    fn verify_signed_by(&self, leaf: &Leaf<'_>, authority: &Authority, now: UnixTime) -> Result<(), Refusal> {
        let key = RawPublicKeyEntity::try_from(&authority.key).map_err(|_| Refusal::Signature)?;
        let mut algorithms =
            self.algorithms.all.iter().filter(|one| one.signature_alg_id().as_ref() == leaf.algorithm).peekable();
        if algorithms.peek().is_none() {
            return Err(Refusal::Algorithm);
        }
        let signed = leaf.certificate.tbs_certificate.as_ref();
        if !algorithms.any(|one| key.verify_signature(*one, signed, leaf.signature).is_ok()) {
            return Err(Refusal::Signature);
        }
        if authority.restricted {
            return Err(Refusal::AuthorityRestricted);
        }
        check_validity(&authority.validity, now).map_err(|_| Refusal::AuthorityNotValid)
    }
}

impl ClientCertVerifier for LegacyClientVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.webpki.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let Some(certificate) = version_one(end_entity) else {
            return self.webpki.verify_client_cert(end_entity, intermediates, now);
        };
        let leaf = Leaf::strict(end_entity, certificate)?;
        if !intermediates.iter().all(|one| self.is_authority(one)) {
            return Err(Refusal::Intermediates.into());
        }
        self.verify_issuer(&leaf, now)?;
        check_validity(leaf.certificate.validity(), now)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        end_entity: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match version_one(end_entity) {
            Some(certificate) => verify_tls12_with_raw_key(message, &certificate, signature, &self.algorithms),
            None => self.webpki.verify_tls12_signature(message, end_entity, signature),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        end_entity: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match version_one(end_entity) {
            Some(certificate) => {
                let key = SubjectPublicKeyInfoDer::from(certificate.public_key().raw);
                verify_tls13_signature_with_raw_key(message, &key, signature, &self.algorithms)
            }
            None => self.webpki.verify_tls13_signature(message, end_entity, signature),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

/// A version 1 certificate whose envelope is exactly `SEQUENCE { signed, algorithm, signature }`.
struct Leaf<'a> {
    certificate: X509Certificate<'a>,
    /// What is inside the algorithm's SEQUENCE, which is how webpki writes algorithms down.
    algorithm: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Leaf<'a> {
    fn strict(der: &'a CertificateDer<'_>, certificate: X509Certificate<'a>) -> Result<Leaf<'a>, Refusal> {
        let (algorithm, signature) = envelope(der).ok_or(Refusal::Encoding)?;
        let fields = &certificate.tbs_certificate;
        if !fields.extensions().is_empty() || fields.issuer_uid.is_some() || fields.subject_uid.is_some() {
            return Err(Refusal::Extensions);
        }
        if fields.signature != certificate.signature_algorithm {
            return Err(Refusal::AlgorithmsDiffer);
        }
        Ok(Leaf { certificate, algorithm, signature })
    }
}

/// The algorithm and the signature. The parser of certificates tolerates bytes left over at the end of a SEQUENCE;
/// here there must be none.
fn envelope(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (content, after) = element(der, SEQUENCE)?;
    let (_signed, rest) = element(content, SEQUENCE)?;
    let (algorithm, rest) = element(rest, SEQUENCE)?;
    let (signature, rest) = element(rest, BIT_STRING)?;
    let (unused_bits, signature) = signature.split_first()?;
    let exact = after.is_empty() && rest.is_empty() && *unused_bits == 0;
    exact.then_some((algorithm, signature))
}

/// The whole identifier bytes, as a parser's tag leaves out class and form.
const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;

/// The content of the element that `der` begins with, and what follows it.
fn element(der: &[u8], identifier: u8) -> Option<(&[u8], &[u8])> {
    let (rest, element) = Any::from_der(der).ok()?;
    der.starts_with(&[identifier]).then_some((element.data, rest))
}

/// The certificate, if it can be parsed and is of version 1. Its extensions, which it must not have, stay unparsed.
fn version_one<'a>(der: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    let (_, certificate) = X509CertificateParser::new().with_deep_parse_extensions(false).parse(der).ok()?;
    (certificate.version() == X509Version::V1).then_some(certificate)
}

fn check_validity(validity: &Validity, now: UnixTime) -> Result<(), CertificateError> {
    let (not_before, not_after) = (unix(validity.not_before.timestamp()), unix(validity.not_after.timestamp()));
    if now < not_before {
        return Err(CertificateError::NotValidYetContext { time: now, not_before });
    }
    if now > not_after {
        return Err(CertificateError::ExpiredContext { time: now, not_after });
    }
    Ok(())
}

/// Times before 1970 are as good as 1970: both are long past.
fn unix(timestamp: i64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(timestamp.try_into().unwrap_or(0)))
}

/// TLS 1.2 does not say which curve a scheme means, so each algorithm of the scheme is tried until one fits the key.
fn verify_tls12_with_raw_key(
    message: &[u8],
    certificate: &X509Certificate<'_>,
    signature: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let key = SubjectPublicKeyInfoDer::from(certificate.public_key().raw);
    let key = RawPublicKeyEntity::try_from(&key).map_err(|_| CertificateError::BadEncoding)?;
    let scheme = algorithms.mapping.iter().find(|(scheme, _)| *scheme == signature.scheme);
    let (_, fitting) = scheme.ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
    match fitting.iter().any(|one| key.verify_signature(*one, message, signature.signature()).is_ok()) {
        true => Ok(HandshakeSignatureValid::assertion()),
        false => Err(CertificateError::BadSignature.into()),
    }
}
