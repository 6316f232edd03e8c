//! The authorities whose signature makes a client known.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::WebPkiClientVerifier;
use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use x509_parser::oid_registry::{
    OID_X509_EXT_BASIC_CONSTRAINTS, OID_X509_EXT_EXTENDED_KEY_USAGE, OID_X509_EXT_KEY_USAGE,
    OID_X509_EXT_NAME_CONSTRAINTS,
};
use x509_parser::prelude::{Validity, X509Certificate, X509Extension, X509Version};

use super::legacy::LegacyClientVerifier;
use super::{pem, Role, TlsError};

/// An authority as far as it concerns certificates without extensions, signed by it directly.
#[derive(Debug)]
pub(super) struct Authority {
    pub certificate: CertificateDer<'static>,
    /// The name, as its DER bytes.
    pub subject: Vec<u8>,
    pub key: SubjectPublicKeyInfoDer<'static>,
    pub validity: Validity,
    /// Whether it restricts what it may sign in ways that a certificate without extensions cannot be held to.
    pub restricted: bool,
}

/// The rule for client certificates under the authorities of a PEM file.
///
/// Every certificate in the file must say that it is an authority: with a client's own certificate there by
/// mistake, that client could admit others.
pub fn client_verifier(path: &Path, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    let mut authorities = Vec::new();
    for (index, der) in pem::certificates(Role::ClientCa, path)?.into_iter().enumerate() {
        authorities.push(authority(&der, path, index + 1)?);
        roots.add(der).map_err(|error| damaged(path, index + 1, &error))?;
    }
    let algorithms = provider.signature_verification_algorithms;
    let webpki = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
    let webpki = webpki.map_err(|error| TlsError::Configuration { reason: error.to_string() })?;
    Ok(Arc::new(LegacyClientVerifier::new(webpki, authorities, algorithms)))
}

fn authority(der: &CertificateDer<'_>, path: &Path, number: usize) -> Result<Authority, TlsError> {
    let refused = |reason| TlsError::NotAnAuthority { path: path.into(), number, reason };
    let certificate = pem::x509(der).ok_or_else(|| damaged(path, number, &"it is not X.509"))?;
    if certificate.version() != X509Version::V3 {
        return Err(refused("is of X.509 version 1 or 2, which cannot say whether it is an authority"));
    }
    if !certificate.is_ca() {
        return Err(refused("does not say that it is an authority"));
    }
    if !may_sign(&certificate) {
        return Err(refused("has a key usage that does not include signing certificates"));
    }
    Ok(Authority {
        certificate: der.clone().into_owned(),
        subject: certificate.subject().as_raw().to_vec(),
        key: SubjectPublicKeyInfoDer::from(certificate.public_key().raw).into_owned(),
        validity: certificate.validity().clone(),
        restricted: certificate.extensions().iter().any(restricts),
    })
}

fn may_sign(certificate: &X509Certificate<'_>) -> bool {
    match certificate.key_usage() {
        Ok(None) => true,
        Ok(Some(usage)) => usage.value.key_cert_sign(),
        Err(_) => false,
    }
}

fn restricts(extension: &X509Extension<'_>) -> bool {
    let known = extension.oid == OID_X509_EXT_BASIC_CONSTRAINTS || extension.oid == OID_X509_EXT_KEY_USAGE;
    let limits = extension.oid == OID_X509_EXT_NAME_CONSTRAINTS || extension.oid == OID_X509_EXT_EXTENDED_KEY_USAGE;
    limits || (extension.critical && !known)
}

fn damaged(path: &Path, number: usize, reason: &dyn std::fmt::Display) -> TlsError {
    TlsError::Damaged {
        role: Role::ClientCa,
        path: path.into(),
        reason: format!("its certificate {number} cannot be read: {reason}"),
    }
}
