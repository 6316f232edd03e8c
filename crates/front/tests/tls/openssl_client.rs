//! The real client that certificates of version 1 have: OpenSSL, which also verifies the server's.

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use salver_front::tls::{describe, Tls};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::wire::soon;
use crate::world::world;

/// Runs `openssl s_client` with the world's `ca.crt` against a server that says one line, and gives what the client
/// read and what the server's log says.
async fn call(tls: &Tls, arguments: &str) -> (String, Result<(), String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let arguments = arguments.to_string();
    let client = tokio::task::spawn_blocking(move || s_client(address, &arguments));
    let (client, served) = soon(async { tokio::join!(client, serve_one(tls, listener)) }).await;
    (client.unwrap(), served)
}

async fn serve_one(tls: &Tls, listener: TcpListener) -> Result<(), String> {
    let (stream, _) = listener.accept().await.unwrap();
    let mut stream = tls.acceptor().accept(stream).await.map_err(|error| describe(&error))?;
    stream.write_all(b"served\n").await.map_err(|error| describe(&error))?;
    stream.shutdown().await.map_err(|error| describe(&error))
}

fn s_client(address: SocketAddr, arguments: &str) -> String {
    let output = Command::new("timeout")
        .args(["20", "openssl", "s_client", "-connect", &address.to_string(), "-quiet", "-CAfile", "ca.crt"])
        .args(["-verify_return_error", "-verify_hostname", "localhost"])
        .args(arguments.split_whitespace())
        .current_dir(&world().folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn the_tutorials_server_is_verified_by_its_clients() {
    let tls = world().server(None);
    for version in ["-tls1_2", "-tls1_3"] {
        let (read, served) = call(&tls, version).await;
        assert_eq!((read.as_str(), served), ("served\n", Ok(())), "{version}");
    }
}

#[tokio::test]
async fn a_client_that_trusts_another_authority_leaves_with_a_reason_in_the_log() {
    let (read, served) = call(&world().server(None), "-CAfile other.crt").await;
    assert_eq!(read, "");
    assert!(served.clone().unwrap_err().contains("refused the server's certificate"), "{served:?}");
}

#[tokio::test]
async fn mutual_tls_with_the_tutorials_certificates() {
    let world = world();
    world.openssl("genpkey -algorithm rsa-pss -pkeyopt rsa_keygen_bits:2048 -out client_pss.key");
    world.sign("client_pss", "client_pss", "ca", "");
    world.openssl("genrsa -out short.key 1024");
    world.sign("short", "short", "ca", "");
    world.sign("client_other", "client", "other", "");
    let tls = world.server(Some("ca"));
    let cases = [
        ("-cert client.crt -key client.key", None),
        ("-cert client_v3.crt -key client.key", None),
        ("-cert client_other.crt -key client.key", Some("unknown authority")),
        ("", Some("the client sent no certificate")),
        // A key that may only sign by RSA-PSS has an algorithm of its own, which the handshake does not offer.
        ("-cert client_pss.crt -key client_pss.key", Some("the client sent no certificate")),
        // 1024 bits are too few to sign a handshake, whatever the authority says.
        ("-cert short.crt -key short.key -cipher DEFAULT@SECLEVEL=0", Some("a signature does not verify")),
    ];
    for (arguments, refusal) in cases {
        for version in ["-tls1_2", "-tls1_3"] {
            let (read, served) = call(&tls, &format!("{version} {arguments}")).await;
            match refusal {
                None => assert_eq!((read.as_str(), &served), ("served\n", &Ok(())), "{arguments}"),
                Some(expected) => {
                    let said = served.expect_err(arguments);
                    assert!(said.contains(expected), "{version} {arguments}: {said}");
                    assert_eq!(read, "", "{arguments}");
                }
            }
        }
    }
}
