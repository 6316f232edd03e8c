//! Streams of messages as JSON documents, over plain HTTP.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use salver_front::services::local::Received;
use salver_front::services::{Backend, Description, Method, Services};
use salver_wire::proto::compile;

use crate::http1::Post;
use crate::served::{ok, served_with, Served};

const PROTO: &str = r#"
syntax = "proto3";
package t;
message Text { string text = 1; }
service T { rpc in(stream Text) returns (Text); }
"#;

static DESCRIPTORS: LazyLock<Bytes> = LazyLock::new(|| {
    let path = std::env::temp_dir().join(format!("salver-{}-documents.proto", std::process::id()));
    std::fs::write(&path, PROTO).unwrap();
    let compiled = compile(&path, &[]).unwrap();
    std::fs::remove_file(&path).unwrap();
    compiled.into()
});

const PATH: &str = "/t.T/in";

/// Pauses within a document may last half a second.
fn served() -> Served {
    let served = served_with(u64::MAX, |settings| settings.header_timeout_ms = 500);
    let described = Description::read(DESCRIPTORS.clone()).unwrap();
    let method = Method::new(PATH, true, false, Backend::Local(Arc::clone(&served.queue)));
    served.server.serve_services(Services::new([method], None).described(vec![Arc::new(described)]));
    served
}

fn begin(served: &Served) -> Post {
    Post::begin(served, PATH, "application/json", &["transfer-encoding: chunked"])
}

#[test]
fn methods_that_a_service_does_not_have_are_unimplemented() {
    let served = served();
    let answer = Post::send(&served, "/t.T/out", "application/json", &[], b"{}").answer();
    let told = r#"{"code":12,"message":"there is no method /t.T/out","details":[]}"#;
    assert_eq!((answer.status, answer.text()), (501, told));
    assert_eq!(Post::send(&served, "/t.U/out", "application/json", &[], b"{}").answer().status, 404);
}

#[test]
fn documents_are_read_however_they_are_cut() {
    let served = served();
    let mut post = begin(&served);
    let call = served.take();
    for piece in [&b" {\"te"[..], b"xt\": \"one\"", b"}\n{\"text\": \"t", b"wo\"} {\"text\":", b"\"three\"}", b""] {
        post.chunk(piece);
    }
    for text in ["one", "two", "three"] {
        let message = [&[10, text.len() as u8][..], text.as_bytes()].concat();
        assert_eq!(call.receive(), Received::Message(message.into()));
    }
    assert_eq!(call.receive(), Received::End);
    call.finish(Some((Bytes::from_static(b"\x0a\x02ok"), false)), ok());
    assert_eq!(post.answer().text(), r#"{"text":"ok"}"#);
    served.wait_until_idle();
}

#[test]
fn a_document_that_comes_in_drops_does_not_keep_its_call_open() {
    let served = served();
    let mut post = begin(&served);
    post.chunk(b"{\"text\": \"");
    let drops = (0..1000).take_while(|_| {
        post.chunk(b".");
        !post.is_answered_within(Duration::from_millis(20))
    });
    assert!(drops.count() < 1000, "a byte at a time keeps a call open");
    let answer = post.answer();
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("it stopped arriving"), "{}", answer.text());
    served.wait_until_idle();
}
