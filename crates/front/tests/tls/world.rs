//! Keys and certificates, made once by `openssl` with the commands that tutorials print.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use rustls::crypto::ring;
use rustls::sign::SigningKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use salver_front::tls::{Tls, TlsFiles};

/// A folder of its own for each caller.
pub fn folder() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("tls-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// Runs openssl in a folder. Arguments are split at blanks.
pub fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split_whitespace()).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

pub struct World {
    pub folder: PathBuf,
}

/// `ca` with `server` and `client` under it, as the tutorial makes them; `twin`, an authority of the same name with
/// another key; `other`, a foreign authority; and leaves under each.
pub fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let world = World { folder: folder() };
        for (name, common_name) in [("ca", "Root"), ("twin", "Root"), ("other", "Other")] {
            world.authority(name, "rsa:2048", common_name);
        }
        for name in ["server", "client"] {
            world.openssl(&format!("genrsa -out {name}.key 2048"));
            world.sign(name, name, "ca", "");
        }
        world.openssl("genrsa -out stranger.key 2048");
        world.write("v3.ext", "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=clientAuth\n");
        world.write("server_only.ext", "extendedKeyUsage=serverAuth\n");
        world.sign("client_v3", "client", "ca", "-extfile v3.ext");
        world.sign("client_v3_twin", "client", "twin", "-extfile v3.ext");
        world.sign("client_v3_other", "client", "other", "-extfile v3.ext");
        world.sign("client_v3_server_only", "client", "ca", "-extfile server_only.ext");
        world
    })
}

impl World {
    pub fn openssl(&self, arguments: &str) {
        openssl(&self.folder, arguments);
    }

    pub fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub fn authority(&self, name: &str, kind: &str, common_name: &str) {
        self.openssl(&format!(
            "req -x509 -nodes -days 365 -newkey {kind} -keyout {name}.key -out {name}.crt \
             -subj /C=CN/ST=xx/L=xx/OU=gRPC/CN={common_name}"
        ));
    }

    /// A certificate `name` for the key of `key`, under the authority `ca`.
    pub fn sign(&self, name: &str, key: &str, ca: &str, extra: &str) {
        static SERIAL_FILE: Mutex<()> = Mutex::new(());
        let _one_at_a_time = SERIAL_FILE.lock().unwrap();
        self.openssl(&format!(
            "req -new -key {key}.key -out {name}.csr -subj /C=XX/ST=MyST/L=XX/O=HW/OU=gRPC/CN=localhost"
        ));
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA {ca}.crt -CAkey {ca}.key -CAcreateserial -out {name}.crt -days 365 \
             -sha256 {extra}"
        ));
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub fn certificate(&self, name: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.path(&format!("{name}.crt"))).unwrap()
    }

    pub fn key(&self, name: &str) -> Arc<dyn SigningKey> {
        let key = PrivateKeyDer::from_pem_file(self.path(&format!("{name}.key"))).unwrap();
        ring::default_provider().key_provider.load_private_key(key).unwrap()
    }

    /// The tutorial's server; with `client_ca` the name of the authority whose clients it takes.
    pub fn files(&self, client_ca: Option<&str>) -> TlsFiles {
        TlsFiles {
            certificate: self.path("server.crt"),
            private_key: self.path("server.key"),
            client_ca: client_ca.map(|name| self.path(&format!("{name}.crt"))),
        }
    }

    pub fn server(&self, client_ca: Option<&str>) -> Tls {
        Tls::load(self.files(client_ca)).unwrap()
    }
}
