//! Bodies that come in pieces, and replies that do.

use http::HeaderMap;
use salver_front::services::local::Received;

use crate::caller::framed;
use crate::http1::Post;
use crate::served::{ok, served};

const WEB: &str = "application/grpc-web+proto";
const TEXT: &str = "application/grpc-web-text+proto";
const CHUNKED: &str = "transfer-encoding: chunked";

const ENDED: &[u8] = b"\x80\0\0\0\x10grpc-status: 0\r\n";

#[test]
fn base64_may_be_cut_anywhere() {
    let served = served();
    let mut post = Post::begin(&served, "/s.S/unary", TEXT, &[CHUNKED]);
    // A message of five bytes, in two texts, each padded.
    for piece in [&b"A"[..], b"AAA", b"AAV", b"oZQ", b"==", b"bGx", b"v", b""] {
        post.chunk(piece);
    }
    let call = served.take();
    assert_eq!(call.receive(), Received::Message("hello".into()));
    call.finish(Some(("hi".into(), false)), ok());
    let answer = post.answer();
    assert_eq!((answer.status, answer.header("content-type")), (200, Some(TEXT)));
    // Each piece is padded by itself.
    assert_eq!(answer.text(), "AAAAAAJoaQ==gAAAABBncnBjLXN0YXR1czogMA0K");
    served.wait_until_idle();
}

#[test]
fn messages_of_a_stream_are_heard_as_they_come() {
    let served = served();
    for (kind, end) in [(WEB, ENDED), ("application/connect+proto", b"\x02\0\0\0\x02{}")] {
        let mut post = Post::begin(&served, "/s.S/in", kind, &[CHUNKED]);
        let call = served.take();
        for text in ["one", "two"] {
            let message = framed(0, text.as_bytes());
            post.chunk(&message[..6]);
            post.chunk(&message[6..]);
            assert_eq!(call.receive(), Received::Message(text.into()));
        }
        post.chunk(b"");
        assert_eq!(call.receive(), Received::End);
        call.finish(Some(("both".into(), false)), ok());
        assert_eq!(post.answer().body, [&framed(0, b"both")[..], end].concat());
    }
}

#[test]
fn replies_come_as_they_are_sent() {
    let served = served();
    for (kind, end) in [(WEB, ENDED), ("application/connect+proto", b"\x02\0\0\0\x02{}")] {
        let post = Post::send(&served, "/s.S/out", kind, &[], &framed(0, b""));
        let call = served.take();
        let mut wanted = Vec::new();
        for message in [vec![1; 3], vec![2; 100_000], vec![]] {
            call.send(message.clone().into(), false);
            wanted.extend_from_slice(&framed(0, &message));
        }
        call.finish(None, ok());
        wanted.extend_from_slice(end);
        assert_eq!(post.answer().body, wanted, "{kind}");
    }
}

#[test]
fn a_large_reply_as_base64_is_whole() {
    let served = served();
    let post = Post::send(&served, "/s.S/unary", TEXT, &[], b"AAAAAAA=");
    let call = served.take();
    let message = vec![255; 300_000];
    call.finish(Some((message.clone().into(), false)), ok());
    let body = post.answer().body;
    let groups: Vec<u8> = body.split(|&byte| byte == b'=').flatten().copied().collect();
    // 0xff x 3 is four times the last letter of the alphabet.
    assert!(groups.iter().filter(|&&byte| byte == b'/').count() >= 400_000 - 10);
    served.wait_until_idle();
}

#[test]
fn a_unary_reply_has_its_metadata_in_front() {
    let served = served();
    let post = Post::send(&served, "/s.S/unary", "application/proto", &[], b"in");
    let call = served.take();
    assert_eq!(call.receive(), Received::Message("in".into()));
    let told = |name: &'static str| HeaderMap::from_iter([(name.parse().unwrap(), "1".parse().unwrap())]);
    call.send_metadata(told("x-first"), None).unwrap();
    let status = salver_front::services::Status { trailers: told("x-last"), ..ok() };
    call.finish(Some(("out".into(), false)), status);
    let answer = post.answer();
    assert_eq!((answer.status, answer.text()), (200, "out"));
    assert_eq!((answer.header("x-first"), answer.header("trailer-x-last")), (Some("1"), Some("1")));
    assert_eq!(answer.header("content-length"), Some("3"));
}
