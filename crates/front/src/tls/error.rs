use std::fmt;
use std::path::PathBuf;

/// Which of a listener's files an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Certificate,
    PrivateKey,
    ClientCa,
}

impl Role {
    /// What the file should hold, in words for a sentence.
    const fn wanted(self) -> &'static str {
        match self {
            Role::Certificate => {
                "a PEM file whose first '-----BEGIN CERTIFICATE-----' section is the server's own certificate"
            }
            Role::PrivateKey => "a PEM file with a '-----BEGIN PRIVATE KEY-----' section",
            Role::ClientCa => {
                "a PEM file with the '-----BEGIN CERTIFICATE-----' sections of the authorities that sign clients"
            }
        }
    }

    /// The command that turns the binary form into PEM.
    const fn conversion(self) -> &'static str {
        match self {
            Role::Certificate | Role::ClientCa => "openssl x509 -inform der -in FILE -out FILE.pem",
            Role::PrivateKey => "openssl pkey -inform der -in FILE -out FILE.pem",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Certificate => "certificate file",
            Role::PrivateKey => "private key file",
            Role::ClientCa => "client authority file",
        })
    }
}

/// Why a listener's TLS files cannot be used. The text names the file, what is wrong, what was expected and the
/// remedy; it never holds anything of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsError {
    Unreadable {
        role: Role,
        path: PathBuf,
        reason: String,
    },
    TooLarge {
        role: Role,
        path: PathBuf,
        limit: u64,
    },
    /// No PEM section at all; `der` when the content looks like the binary form.
    NotPem {
        role: Role,
        path: PathBuf,
        der: bool,
    },
    /// A PEM section, or the certificate in it, that cannot be read.
    Damaged {
        role: Role,
        path: PathBuf,
        reason: String,
    },
    /// PEM sections, but none of the wanted kind; `found` holds the labels there are.
    NothingWanted {
        role: Role,
        path: PathBuf,
        found: Vec<String>,
    },
    EncryptedKey {
        path: PathBuf,
    },
    UnsupportedKey {
        path: PathBuf,
    },
    KeyMismatch {
        certificate: PathBuf,
        private_key: PathBuf,
    },
    /// A certificate of the client authority file, counted from 1, that does not say it may sign others.
    NotAnAuthority {
        path: PathBuf,
        number: usize,
        reason: &'static str,
    },
    /// The TLS library refused the configuration as a whole.
    Configuration {
        reason: String,
    },
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsError::Unreadable { role, path, reason } => write!(
                f,
                "the {role} '{}' cannot be read: {reason}; expected {}; check the path and its permissions",
                path.display(),
                role.wanted()
            ),
            TlsError::TooLarge { role, path, limit } => write!(
                f,
                "the {role} '{}' is larger than {limit} bytes; expected {}; check the path",
                path.display(),
                role.wanted()
            ),
            TlsError::NotPem { role, path, der } => {
                write!(f, "the {role} '{}' is not PEM; expected {}; ", path.display(), role.wanted())?;
                match der {
                    true => write!(f, "it looks like DER, convert it with '{}'", role.conversion()),
                    false => f.write_str("check that it is the right file"),
                }
            }
            TlsError::Damaged { role, path, reason } => write!(
                f,
                "the {role} '{}' is damaged: {reason}; expected {}; copy or make it again",
                path.display(),
                role.wanted()
            ),
            TlsError::NothingWanted { role, path, found } => write!(
                f,
                "the {role} '{}' holds only {}; expected {}; check that the files are not swapped",
                path.display(),
                found.join(", "),
                role.wanted()
            ),
            TlsError::EncryptedKey { path } => write!(
                f,
                "the private key in '{}' is encrypted with a pass phrase; expected a plain key; write one with \
                 'openssl pkey -in FILE -out FILE.plain' and keep it readable by the server only",
                path.display()
            ),
            TlsError::UnsupportedKey { path } => write!(
                f,
                "the private key in '{}' is of a kind that cannot be used; expected RSA of 2048 to 8192 bits, ECDSA \
                 P-256 or P-384, or Ed25519; make another one, for example with 'openssl genrsa 2048'",
                path.display()
            ),
            TlsError::KeyMismatch { certificate, private_key } => write!(
                f,
                "the private key in '{}' does not belong to the first certificate in '{}'; expected the key with which \
                 that certificate was requested, and in a chain the server's own certificate first; give files that \
                 belong together",
                private_key.display(),
                certificate.display()
            ),
            TlsError::NotAnAuthority { path, number, reason } => write!(
                f,
                "certificate {number} of the client authority file '{}' {reason}; expected an X.509 version 3 \
                 certificate that says it is an authority (basicConstraints CA:TRUE); give the authority's \
                 certificate, not the client's, or make one with 'openssl req -x509 -addext \
                 basicConstraints=critical,CA:TRUE'",
                path.display()
            ),
            TlsError::Configuration { reason } => {
                write!(f, "the TLS library does not accept the configuration: {reason}; please report this")
            }
        }
    }
}

impl std::error::Error for TlsError {}
