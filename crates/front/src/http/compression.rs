//! gzip and deflate, for gRPC messages and HTTP bodies alike.

use std::io::{Error as IoError, Read, Write};
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use flate2::read::{GzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use flate2::Compression;
use salver_core::Error;
use salver_engine::{Admission, Permit};
use salver_wire::Body;

use crate::aside::{aside, elsewhere_held, LENGTHY};
use crate::outgoing::counted;

/// Replies below this size travel as they are: compressing them costs more than it saves.
const WORTHWHILE: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Gzip,
    /// As HTTP and gRPC mean it: the zlib format of RFC 1950.
    Deflate,
}

impl Encoding {
    pub const ALL: [Encoding; 2] = [Encoding::Gzip, Encoding::Deflate];

    pub const fn name(self) -> &'static str {
        match self {
            Encoding::Gzip => "gzip",
            Encoding::Deflate => "deflate",
        }
    }

    /// The encoding of this name; `None` for `identity` or nothing.
    pub fn named(name: &str) -> Result<Option<Encoding>, Error> {
        match name.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(None),
            "gzip" | "x-gzip" => Ok(Some(Encoding::Gzip)),
            "deflate" => Ok(Some(Encoding::Deflate)),
            other => Err(Error::Unsupported {
                what: format!("Unsupported compression type '{other}'; use gzip, deflate or identity"),
            }),
        }
    }

    /// The first encoding that an Accept-Encoding list admits with a weight above zero.
    pub fn accepted(list: &str) -> Option<Encoding> {
        let admits = |entry: &str, name: &str| {
            let (token, weight) = entry.split_once(';').unwrap_or((entry, ""));
            let refused = weight.replace(' ', "").strip_prefix("q=").is_some_and(|q| q.parse::<f32>() == Ok(0.0));
            token.trim().eq_ignore_ascii_case(name) && !refused
        };
        Encoding::ALL.into_iter().find(|encoding| list.split(',').any(|entry| admits(entry, encoding.name())))
    }

    /// The bytes that were compressed; at most `limit`, however small their compressed form is. `permit` holds that, and
    /// grows with what comes out of it.
    pub async fn decompress(self, compressed: Bytes, limit: u64, permit: &mut Permit) -> Result<Bytes, Error> {
        // Little may unpack to very much, so what is tried here is bounded by what comes out of it.
        let here = limit.min(LENGTHY as u64);
        if compressed.len() < LENGTHY {
            match self.decompress_now(&compressed, here, permit) {
                Err(Error::TooLarge { .. }) if here < limit => {}
                done => return done,
            }
        }
        elsewhere_held(permit, move |held| self.decompress_now(&compressed, limit, held)).await
    }

    /// The compressed form of a reply, which counts as one, or the reply itself should compression fail.
    pub async fn compress(self, body: Body, outgoing: &Arc<Admission>) -> Result<(Option<Encoding>, Body), Error> {
        let (size, outgoing) = (body.iter().map(Bytes::len).sum(), Arc::clone(outgoing));
        aside(size, move || match self.compress_now(&body) {
            Ok(packed) => Ok((Some(self), Body::from_iter([counted(&outgoing, packed)?]))),
            Err(_) => Ok((None, body)),
        })
        .await
    }

    fn decompress_now(self, compressed: &[u8], limit: u64, permit: &mut Permit) -> Result<Bytes, Error> {
        let mut plain = Plain { bytes: BytesMut::new(), held: permit.beside() };
        plain.bytes.reserve(compressed.len().saturating_mul(2).min(1 << 20));
        let read = match self {
            Encoding::Gzip => std::io::copy(&mut GzDecoder::new(compressed).take(limit + 1), &mut plain),
            Encoding::Deflate => std::io::copy(&mut ZlibDecoder::new(compressed).take(limit + 1), &mut plain),
        };
        match read {
            Ok(size) if size > limit => Err(too_large(size, limit)),
            Ok(_) => {
                permit.join(plain.held);
                Ok(plain.bytes.freeze())
            }
            Err(error) => Err(error.downcast().unwrap_or_else(|error| {
                Error::malformed("compressed body", format!("it is not {}: {error}", self.name()))
            })),
        }
    }

    fn compress_now(self, body: &Body) -> std::io::Result<Bytes> {
        let mut packed = BytesMut::new().writer();
        match self {
            Encoding::Gzip => write_all(body, GzEncoder::new(&mut packed, Compression::fast()))?.finish()?,
            Encoding::Deflate => write_all(body, ZlibEncoder::new(&mut packed, Compression::fast()))?.finish()?,
        };
        Ok(packed.into_inner().freeze())
    }
}

/// What comes out of a compressed body, under a permit that grows with it.
struct Plain {
    bytes: BytesMut,
    held: Permit,
}

impl Write for Plain {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.held.grow(bytes.len() as u64).map_err(IoError::other)?;
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What a request larger than the limit is refused with.
pub fn too_large(size: u64, limit: u64) -> Error {
    let option = "--max-message-mib (of scripts grpc.max_receive_message_length)";
    Error::TooLarge { what: "request", size, limit, option }
}

/// Whether a reply of this size is worth compressing.
pub fn worthwhile(body: &Body) -> bool {
    body.iter().map(Bytes::len).sum::<usize>() >= WORTHWHILE
}

fn write_all<W: Write>(body: &Body, mut target: W) -> std::io::Result<W> {
    for chunk in body {
        target.write_all(chunk)?;
    }
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &'static str) -> Body {
        Body::from_iter([Bytes::from_static(text.as_bytes())])
    }

    fn permit() -> Permit {
        Admission::new(1, 1 << 24).admit().unwrap()
    }

    #[test]
    fn what_is_compressed_comes_back() {
        for encoding in Encoding::ALL {
            let packed = encoding.compress_now(&body("a model on the tray")).unwrap();
            assert_eq!(encoding.decompress_now(&packed, 100, &mut permit()).unwrap(), "a model on the tray");
        }
    }

    #[test]
    fn a_small_body_that_unpacks_to_more_than_the_limit_is_refused() {
        let packed = Encoding::Gzip.compress_now(&Body::from_iter([Bytes::from(vec![0; 100_000])])).unwrap();
        assert!(matches!(
            Encoding::Gzip.decompress_now(&packed, 99_999, &mut permit()),
            Err(Error::TooLarge { limit: 99_999, .. })
        ));
        assert!(Encoding::Gzip.decompress_now(&packed, 100_000, &mut permit()).is_ok());
    }

    #[test]
    fn what_comes_out_of_a_body_counts_as_it_comes() {
        let packed = Encoding::Gzip.compress_now(&Body::from_iter([Bytes::from(vec![0; 1 << 20])])).unwrap();
        let admission = Admission::new(1, 1 << 20);
        let mut permit = admission.admit().unwrap();
        permit.grow(1).unwrap();
        let refused = Encoding::Gzip.decompress_now(&packed, 1 << 24, &mut permit);
        assert!(matches!(refused, Err(Error::Busy { .. })), "{refused:?}");
        assert_eq!(admission.bytes(), 1, "what was refused is given back");
        let mut enough = Admission::new(1, (1 << 20) + 1).admit().unwrap();
        assert_eq!(Encoding::Gzip.decompress_now(&packed, 1 << 24, &mut enough).unwrap().len(), 1 << 20);
    }

    #[test]
    fn a_body_unpacks_the_same_wherever_that_is_done() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for size in [1, LENGTHY, LENGTHY + 1, 20 * LENGTHY] {
            let plain = Bytes::from(vec![7; size]);
            let packed = Encoding::Gzip.compress_now(&Body::from_iter([plain.clone()])).unwrap();
            let admission = Admission::new(1, 1 << 24);
            let mut permit = admission.admit().unwrap();
            let mut unpack = |limit| runtime.block_on(Encoding::Gzip.decompress(packed.clone(), limit, &mut permit));
            let limit = size as u64 - 1;
            assert_eq!(unpack(limit), Err(too_large(size as u64, limit)));
            assert_eq!(unpack(size as u64).unwrap(), plain);
            assert_eq!(admission.bytes(), size as u64);
        }
    }

    #[test]
    fn bytes_that_are_not_compressed_are_malformed() {
        for encoding in Encoding::ALL {
            assert!(matches!(encoding.decompress_now(b"plain", 100, &mut permit()), Err(Error::Malformed { .. })));
        }
    }

    #[test]
    fn accept_encoding_is_read_with_its_weights() {
        let cases = [
            ("gzip", Some(Encoding::Gzip)),
            ("br, deflate;q=0.5", Some(Encoding::Deflate)),
            ("GZip", Some(Encoding::Gzip)),
            ("gzip;q=0, deflate; q=0.0", None),
            ("identity", None),
            ("", None),
        ];
        for (list, wanted) in cases {
            assert_eq!(Encoding::accepted(list), wanted, "{list}");
        }
    }

    #[test]
    fn encodings_are_known_in_any_case() {
        for (name, wanted) in [("GZIP", Encoding::Gzip), ("x-gzip", Encoding::Gzip), (" Deflate", Encoding::Deflate)] {
            assert_eq!(Encoding::named(name).unwrap(), Some(wanted), "{name}");
        }
    }

    #[test]
    fn unknown_encodings_are_named() {
        let error = Encoding::named("br").unwrap_err();
        assert!(error.to_string().contains("'br'"), "{error}");
        assert_eq!(Encoding::named("identity").unwrap(), None);
    }
}
