//! Files that cannot be used: the error names the file, what is wrong and the remedy.

use std::path::{Path, PathBuf};

use salver_front::tls::{Tls, TlsFiles};

use crate::world::world;

fn refusal(files: TlsFiles) -> String {
    match Tls::load(files) {
        Ok(_) => panic!("was loaded"),
        Err(error) => error.to_string(),
    }
}

fn assert_says(said: &str, file: &Path, words: &[&str]) {
    assert!(said.contains(&file.display().to_string()), "{said}");
    for word in words {
        assert!(said.contains(word), "'{word}' is not in: {said}");
    }
}

/// A file of the world, written for this test.
fn written(name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = world().path(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn text(name: &str) -> String {
    std::fs::read_to_string(world().path(name)).unwrap()
}

fn chain_in_the_wrong_order() -> PathBuf {
    written("reversed.crt", text("ca.crt") + &text("server.crt"))
}

#[test]
fn certificate_files() {
    let cut = text("server.crt").replace("-----END CERTIFICATE-----", "");
    let cases: Vec<(PathBuf, &[&str])> = vec![
        (world().path("absent.crt"), &["No such file", "check the path"]),
        (world().folder.clone(), &["cannot be read"]),
        (written("empty.crt", ""), &["is not PEM", "right file"]),
        (written("der.crt", world().certificate("server")), &["is not PEM", "openssl x509 -inform der"]),
        (world().path("server.key"), &["holds only", "PRIVATE KEY'", "swapped"]),
        (written("cut.crt", cut), &["cut short"]),
        (written("base64.crt", text("server.crt").replacen("MI", "!!", 1)), &["not base64"]),
        (written("x509.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), &["not X.509"]),
        (written("huge.crt", vec![b'\n'; 5 << 20]), &["larger than"]),
        (world().path("client.crt"), &["does not belong", "server.key"]),
        (chain_in_the_wrong_order(), &["own certificate first"]),
    ];
    for (certificate, words) in cases {
        let said = refusal(TlsFiles { certificate: certificate.clone(), ..world().files(None) });
        assert_says(&said, &certificate, words);
    }
}

#[test]
fn key_files() {
    let world = world();
    world.openssl("pkey -in server.key -aes128 -passout pass:secret -out encrypted.key");
    world.openssl("rsa -in server.key -traditional -aes128 -passout pass:secret -out encrypted_old.key");
    world.openssl("pkey -in server.key -outform der -out der.key");
    world.openssl("ecparam -genkey -noout -name secp521r1 -out p521.key");
    world.openssl("genpkey -algorithm rsa-pss -pkeyopt rsa_keygen_bits:2048 -out pss.key");
    let cases: [(&str, &[&str]); 8] = [
        ("absent.key", &["No such file"]),
        ("encrypted.key", &["encrypted", "openssl pkey"]),
        ("encrypted_old.key", &["encrypted", "openssl pkey"]),
        ("der.key", &["is not PEM", "openssl pkey -inform der"]),
        ("server.crt", &["holds only 'CERTIFICATE'", "swapped"]),
        ("client.key", &["does not belong", "server.crt"]),
        ("p521.key", &["P-256 or P-384"]),
        ("pss.key", &["kind that cannot be used"]),
    ];
    for (name, words) in cases {
        let private_key = world.path(name);
        let said = refusal(TlsFiles { private_key: private_key.clone(), ..world.files(None) });
        assert_says(&said, &private_key, words);
    }
}

#[test]
fn client_authority_files() {
    let world = world();
    world.openssl(
        "req -x509 -nodes -days 365 -newkey rsa:2048 -keyout unsigning.key -out unsigning.crt -subj /CN=Root \
         -addext keyUsage=digitalSignature",
    );
    world.write("with_leaf.crt", &(text("ca.crt") + &text("client_v3.crt")));
    let version_one = crate::draft::Draft::version_one(world, "ca", world.key("ca").as_ref());
    std::fs::write(world.path("v1_ca.der"), version_one.sign(world.key("ca").as_ref())).unwrap();
    world.openssl("x509 -inform der -in v1_ca.der -out v1_ca.crt");
    let cases: [(&str, &[&str]); 6] = [
        ("absent.crt", &["client authority file", "No such file"]),
        ("ca.key", &["holds only", "CERTIFICATE"]),
        ("v1_ca.crt", &["version 1", "CA:TRUE"]),
        ("client_v3.crt", &["certificate 1", "not say that it is an authority", "not the client's"]),
        ("with_leaf.crt", &["certificate 2", "not say that it is an authority"]),
        ("unsigning.crt", &["key usage"]),
    ];
    for (name, words) in cases {
        let client_ca = world.path(name);
        let said = refusal(TlsFiles { client_ca: Some(client_ca.clone()), ..world.files(None) });
        assert_says(&said, &client_ca, words);
    }
}

#[test]
fn errors_do_not_quote_keys() {
    let world = world();
    let damaged = text("server.key").replacen("MI", "!MI", 1);
    let private_key = written("damaged.key", &damaged);
    let said = refusal(TlsFiles { private_key, ..world.files(None) });
    let line = damaged.lines().nth(1).unwrap();
    assert!(said.contains("not base64") && !said.contains(&line[..16]), "{said}");
}

/// Keys as the common commands write them, each with a certificate of its own.
#[test]
fn keys_in_every_common_form_are_loaded() {
    let world = world();
    world.openssl("ecparam -genkey -name prime256v1 -out form_sec1.key");
    world.openssl("genpkey -algorithm ed25519 -out form_ed25519.key");
    world.openssl("rsa -in server.key -traditional -out form_pkcs1.key");
    world.openssl("pkey -in server.key -out form_pkcs8.key");
    for name in ["form_sec1", "form_ed25519", "form_pkcs1", "form_pkcs8"] {
        world.sign(name, name, "ca", "");
        let (certificate, private_key) = (world.path(&format!("{name}.crt")), world.path(&format!("{name}.key")));
        let loaded = Tls::load(TlsFiles { certificate, private_key, client_ca: None });
        assert!(loaded.is_ok(), "{name}: {:?}", loaded.err());
    }
}
