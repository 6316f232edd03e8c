//! What is spoken inside, and clients that do not speak TLS at all.

use rustls::{ClientConfig, HandshakeKind};
use salver_front::tls::describe;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::wire::{client, connect, soon, Identity, BOTH};
use crate::world::world;

fn offering(protocols: &[&str]) -> ClientConfig {
    let mut config = client(None, BOTH[1]);
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

#[tokio::test]
async fn protocols_are_chosen_by_name() {
    let tls = world().server(None);
    let cases: [(&[&str], Option<&str>); 4] =
        [(&["h2"], Some("h2")), (&["http/1.1"], Some("http/1.1")), (&["http/1.1", "h2"], Some("h2")), (&[], None)];
    for (offered, chosen) in cases {
        let connection = connect(&tls, offering(offered)).await.unwrap();
        let agreed = connection.server.get_ref().1.alpn_protocol();
        assert_eq!(agreed, chosen.map(str::as_bytes), "{offered:?}");
    }
    let said = connect(&tls, offering(&["spdy/3"])).await.err().unwrap();
    assert!(said.contains("h2 and http/1.1"), "{said}");
}

#[tokio::test]
async fn plain_text_is_refused_at_once() {
    let tls = world().server(None);
    let cases: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x99\x99\x00\x01\x00",
        b"\0\0\0\0\0\0\0\0",
    ];
    for bytes in cases {
        let (mut near, far) = tokio::io::duplex(1 << 16);
        near.write_all(bytes).await.unwrap();
        let error = soon(tls.acceptor().accept(far)).await.err().unwrap();
        let said = describe(&error);
        assert!(said.contains("did not speak TLS"), "{}: {said}", bytes.escape_ascii());
        // The connection ends, so that the client sees an error and not silence.
        let mut answer = Vec::new();
        soon(near.read_to_end(&mut answer)).await.unwrap();
    }
}

#[tokio::test]
async fn a_client_that_leaves_is_described() {
    let tls = world().server(None);
    for bytes in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
        let (mut near, far) = tokio::io::duplex(1 << 16);
        near.write_all(bytes).await.unwrap();
        drop(near);
        let error = soon(tls.acceptor().accept(far)).await.err().unwrap();
        let said = describe(&error);
        assert!(said.contains("left during the TLS handshake"), "{said}");
    }
}

/// A resumed session does not show its certificate again, so where certificates are asked for there are none.
#[tokio::test]
async fn sessions_are_resumed_only_without_client_certificates() {
    let world = world();
    let identity = Identity { chain: vec![world.certificate("client")], key: world.key("client") };
    for (client_ca, second) in [(None, HandshakeKind::Resumed), (Some("ca"), HandshakeKind::Full)] {
        let tls = world.server(client_ca);
        for version in BOTH {
            let config = client(Some(identity.clone()), version);
            connect(&tls, config.clone()).await.unwrap();
            let again = connect(&tls, config).await.unwrap();
            assert_eq!(again.server.get_ref().1.handshake_kind(), Some(second), "{version:?}");
        }
    }
}
