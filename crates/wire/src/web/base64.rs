use std::fmt;

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use bytes::Bytes;

/// Bytes of the text form: one group of base64, padded, so that it may stand behind and before others.
pub fn encode(bytes: &[u8]) -> Bytes {
    STANDARD.encode(bytes).into()
}

/// Reads base64 as it comes. It may be cut anywhere, and be several texts one after the other, each padded.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Less than a group of four.
    rest: Vec<u8>,
}

/// Why a text is no base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotBase64 {
    Character,
    Cut,
}

impl fmt::Display for NotBase64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotBase64::Character => "it is not base64, as application/grpc-web-text asks",
            NotBase64::Cut => "its base64 ends within a group of four characters; it must be padded",
        })
    }
}

impl std::error::Error for NotBase64 {}

impl Decoder {
    /// The bytes of as much text as makes whole groups.
    pub fn decode(&mut self, text: &[u8]) -> Result<Bytes, NotBase64> {
        let joined = [&self.rest[..], text].concat();
        let (whole, rest) = joined.split_at(joined.len() / 4 * 4);
        self.rest = rest.to_vec();
        let mut plain = Vec::with_capacity(whole.len() / 4 * 3);
        let mut left = whole;
        while !left.is_empty() {
            let padded = left.iter().position(|&byte| byte == b'=');
            let (one, others) = left.split_at(padded.map_or(left.len(), |at| (at / 4 + 1) * 4));
            STANDARD.decode_vec(one, &mut plain).map_err(|_| NotBase64::Character)?;
            left = others;
        }
        Ok(plain.into())
    }

    /// Whether the text may end here.
    pub fn end(&self) -> Result<(), NotBase64> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(NotBase64::Cut)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(pieces: &[&str]) -> Result<Vec<u8>, NotBase64> {
        let mut decoder = Decoder::default();
        let mut plain = Vec::new();
        for piece in pieces {
            plain.extend_from_slice(&decoder.decode(piece.as_bytes())?);
        }
        decoder.end().map(|()| plain)
    }

    #[test]
    fn texts_are_read_however_they_are_cut() {
        let text = "AAAAAAVoZWxsbw==gAAAAAA=";
        for cut in 0..text.len() {
            let (start, end) = text.split_at(cut);
            assert_eq!(decode(&[start, end]).unwrap(), b"\0\0\0\0\x05hello\x80\0\0\0\0", "cut at {cut}");
        }
        assert_eq!(decode(&[]).unwrap(), b"");
    }

    #[test]
    fn what_is_no_base64_is_told_from_what_is_cut() {
        let cases = [
            ("AAA", NotBase64::Cut),
            ("AAAAB", NotBase64::Cut),
            ("AA!A", NotBase64::Character),
            ("A===", NotBase64::Character),
            ("=AAA", NotBase64::Character),
            ("AA=A", NotBase64::Character),
            ("AA\nA", NotBase64::Character),
        ];
        for (text, wanted) in cases {
            assert_eq!(decode(&[text]), Err(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_written_can_be_read_piece_by_piece() {
        let text = [encode(b"\0\0\0"), encode(b"\0\x02ab"), encode(b"")].concat();
        assert_eq!(decode(&[std::str::from_utf8(&text).unwrap()]).unwrap(), b"\0\0\0\0\x02ab");
    }
}
