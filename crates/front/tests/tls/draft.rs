//! Certificates written byte by byte, for what openssl does not make.

use rustls::sign::SigningKey;
use rustls::SignatureScheme;
use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::world::World;

pub const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const UTC_TIME: u8 = 0x17;
const VERSION: u8 = 0xa0;
pub const EXTENSIONS: u8 = 0xa3;
pub const SHA256_WITH_RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00";
pub const SHA384_WITH_RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c\x05\x00";

/// One DER element.
pub fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut element = match length {
        0..=0x7f => vec![tag, length as u8],
        0x80..=0xff => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    element.extend_from_slice(content);
    element
}

/// What a certificate will say; every field may be made wrong before it is signed.
#[derive(Clone)]
pub struct Draft {
    /// 0 for version 1, which is written down by leaving it out.
    pub version: u8,
    pub signed_algorithm: &'static [u8],
    pub algorithm: &'static [u8],
    pub issuer: Vec<u8>,
    pub validity: [&'static str; 2],
    pub key: Vec<u8>,
    pub extensions: Vec<u8>,
    pub after_signature: Vec<u8>,
    pub after: Vec<u8>,
}

impl Draft {
    /// A good version 1 certificate for `key`, to be signed by the authority `ca`.
    pub fn version_one(world: &World, ca: &str, key: &dyn SigningKey) -> Draft {
        let authority = world.certificate(ca);
        let (_, authority) = X509Certificate::from_der(&authority).unwrap();
        Draft {
            version: 0,
            signed_algorithm: SHA256_WITH_RSA,
            algorithm: SHA256_WITH_RSA,
            issuer: authority.subject().as_raw().to_vec(),
            validity: ["200101000000Z", "491231235959Z"],
            key: key.public_key().unwrap().to_vec(),
            extensions: vec![],
            after_signature: vec![],
            after: vec![],
        }
    }

    pub fn sign(&self, key: &dyn SigningKey) -> CertificateDer<'static> {
        let signed = self.signed_part();
        let signer = key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).unwrap();
        let signature = [vec![0], signer.sign(&signed).unwrap()].concat();
        let algorithm = der(SEQUENCE, self.algorithm);
        let whole = [signed, algorithm, der(BIT_STRING, &signature), self.after_signature.clone()].concat();
        CertificateDer::from([der(SEQUENCE, &whole), self.after.clone()].concat())
    }

    fn signed_part(&self) -> Vec<u8> {
        let version = match self.version {
            0 => vec![],
            number => der(VERSION, &der(INTEGER, &[number])),
        };
        let validity = self.validity.map(|time| der(UTC_TIME, time.as_bytes())).concat();
        let subject = self.issuer.clone();
        let fields = [
            version,
            der(INTEGER, &[1]),
            der(SEQUENCE, self.signed_algorithm),
            self.issuer.clone(),
            der(SEQUENCE, &validity),
            subject,
            self.key.clone(),
            self.extensions.clone(),
        ];
        der(SEQUENCE, &fields.concat())
    }
}
