//! The rule for client certificates, given what no honest client sends and times that are not now.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use proptest::prelude::*;
use rustls::crypto::ring;
use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::{CertificateDer, UnixTime};
use salver_front::tls::{client_verifier, describe};

use crate::draft::Draft;
use crate::world::world;

fn verifier() -> &'static Arc<dyn ClientCertVerifier> {
    static VERIFIER: OnceLock<Arc<dyn ClientCertVerifier>> = OnceLock::new();
    VERIFIER.get_or_init(|| client_verifier(&world().path("ca.crt"), Arc::new(ring::default_provider())).unwrap())
}

fn good() -> &'static CertificateDer<'static> {
    static GOOD: OnceLock<CertificateDer<'static>> = OnceLock::new();
    GOOD.get_or_init(|| {
        let world = world();
        Draft::version_one(world, "ca", world.key("client").as_ref()).sign(world.key("ca").as_ref())
    })
}

fn accepts(bytes: &[u8], now: UnixTime) -> Result<(), String> {
    let verified = verifier().verify_client_cert(&CertificateDer::from(bytes), &[], now);
    verified.map(|_| ()).map_err(|error| describe(&std::io::Error::other(error)))
}

fn days_from_now(days: i64) -> UnixTime {
    let seconds = UnixTime::now().as_secs().checked_add_signed(days * 86_400).unwrap();
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

#[test]
fn an_expired_authority_signs_no_version_1() {
    assert_eq!(accepts(good(), UnixTime::now()), Ok(()));
    for days in [-30, 400] {
        let said = accepts(good(), days_from_now(days)).unwrap_err();
        assert!(said.contains("its authority is expired or not valid yet"), "{said}");
    }
}

#[derive(Clone, Debug)]
enum Change {
    Replace(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    Cut(prop::sample::Index),
}

impl Change {
    fn of(&self, original: &[u8]) -> Vec<u8> {
        let mut bytes = original.to_vec();
        match self {
            Change::Replace(at, byte) => bytes[at.index(original.len())] = *byte,
            Change::Insert(at, byte) => bytes.insert(at.index(original.len() + 1), *byte),
            Change::Remove(at) => drop(bytes.remove(at.index(original.len()))),
            Change::Cut(at) => bytes.truncate(at.index(original.len())),
        }
        bytes
    }
}

fn changes() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Replace(at, byte)),
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Insert(at, byte)),
        any::<prop::sample::Index>().prop_map(Change::Remove),
        any::<prop::sample::Index>().prop_map(Change::Cut),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn a_certificate_with_one_byte_changed_is_refused(change in changes()) {
        let changed = change.of(good());
        prop_assume!(changed != good().as_ref());
        prop_assert!(accepts(&changed, UnixTime::now()).is_err());
    }

    #[test]
    fn arbitrary_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(accepts(&bytes, UnixTime::now()).is_err());
    }

    #[test]
    fn arbitrary_fields_in_a_good_envelope_are_refused(fields in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut draft = Draft::version_one(world(), "ca", world().key("stranger").as_ref());
        draft.key = fields;
        let forged = draft.sign(world().key("stranger").as_ref());
        prop_assert!(accepts(&forged, UnixTime::now()).is_err());
    }
}
