//! Files that change under a running server.

use std::fs;
use std::path::Path;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::CertificateDer;
use salver_front::tls::{Tls, TlsError, TlsFiles};

use crate::wire::{client, connect, Identity, BOTH};
use crate::world::{folder, world};

/// Puts a file of the world in place as rotation tools do: written beside, then renamed over.
fn place(from: &str, to: &Path) {
    let beside = to.with_extension("new");
    fs::copy(world().path(from), &beside).unwrap();
    fs::rename(beside, to).unwrap();
}

fn placed(client_ca: Option<&str>) -> (Tls, TlsFiles) {
    let folder = folder();
    let (certificate, private_key) = (folder.join("tls.crt"), folder.join("tls.key"));
    place("server.crt", &certificate);
    place("server.key", &private_key);
    let client_ca = client_ca.map(|name| {
        let path = folder.join("ca.crt");
        place(name, &path);
        path
    });
    let files = TlsFiles { certificate, private_key, client_ca };
    (Tls::load(files.clone()).unwrap(), files)
}

/// The certificate that new connections are shown.
async fn shown(tls: &Tls) -> CertificateDer<'static> {
    connect(tls, client(None, BOTH[1])).await.unwrap().server_certificate().clone()
}

fn certificate(name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(world().path(name)).unwrap()
}

#[tokio::test]
async fn new_files_serve_new_connections_and_old_connections_live_on() {
    let (tls, files) = placed(None);
    let mut old = connect(&tls, client(None, BOTH[1])).await.unwrap();
    assert_eq!(tls.reload_if_changed(), Ok(false));

    place("client.crt", &files.certificate);
    place("client.key", &files.private_key);
    assert_eq!(shown(&tls).await, certificate("server.crt"));
    assert_eq!(tls.clone().reload_if_changed(), Ok(true));
    assert_eq!(tls.reload_if_changed(), Ok(false));

    assert_eq!(shown(&tls).await, certificate("client.crt"));
    old.ping().await;
    assert_eq!(old.server_certificate(), &certificate("server.crt"));
}

#[tokio::test]
async fn between_certificate_and_key_the_old_ones_stay() {
    let (tls, files) = placed(None);
    place("client.crt", &files.certificate);
    assert!(matches!(tls.reload_if_changed(), Err(TlsError::KeyMismatch { .. })));
    assert_eq!(tls.reload_if_changed(), Ok(false), "said once");
    assert_eq!(shown(&tls).await, certificate("server.crt"));

    place("client.key", &files.private_key);
    assert_eq!(tls.reload_if_changed(), Ok(true));
    assert_eq!(shown(&tls).await, certificate("client.crt"));
}

#[tokio::test]
async fn broken_and_missing_files_leave_the_old_ones() {
    let (tls, files) = placed(None);
    fs::write(&files.certificate, "-----BEGIN CERTIFICATE-----\nMII").unwrap();
    let said = tls.reload_if_changed().unwrap_err().to_string();
    assert!(said.contains("cut short") && said.contains("tls.crt"), "{said}");
    assert_eq!(tls.reload_if_changed(), Ok(false), "said once");

    fs::remove_file(&files.certificate).unwrap();
    let said = tls.reload_if_changed().unwrap_err().to_string();
    assert!(said.contains("No such file"), "{said}");
    assert_eq!(tls.reload_if_changed(), Ok(false), "said once");
    assert_eq!(shown(&tls).await, certificate("server.crt"));

    place("server.crt", &files.certificate);
    assert_eq!(tls.reload_if_changed(), Ok(true));
}

#[tokio::test]
async fn a_new_client_authority_shuts_out_the_clients_of_the_old() {
    let (tls, files) = placed(Some("ca.crt"));
    let chain = vec![certificate("client.crt")];
    let identity = Some(Identity { chain, key: world().key("client") });
    let config = client(identity, BOTH[1]);
    connect(&tls, config.clone()).await.unwrap();

    place("other.crt", files.client_ca.as_deref().unwrap());
    assert_eq!(tls.reload_if_changed(), Ok(true));
    // The same configuration would resume its session, were sessions kept.
    let said = connect(&tls, config).await.err().unwrap();
    assert!(said.contains("unknown authority"), "{said}");
}
