//! Making `:authority` readable where it is a socket's path.
//!
//! Over a Unix socket, gRPC's C core sends the percent-encoded path as `:authority`, and grpc-java the path itself. Neither is an
//! authority, and the HTTP library refuses the request for it, before anybody could ask what it was for. Here such a value is mended
//! on its way in: `%` and `/` become `-`. All three have codes of six bits in HPACK's Huffman code (RFC 7541, appendix B), so
//! nothing changes its length, and the tables of both sides stay equal.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, ReadBuf};

use super::frame::{Head, HEADERS, PREFACE};

const PADDED: u8 = 0x08;
const PRIORITY: u8 = 0x20;
/// A larger frame than this is refused by whoever reads on.
const LARGEST_FRAME: usize = 16 * 1024;
const READ: usize = 16 * 1024;

/// A stream of HTTP/2 from a client, beginning with the preface.
pub struct Mended<S> {
    stream: S,
    /// What was read and not handed on.
    held: BytesMut,
    /// How much of it may be handed on as it is, also beyond what is there yet.
    clear: usize,
}

impl<S> Mended<S> {
    pub fn new(stream: S) -> Mended<S> {
        Mended { stream, held: BytesMut::new(), clear: PREFACE }
    }

    /// Looks at the next frame once everything before it was handed on.
    fn advance(&mut self) {
        let Some(head) = self.held.first_chunk().filter(|_| self.clear == 0) else { return };
        let Head { length, kind, flags } = Head::of(*head);
        let size = Head::SIZE + length;
        if kind != HEADERS || length > LARGEST_FRAME {
            self.clear = size;
        } else if self.held.len() >= size {
            mend_headers(flags, &mut self.held[Head::SIZE..size]);
            self.clear = size;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Mended<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            self.advance();
            let ready = self.clear.min(self.held.len()).min(into.remaining());
            if ready > 0 {
                into.put_slice(&self.held[..ready]);
                self.held.advance(ready);
                self.clear -= ready;
                return Poll::Ready(Ok(()));
            }
            let mut chunk = [0; READ];
            let mut read = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut read))?;
            if read.filled().is_empty() {
                // The end; an unfinished frame is the reader's to judge.
                self.clear = self.held.len();
                if self.clear == 0 {
                    return Poll::Ready(Ok(()));
                }
            }
            self.held.extend_from_slice(read.filled());
        }
    }
}

super::write_through!(Mended);

/// Mends the header block of a HEADERS frame. A block that cannot be followed is left to whoever decodes it.
fn mend_headers(flags: u8, payload: &mut [u8]) {
    let padded = usize::from(flags & PADDED != 0);
    let start = padded + if flags & PRIORITY != 0 { 5 } else { 0 };
    if let Some(block) = payload.get_mut(start..) {
        let values: Vec<Value> = Fields { block, at: 0 }.collect();
        values.into_iter().for_each(|value| mend(block, value));
    }
}

/// Where the value of an `:authority` stands in a header block.
struct Value {
    range: Range<usize>,
    huffman: bool,
}

/// Steps through a header block without decoding it; gives the values of `:authority`, whose name is spelt out or
/// taken from the static table, where it is number 1. In a connection's later requests both are in the dynamic
/// table, mended.
struct Fields<'a> {
    block: &'a [u8],
    at: usize,
}

impl Iterator for Fields<'_> {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        loop {
            let first = *self.block.get(self.at)?;
            let prefix = match first {
                0x80.. => 7,
                0x40.. => 6,
                0x20.. => 5,
                _ => 4,
            };
            let index = self.integer(prefix)?;
            if first >= 0x80 || prefix == 5 {
                continue;
            }
            let named = if index == 0 { self.name()? } else { index == 1 };
            let value = self.string()?;
            if named {
                return Some(value);
            }
        }
    }
}

impl Fields<'_> {
    /// An integer of RFC 7541, section 5.1.
    fn integer(&mut self, prefix: u32) -> Option<usize> {
        let mask = (1usize << prefix) - 1;
        let mut value = usize::from(*self.block.get(self.at)?) & mask;
        self.at += 1;
        if value < mask {
            return Some(value);
        }
        for shift in (0..28).step_by(7) {
            let byte = usize::from(*self.block.get(self.at)?);
            self.at += 1;
            value += (byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// Whether a name that is spelt out is `:authority`.
    fn name(&mut self) -> Option<bool> {
        const CODED: &[u8] = b"\xb8\x3b\x53\x39\xec\x32\x7d\x7f";
        let name = self.string()?;
        let text = self.block.get(name.range)?;
        Some(text == if name.huffman { CODED } else { b":authority" })
    }

    fn string(&mut self) -> Option<Value> {
        let huffman = *self.block.get(self.at)? >= 0x80;
        let length = self.integer(7)?;
        let range = self.at..self.at.checked_add(length).filter(|&end| end <= self.block.len())?;
        self.at = range.end;
        Some(Value { range, huffman })
    }
}

const DASH: u8 = b'-';
const DASH_CODE: u32 = 0x16;

fn mend(block: &mut [u8], value: Value) {
    let text = &mut block[value.range];
    if value.huffman {
        return mend_huffman(text);
    }
    text.iter_mut().filter(|byte| matches!(byte, b'%' | b'/')).for_each(|byte| *byte = DASH);
}

fn mend_huffman(text: &mut [u8]) {
    const PERCENT_CODE: u32 = 0x15;
    const SLASH_CODE: u32 = 0x18;
    let mut at = 0;
    while let Some((length, code)) = symbol(text, at) {
        if length == 6 && (code == PERCENT_CODE || code == SLASH_CODE) {
            (0..6).for_each(|bit| set_bit(text, at + bit, DASH_CODE >> (5 - bit) & 1 == 1));
        }
        at += length;
    }
}

/// Length and code of the symbol at this bit; `None` at the end, and at a symbol that no path is written with.
fn symbol(text: &[u8], at: usize) -> Option<(usize, u32)> {
    /// The code is canonical: for each length, the last code of that length.
    const LAST: [(usize, u32); 8] =
        [(5, 0x09), (6, 0x2d), (7, 0x7b), (8, 0xfd), (10, 0x3fc), (11, 0x7fc), (12, 0xffb), (13, 0x1ffd)];
    LAST.iter().find_map(|&(length, last)| {
        let code = bits(text, at, length)?;
        (code <= last).then_some((length, code))
    })
}

fn bits(text: &[u8], at: usize, length: usize) -> Option<u32> {
    let bit = |at: usize| text.get(at / 8).map(|byte| u32::from(byte >> (7 - at % 8) & 1));
    (at..at + length).try_fold(0, |code, at| Some(code << 1 | bit(at)?))
}

fn set_bit(text: &mut [u8], at: usize, one: bool) {
    let mask = 0x80 >> (at % 8);
    if let Some(byte) = text.get_mut(at / 8) {
        *byte = if one { *byte | mask } else { *byte & !mask };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn huffman_coded_paths_are_mended_bit_by_bit() {
        // Made with another implementation of the code.
        let cases = [
            ("5458534d6a8b08e28d722aee0ffeff", "5858534d6b0b08e28d722cee0ffeff"), // %2Ftmp%2Fa_b.c%7E~
            ("6134d6c79f", "5934d6b79f"),                                         // /tmp/x
        ];
        for (sent, wanted) in cases {
            let mut text = bytes(sent);
            mend_huffman(&mut text);
            assert_eq!(text, bytes(wanted));
        }
    }

    /// A POST with `:authority` as `%2Ftmp%2Fs`, and as `-2Ftmp-2Fs`.
    const SENT: &str = "83864483606c5d41885458534d6a8b0a3f4082497f864d833505b11f";
    const WANTED: &str = "83864483606c5d41885858534d6b0b0a3f4082497f864d833505b11f";

    #[test]
    fn only_the_authority_of_a_header_block_is_touched() {
        let mut block = bytes(SENT);
        mend_headers(0, &mut block);
        assert_eq!(block, bytes(WANTED));
        let mut plain = b"\x83\x01\x04/a%b\x04\x02/%".to_vec();
        mend_headers(0, &mut plain);
        assert_eq!(plain, b"\x83\x01\x04-a-b\x04\x02/%");
        let mut spelt = b"\x40\x0a:authority\x04/a%b\x40\x0a:authoritx\x02/%".to_vec();
        mend_headers(0, &mut spelt);
        assert_eq!(spelt, b"\x40\x0a:authority\x04-a-b\x40\x0a:authoritx\x02/%");
        let mut coded = [&bytes("4088b83b5339ec327d7f")[..], b"\x02/%"].concat();
        mend_headers(0, &mut coded);
        assert!(coded.ends_with(b"\x02--"));
        let mut padded = [&[3, 0, 0, 0, 0, 16][..], &bytes(SENT), &[0, 0, 0]].concat();
        mend_headers(PADDED | PRIORITY, &mut padded);
        assert_eq!(padded[6..34], bytes(WANTED));
    }

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u32).to_be_bytes();
        [&length[1..], &[kind, 4, 0, 0, 0, 1], payload].concat()
    }

    async fn through(sent: &[u8], piece: usize) -> Vec<u8> {
        let (mut client, server) = tokio::io::duplex(piece);
        let mut read = Vec::new();
        let mut mended = Mended::new(server);
        let write = async {
            client.write_all(sent).await.unwrap();
            client.shutdown().await.unwrap();
        };
        tokio::join!(write, async { mended.read_to_end(&mut read).await.unwrap() });
        read
    }

    #[tokio::test]
    async fn a_stream_is_the_same_but_for_its_authorities_however_it_is_cut() {
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        let stream = |block: &str| {
            let data = vec![b'%'; 20_000];
            [&preface[..], &frame(4, b""), &frame(1, &bytes(block)), &frame(0, &data), &frame(1, &bytes(block))]
                .concat()
        };
        for piece in [1, 7, 100, 100_000] {
            assert_eq!(through(&stream(SENT), piece).await, stream(WANTED), "{piece}");
        }
    }

    #[tokio::test]
    async fn an_unfinished_frame_is_handed_on_at_the_end() {
        let cut = [&[0; PREFACE][..], &frame(1, &[0x83; 100])[..50]].concat();
        assert_eq!(through(&cut, 10).await, cut);
    }

    proptest::proptest! {
        #[test]
        fn whatever_comes_keeps_its_length(flags: u8, mut payload: Vec<u8>) {
            let length = payload.len();
            mend_headers(flags, &mut payload);
            proptest::prop_assert_eq!(payload.len(), length);
        }
    }
}
