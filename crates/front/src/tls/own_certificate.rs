//! The server's own certificate and key.
//!
//! The usual way to give them to rustls parses the certificate and refuses X.509 version 1, although a server only
//! sends these bytes and never judges them. So they are handed over unparsed, and the one check that the usual way
//! makes, that the key belongs to the certificate, is made here, for every version alike.

use rustls::crypto::CryptoProvider;
use rustls::sign::{CertifiedKey, SigningKey};
use rustls_pki_types::CertificateDer;

use super::{pem, Role, TlsError, TlsFiles};

pub(super) fn load(files: &TlsFiles, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let chain = pem::certificates(Role::Certificate, &files.certificate)?;
    let key = provider.key_provider.load_private_key(pem::private_key(&files.private_key)?);
    let key = key.map_err(|_| TlsError::UnsupportedKey { path: files.private_key.clone() })?;
    check(&chain, key.as_ref(), files)?;
    Ok(CertifiedKey::new(chain, key))
}

fn check(chain: &[CertificateDer<'_>], key: &dyn SigningKey, files: &TlsFiles) -> Result<(), TlsError> {
    let mut own_key = None;
    for (index, der) in chain.iter().enumerate() {
        let certificate = pem::x509(der).ok_or_else(|| TlsError::Damaged {
            role: Role::Certificate,
            path: files.certificate.clone(),
            reason: format!("its certificate {} is not X.509", index + 1),
        })?;
        own_key.get_or_insert(certificate.tbs_certificate.subject_pki.raw);
    }
    match own_key.zip(key.public_key()) {
        Some((certified, held)) if certified == held.as_ref() => Ok(()),
        _ => Err(TlsError::KeyMismatch {
            certificate: files.certificate.clone(),
            private_key: files.private_key.clone(),
        }),
    }
}
