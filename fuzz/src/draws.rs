//! Choices out of the bytes of an input: one byte for a choice among few, eight for others. When they have run out, a
//! fixed sequence goes on, so that whatever draws until it has something ends.

use super::generate::Draw;

/// The bytes that are left.
pub struct Draws<'b> {
    bytes: &'b [u8],
    after: u64,
}

impl<'b> Draws<'b> {
    /// Draws from the first byte on.
    pub fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, after: 0 }
    }

    fn byte(&mut self) -> u64 {
        if let Some((first, rest)) = self.bytes.split_first() {
            self.bytes = rest;
            return u64::from(*first);
        }
        // what SplitMix64 does to a counter
        self.after = self.after.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.after ^ (self.after >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)) >> 56
    }
}

impl Draw for Draws<'_> {
    fn next(&mut self) -> u64 {
        (0..8).fold(0, |number, _| (number << 8) | self.byte())
    }

    fn below(&mut self, n: u64) -> u64 {
        let drawn = if n <= 256 { self.byte() } else { self.next() };
        drawn % n.max(1)
    }
}
