//! Messages that travel compressed, either way.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::read::{GzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use flate2::Compression;
use http::HeaderMap;
use salver_front::services::local::Received;
use salver_front::services::Encoding;

use crate::caller::{framed, Caller};
use crate::served::{ok, served, served_with};

fn packed(name: &str, plain: &[u8]) -> Vec<u8> {
    if name == "gzip" {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(plain).unwrap();
        return encoder.finish().unwrap();
    }
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn unpacked(name: &str, packed: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match name {
        "gzip" => GzDecoder::new(packed).read_to_end(&mut plain).unwrap(),
        _ => ZlibDecoder::new(packed).read_to_end(&mut plain).unwrap(),
    };
    plain
}

#[test]
fn compressed_messages_are_read_beside_plain_ones() {
    let served = served();
    for name in ["gzip", "deflate"] {
        let mut caller = Caller::begin_with(&served, "/s.S/in", &[("grpc-encoding", name)]);
        let call = served.take();
        caller.send_raw(framed(1, &packed(name, &[7; 5000])));
        caller.send(b"plain");
        caller.close();
        assert_eq!(call.receive(), Received::Message(Bytes::from(vec![7; 5000])));
        assert_eq!((call.receive(), call.receive()), (Received::Message("plain".into()), Received::End));
        call.finish(None, ok());
        assert_eq!(caller.status().0, "0");
    }
}

#[test]
fn a_message_that_unpacks_to_too_much_is_refused() {
    let served = served_with(u64::MAX, |settings| settings.max_message_bytes = 1000);
    let mut caller = Caller::begin_with(&served, "/s.S/in", &[("grpc-encoding", "gzip")]);
    caller.send_raw(framed(1, &packed("gzip", &[7; 5000])));
    assert_eq!(caller.status().0, "8");
}

#[test]
fn replies_are_compressed_as_the_handler_says_if_the_caller_takes_that() {
    let served = served();
    let cases = [
        (Encoding::Gzip, "identity,deflate, gzip", Some("gzip")),
        (Encoding::Deflate, "identity,deflate, gzip", Some("deflate")),
        (Encoding::Gzip, "identity", None),
    ];
    for (wanted, accepted, used) in cases {
        let mut caller = Caller::begin_with(&served, "/s.S/both", &[("grpc-accept-encoding", accepted)]);
        let call = served.take();
        call.send_metadata(HeaderMap::new(), Some(wanted)).unwrap();
        for compress in [true, false, true] {
            call.send(vec![7; 5000].into(), compress);
        }
        call.finish(None, ok());
        assert_eq!(caller.head().get("grpc-encoding").map(|name| name.to_str().unwrap()), used);
        for compress in [true, false, true] {
            let (flag, message) = caller.next_flagged().unwrap();
            match used.filter(|_| compress) {
                Some(name) => assert_eq!((flag, unpacked(name, &message)), (1, vec![7; 5000])),
                None => assert_eq!((flag, message), (0, Bytes::from(vec![7; 5000]))),
            }
        }
        assert_eq!(caller.status().0, "0");
    }
}
