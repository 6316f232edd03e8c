//! The table of clients: who is let in over mutual TLS, by both versions of TLS.

use std::slice;
use std::sync::Arc;

use rustls::sign::SigningKey;
use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate, X509Version};

use crate::draft::{der, Draft, EXTENSIONS, SEQUENCE, SHA384_WITH_RSA};
use crate::wire::{client, connect, Identity, BOTH};
use crate::world::{world, World};

/// A client and what the log says of it; `None` lets it in.
struct Case(&'static str, Option<Identity>, Option<&'static str>);

const UNKNOWN: Option<&str> = Some("unknown authority");
const FORGED: Option<&str> = Some("a signature does not verify");
const NOT_SIGNED: Option<&str> = Some("the authority it names did not sign it");
const NOT_ALONE: Option<&str> = Some("came with certificates of others");
const WRONG_KEY: Option<&str> = Some("does not hold the key of its certificate");
const ENCODING: Option<&str> = Some("bytes that do not belong to it");

fn case(name: &'static str, chain: &[CertificateDer<'static>], key: &Arc<dyn SigningKey>) -> Case {
    Case(name, Some(Identity { chain: chain.to_vec(), key: key.clone() }), None)
}

impl Case {
    fn refused(self, reason: Option<&'static str>) -> Case {
        Case(self.0, self.1, reason)
    }
}

async fn check(client_ca: &str, cases: Vec<Case>) {
    let tls = world().server(Some(client_ca));
    for Case(name, identity, refusal) in cases {
        for version in BOTH {
            let outcome = connect(&tls, client(identity.clone(), version)).await;
            match (outcome, refusal) {
                (Ok(_), None) => {}
                (Err(said), Some(expected)) => assert!(said.contains(expected), "{name}, {version:?}: {said}"),
                (Ok(_), Some(_)) => panic!("{name}, {version:?}: was let in"),
                (Err(said), None) => panic!("{name}, {version:?}: {said}"),
            }
        }
    }
}

/// A version 1 certificate of the world's client key.
fn version_one(world: &World, ca: &str, change: impl FnOnce(&mut Draft)) -> CertificateDer<'static> {
    let mut draft = Draft::version_one(world, ca, world.key("client").as_ref());
    change(&mut draft);
    draft.sign(world.key(ca).as_ref())
}

fn extension() -> Vec<u8> {
    // subjectKeyIdentifier, one byte long
    let extension = der(SEQUENCE, b"\x06\x03\x55\x1d\x0e\x04\x03\x04\x01\x07");
    der(EXTENSIONS, &der(SEQUENCE, &extension))
}

#[tokio::test]
async fn certificates_of_the_tutorial_and_of_version_3() {
    let world = world();
    let key = world.key("client");
    let wrong = world.key("stranger");
    check(
        "ca",
        vec![
            case("tutorial", &[world.certificate("client")], &key),
            case("version 3", &[world.certificate("client_v3")], &key),
            case("tutorial, another's key", &[world.certificate("client")], &wrong).refused(FORGED),
            case("version 3, another's key", &[world.certificate("client_v3")], &wrong).refused(FORGED),
            case("version 3, twin authority", &[world.certificate("client_v3_twin")], &key).refused(FORGED),
            case("version 3, other authority", &[world.certificate("client_v3_other")], &key).refused(UNKNOWN),
            case("version 3, for servers only", &[world.certificate("client_v3_server_only")], &key)
                .refused(Some("not meant for clients")),
            case("the authority itself", &[world.certificate("ca")], &world.key("ca"))
                .refused(Some("client certificate refused: CaUsedAsEndEntity")),
            Case("no certificate", None, Some("the client sent no certificate")),
        ],
    )
    .await;
}

#[tokio::test]
async fn version_1_certificates() {
    let world = world();
    let key = world.key("client");
    let signed = |ca: &str, change: fn(&mut Draft)| [version_one(world, ca, change)];
    let good = signed("ca", |_| {});
    check(
        "ca",
        vec![
            case("good", &good, &key),
            case("another's key", &good, &world.key("stranger")).refused(FORGED),
            case("twin authority", &signed("twin", |_| {}), &key).refused(NOT_SIGNED),
            case("other authority", &signed("other", |_| {}), &key).refused(UNKNOWN),
            case("expired", &signed("ca", |draft| draft.validity[1] = "200102000000Z"), &key)
                .refused(Some("client certificate has expired")),
            case("not yet valid", &signed("ca", |draft| draft.validity[0] = "490101000000Z"), &key)
                .refused(Some("client certificate is not valid yet")),
            case("expired, version 3", &signed("ca", expired_version_3), &key)
                .refused(Some("client certificate has expired")),
            case("not yet valid, version 3", &signed("ca", early_version_3), &key)
                .refused(Some("client certificate is not valid yet")),
            case("version 2", &signed("ca", |draft| draft.version = 1), &key).refused(Some("UnsupportedCertVersion")),
            case("bytes after", &signed("ca", |draft| draft.after = vec![0]), &key).refused(ENCODING),
            case("bytes inside", &signed("ca", |draft| draft.after_signature = vec![5, 0]), &key).refused(ENCODING),
            case("extensions", &signed("ca", |draft| draft.extensions = extension()), &key)
                .refused(Some("fields of later versions")),
            case("unique identifier", &signed("ca", |draft| draft.extensions = vec![0x81, 2, 0, 7]), &key)
                .refused(Some("fields of later versions")),
            case("two algorithms", &signed("ca", |draft| draft.signed_algorithm = SHA384_WITH_RSA), &key)
                .refused(Some("two different signature algorithms")),
            case("sent with its authority, as OpenSSL does", &[good[0].clone(), world.certificate("ca")], &key),
            case("sent with another authority", &[good[0].clone(), world.certificate("twin")], &key).refused(NOT_ALONE),
        ],
    )
    .await;
}

fn expired_version_3(draft: &mut Draft) {
    draft.version = 2;
    draft.validity[1] = "200102000000Z";
}

fn early_version_3(draft: &mut Draft) {
    draft.version = 2;
    draft.validity[0] = "490101000000Z";
}

#[tokio::test]
async fn a_client_cannot_sign_for_others() {
    let world = world();
    let stranger = world.key("stranger");
    let parent = version_one(world, "ca", |_| {});
    let (_, fields) = X509Certificate::from_der(&parent).unwrap();
    let mut draft = Draft::version_one(world, "ca", stranger.as_ref());
    draft.issuer = fields.subject().as_raw().to_vec();
    let below = draft.sign(world.key("client").as_ref());
    draft.version = 2;
    let below_v3 = draft.sign(world.key("client").as_ref());
    world.sign("below", "stranger", "client", "");
    world.sign("below_v3", "stranger", "client", "-extfile v3.ext");
    check(
        "ca",
        vec![
            case("alone", slice::from_ref(&below), &stranger).refused(NOT_SIGNED),
            case("with its parent", &[below, parent.clone()], &stranger).refused(NOT_ALONE),
            case("as version 3", slice::from_ref(&below_v3), &stranger).refused(FORGED),
            case("as version 3, with its parent", &[below_v3, parent], &stranger).refused(FORGED),
            case("by openssl", &[world.certificate("below")], &stranger).refused(UNKNOWN),
            case("by openssl, version 3", &["below_v3", "client"].map(|name| world.certificate(name)), &stranger)
                .refused(Some("client certificate ")),
        ],
    )
    .await;
}

#[tokio::test]
async fn every_kind_of_key_the_handshake_knows() {
    let world = world();
    let kinds = [
        ("p256", "ecparam -genkey -noout -name prime256v1 -out p256.key"),
        ("p384", "ecparam -genkey -name secp384r1 -out p384.key"),
        ("ed25519", "genpkey -algorithm ed25519 -out ed25519.key"),
    ];
    let mut cases = Vec::new();
    for (name, command) in kinds {
        world.openssl(command);
        let key = world.key(name);
        let certificate = Draft::version_one(world, "ca", key.as_ref()).sign(world.key("ca").as_ref());
        cases.push(case(name, slice::from_ref(&certificate), &key));
        cases.push(case("an RSA key instead", &[certificate], &world.key("stranger")).refused(WRONG_KEY));
        world.sign(name, name, "ca", "");
        cases.push(case(name, &[world.certificate(name)], &key));
    }
    check("ca", cases).await;
}

#[tokio::test]
async fn signatures_of_authorities_by_every_algorithm() {
    let world = world();
    let key = world.key("client");
    let pss = "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest";
    world.sign("by_pss", "client", "ca", pss);
    world.sign("by_sha512", "client", "ca", "-sha512");
    world.sign("by_sha1", "client", "ca", "-sha1");
    check(
        "ca",
        vec![
            case("RSA-PSS", &[world.certificate("by_pss")], &key),
            case("SHA-512", &[world.certificate("by_sha512")], &key),
            case("SHA-1", &[world.certificate("by_sha1")], &key).refused(Some("not accepted (SHA-1")),
        ],
    )
    .await;
    for (name, kind) in [("ca_ec", "ec -pkeyopt ec_paramgen_curve:P-256"), ("ca_ed", "ed25519")] {
        world.authority(name, kind, "Root");
        world.sign(&format!("by_{name}"), "client", name, "");
        let good = [world.certificate(&format!("by_{name}"))];
        check(
            name,
            vec![case(name, &good, &key), case("RSA", &[world.certificate("client")], &key).refused(NOT_SIGNED)],
        )
        .await;
    }
}

#[tokio::test]
async fn two_authorities_of_one_name_while_the_key_changes() {
    let world = world();
    let both = ["ca.crt", "twin.crt"].map(|name| std::fs::read_to_string(world.path(name)).unwrap()).concat();
    world.write("both.crt", &both);
    let key = world.key("client");
    let (old, new) = (version_one(world, "ca", |_| {}), version_one(world, "twin", |_| {}));
    check("both", vec![case("old", &[old], &key), case("new", &[new], &key)]).await;
}

#[tokio::test]
async fn an_authority_that_restricts_itself_signs_no_version_1() {
    let world = world();
    world.openssl(
        "req -x509 -nodes -days 365 -newkey rsa:2048 -keyout narrow.key -out narrow.crt -subj /CN=Narrow \
         -addext nameConstraints=critical,permitted;DNS:example.com",
    );
    world.sign("client_narrow_v3", "client", "narrow", "-extfile v3.ext");
    let key = world.key("client");
    let refused =
        case("version 1", &[version_one(world, "narrow", |_| {})], &key).refused(Some("restricts what it signs"));
    check("narrow", vec![refused, case("version 3", &[world.certificate("client_narrow_v3")], &key)]).await;
}

#[test]
fn drafts_are_of_version_1() {
    let draft = version_one(world(), "ca", |_| {});
    assert_eq!(X509Certificate::from_der(&draft).unwrap().1.version(), X509Version::V1);
}
