//! TLS on the server's side: certificates from PEM files, client certificates on demand, new files taken up while
//! running, and every refusal in plain words.

mod authority;
mod describe;
mod error;
mod legacy;
mod own_certificate;
mod pem;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls::crypto::{ring, CryptoProvider};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;

pub use authority::client_verifier;
pub use describe::describe;
pub use error::{Role, TlsError};
pub(crate) use pem::x509;

/// The PEM files of a listener with TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, first, and the chain above it, if any.
    pub certificate: PathBuf,
    /// Its key, without a pass phrase.
    pub private_key: PathBuf,
    /// With it, a client must present a certificate of one of these authorities.
    pub client_ca: Option<PathBuf>,
}

impl TlsFiles {
    fn paths(&self) -> impl Iterator<Item = &Path> {
        [&self.certificate, &self.private_key].into_iter().chain(&self.client_ca).map(PathBuf::as_path)
    }
}

/// A listener's TLS configuration, kept up with its files. Clones share it.
#[derive(Clone)]
pub struct Tls(Arc<Shared>);

struct Shared {
    files: TlsFiles,
    current: ArcSwap<ServerConfig>,
    /// The files as they were when last looked at, whether or not they were good.
    seen: Mutex<Vec<Option<Stamp>>>,
}

impl Tls {
    /// Reads the files; an error names the one to mend.
    pub fn load(files: TlsFiles) -> Result<Tls, TlsError> {
        // The stamps come first: a change between the two is then seen as one, at the cost of loading twice.
        let seen = Mutex::new(stamps(&files));
        let current = ArcSwap::from_pointee(configuration(&files)?);
        Ok(Tls(Arc::new(Shared { files, current, seen })))
    }

    /// Takes connections with the configuration as it is now; connections already taken keep theirs.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.current.load_full())
    }

    /// Loads the files anew if they have changed since they were last looked at, and says whether new connections
    /// now use them.
    ///
    /// New files that cannot be used leave the configuration as it was; the error is returned once per change, so it
    /// may be logged as it comes. Between the writing of a new certificate and of its key it is a mismatch,
    /// which the next change mends. A call without a change is a `stat` of each file, blocking.
    pub fn reload_if_changed(&self) -> Result<bool, TlsError> {
        let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamps(&self.0.files);
        if *seen == now {
            return Ok(false);
        }
        *seen = now;
        self.0.current.store(Arc::new(configuration(&self.0.files)?));
        Ok(true)
    }
}

/// What tells one content of a file from the next without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    /// Modification and status change: the latter also tells of copies that keep the former.
    times: [(i64, i64); 2],
}

/// `None` for a file that cannot be looked at, which is a change like any other when it was there before.
fn stamps(files: &TlsFiles) -> Vec<Option<Stamp>> {
    files.paths().map(|path| fs::metadata(path).ok().map(|metadata| Stamp::of(&metadata))).collect()
}

impl Stamp {
    fn of(metadata: &fs::Metadata) -> Stamp {
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        Stamp { device: metadata.dev(), inode: metadata.ino(), size: metadata.len(), times: [modified, changed] }
    }
}

fn configuration(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let own = own_certificate::load(files, &provider)?;
    let versions = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let builder = versions.map_err(|error| TlsError::Configuration { reason: error.to_string() })?;
    let resolver = Arc::new(SingleCertAndKey::from(own));
    let mut config = builder.with_client_cert_verifier(client_rule(files, provider)?).with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    if files.client_ca.is_some() {
        forbid_resumption(&mut config);
    }
    Ok(config)
}

fn client_rule(files: &TlsFiles, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    match &files.client_ca {
        Some(path) => client_verifier(path, provider),
        None => Ok(WebPkiClientVerifier::no_client_auth()),
    }
}

/// A resumed session is not asked for its certificate again, so one that has expired since would still be let in.
fn forbid_resumption(config: &mut ServerConfig) {
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
}
