use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustls_pki_types::pem::{Error as PemError, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{Role, TlsError};

/// Room for every public authority there is, several times over.
const LARGEST_FILE: u64 = 4 << 20;

/// The certificates of a PEM file in their order: at least one.
pub(super) fn certificates(role: Role, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(role, path)?;
    let found = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|error| damaged(role, path, &error))?;
    match found.is_empty() {
        true => Err(nothing_wanted(role, path, &text)),
        false => Ok(found),
    }
}

/// The first private key of a PEM file.
pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let role = Role::PrivateKey;
    let text = read(role, path)?;
    if contains(&text, b"-----BEGIN ENCRYPTED PRIVATE KEY") || contains(&text, b"Proc-Type: 4,ENCRYPTED") {
        return Err(TlsError::EncryptedKey { path: path.into() });
    }
    match PrivateKeyDer::pem_slice_iter(&text).next() {
        Some(key) => key.map_err(|error| damaged(role, path, &error)),
        None => Err(nothing_wanted(role, path, &text)),
    }
}

/// The fields of a certificate that is one of ours; nothing may follow it.
pub fn x509<'a>(der: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Some(certificate),
        _ => None,
    }
}

fn read(role: Role, path: &Path) -> Result<Vec<u8>, TlsError> {
    let unreadable =
        |error: std::io::Error| TlsError::Unreadable { role, path: path.into(), reason: error.to_string() };
    let mut text = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(LARGEST_FILE + 1).read_to_end(&mut text).map_err(unreadable)?;
    match text.len() as u64 > LARGEST_FILE {
        true => Err(TlsError::TooLarge { role, path: path.into(), limit: LARGEST_FILE }),
        false => Ok(text),
    }
}

fn damaged(role: Role, path: &Path, error: &PemError) -> TlsError {
    let reason = match error {
        PemError::MissingSectionEnd { .. } => "a section has no '-----END' line, so the file is cut short".into(),
        PemError::IllegalSectionStart { .. } => "a '-----BEGIN' line does not end with five dashes".into(),
        PemError::Base64Decode(_) => "a section is not base64".into(),
        other => other.to_string(),
    };
    TlsError::Damaged { role, path: path.into(), reason }
}

fn nothing_wanted(role: Role, path: &Path, text: &[u8]) -> TlsError {
    const DER_SEQUENCE: u8 = 0x30;
    let found: Vec<String> = String::from_utf8_lossy(text).lines().filter_map(label).collect();
    match found.is_empty() {
        true => TlsError::NotPem { role, path: path.into(), der: text.first() == Some(&DER_SEQUENCE) },
        false => TlsError::NothingWanted { role, path: path.into(), found },
    }
}

fn label(line: &str) -> Option<String> {
    let label = line.strip_prefix("-----BEGIN ")?.trim_end().strip_suffix("-----")?;
    Some(format!("'{label}'"))
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len()).any(|window| window == needle)
}
