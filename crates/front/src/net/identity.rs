//! What is known of a caller's identity, in the words that gRPC's own servers have for it.

use std::net::IpAddr;

use base64::prelude::{Engine, BASE64_STANDARD};
use rustls_pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;

use super::peer::PeerTls;
use crate::tls::x509;

pub type Facts = Vec<(String, Vec<String>)>;

const PEM_LINE: usize = 64;
const LONGEST_SPIFFE_ID: usize = 2048;
const LONGEST_SPIFFE_DOMAIN: usize = 255;

pub fn insecure() -> Facts {
    vec![fact("transport_security_type", ["insecure"]), fact("security_level", ["TSI_SECURITY_NONE"])]
}

pub fn secure(tls: &PeerTls) -> Facts {
    let mut facts = vec![fact("transport_security_type", ["ssl"])];
    if let Some(der) = tls.certificates.first() {
        facts.extend(x509(der).into_iter().flat_map(|certificate| named(&certificate)));
        facts.push(fact("x509_pem_cert", [pem(der)]));
    }
    facts.push(fact("security_level", ["TSI_PRIVACY_AND_INTEGRITY"]));
    facts.push(fact("ssl_session_reused", [tls.resumed.to_string()]));
    facts.extend(tls.server_name.iter().map(|name| fact("ssl_requested_server_name", [name])));
    facts.push(fact("ssl_tls_version", [tls.version]));
    facts
}

/// What a certificate says of its owner.
fn named(certificate: &X509Certificate<'_>) -> Facts {
    let subject = certificate.subject();
    let mut facts = vec![fact("x509_subject", [super::subject::subject(subject)])];
    let common: Vec<&str> = subject.iter_common_name().filter_map(|name| name.as_str().ok()).collect();
    if !common.is_empty() {
        facts.push(fact("x509_common_name", common));
    }
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    let alternatives = alternatives.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
    let names: Vec<(&'static str, String)> = alternatives.iter().filter_map(alternative).collect();
    if !names.is_empty() {
        facts.push(fact("x509_subject_alternative_name", names.iter().map(|(_, name)| name)));
    }
    for kind in ["peer_dns", "peer_ip", "peer_uri", "peer_email"] {
        let same: Vec<&String> = names.iter().filter(|(other, _)| *other == kind).map(|(_, name)| name).collect();
        if !same.is_empty() {
            facts.push(fact(kind, same));
        }
    }
    facts.extend(spiffe_id(&names).map(|id| fact("peer_spiffe_id", [id])));
    facts
}

/// What SPIFFE knows the owner by, if it is the only URI: more of them are not allowed beside it.
fn spiffe_id<'a>(names: &'a [(&'static str, String)]) -> Option<&'a str> {
    let mut uris = names.iter().filter(|(kind, _)| *kind == "peer_uri").map(|(_, uri)| uri.as_str());
    let (only, None) = (uris.next()?, uris.next()) else { return None };
    let (domain, workload) = only.strip_prefix("spiffe://")?.split_once('/')?;
    let whole = only.len() <= LONGEST_SPIFFE_ID && domain.len() <= LONGEST_SPIFFE_DOMAIN;
    (whole && !workload.is_empty() && !workload.starts_with('/')).then_some(only)
}

fn alternative(name: &GeneralName<'_>) -> Option<(&'static str, String)> {
    match name {
        GeneralName::DNSName(name) => Some(("peer_dns", (*name).into())),
        GeneralName::URI(name) => Some(("peer_uri", (*name).into())),
        GeneralName::RFC822Name(name) => Some(("peer_email", (*name).into())),
        GeneralName::IPAddress(bytes) => {
            let four = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let address = four.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok()?;
            Some(("peer_ip", address.to_string()))
        }
        _ => None,
    }
}

fn pem(der: &CertificateDer<'_>) -> String {
    let encoded = BASE64_STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in encoded.as_bytes().chunks(PEM_LINE) {
        pem.extend(line.iter().copied().map(char::from));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

fn fact<T: AsRef<str>>(name: &str, values: impl IntoIterator<Item = T>) -> (String, Vec<String>) {
    (name.into(), values.into_iter().map(|value| value.as_ref().into()).collect())
}
