//! A hasher for keys that the server chose itself, which nobody can make collide: speed over mixing.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

pub(crate) type FastMap<K, V> = HashMap<K, V, BuildHasherDefault<FastHasher>>;

/// Rotate, xor, multiply, a machine word at a time; the high half is folded in at the end because tables use the low bits.
#[derive(Default)]
pub(crate) struct FastHasher(u64);

const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

impl Hasher for FastHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let word = chunk.iter().rev().fold(0u64, |word, &byte| (word << 8) | u64::from(byte));
            self.write_u64(word);
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(FACTOR);
    }

    fn write_u8(&mut self, word: u8) {
        self.write_u64(u64::from(word));
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn write_isize(&mut self, word: isize) {
        self.write_u64(word as u64);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::{BuildHasher, Hash};

    fn hash(value: impl Hash) -> u64 {
        BuildHasherDefault::<FastHasher>::default().hash_one(value)
    }

    #[test]
    fn neighbouring_tickets_spread_over_low_and_high_bits() {
        let low: std::collections::HashSet<u64> = (0..1024u64).map(|ticket| hash(ticket) & 0xFFF).collect();
        let high: std::collections::HashSet<u64> = (0..1024u64).map(|ticket| hash(ticket) >> 57).collect();
        assert!(low.len() > 700, "{}", low.len());
        assert_eq!(high.len(), 128);
    }

    #[test]
    fn bytes_and_order_matter() {
        assert_ne!(hash("ab"), hash("ba"));
        assert_ne!(hash((1usize, 2usize)), hash((2usize, 1usize)));
    }
}
