//! The identity of a run: sorts by its start, unique without asking anybody.

use std::fmt;
use std::str::FromStr;

/// 26 characters of Crockford's base 32 in lower case: 48 bits of milliseconds since 1970, then 80 random bits (the
/// ULID layout, <https://github.com/ulid/spec>).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(String);

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH: usize = 26;

/// The text is not a run id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a run id is 26 characters of `{}`", String::from_utf8_lossy(ALPHABET))]
pub struct ParseRunIdError;

impl RunId {
    /// The id of a run that starts at `millis` since 1970, told apart by `random`.
    pub fn new(millis: u64, random: [u8; 10]) -> Self {
        let low = random.iter().fold(0u128, |bits, &byte| bits << 8 | u128::from(byte));
        let bits = u128::from(millis & 0xffff_ffff_ffff) << 80 | low;
        let digit = |at: usize| char::from(ALPHABET[(bits >> (5 * (LENGTH - 1 - at)) & 31) as usize]);
        Self((0..LENGTH).map(digit).collect())
    }

    /// When it was made, in milliseconds since 1970.
    pub fn millis(&self) -> u64 {
        let value = |byte: u8| ALPHABET.iter().position(|known| *known == byte).unwrap_or_default();
        let bits = self.0.bytes().take(10).fold(0, |bits: u64, byte| bits << 5 | value(byte) as u64);
        bits & 0xffff_ffff_ffff
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RunId {
    type Err = ParseRunIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let valid = text.len() == LENGTH && text.bytes().all(|byte| ALPHABET.contains(&byte));
        if valid { Ok(Self(text.to_owned())) } else { Err(ParseRunIdError) }
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_by_time_and_survives_a_round_trip() {
        let early = RunId::new(1_000, [0xff; 10]);
        let late = RunId::new(1_001, [0; 10]);
        assert!(early < late);
        assert_eq!((early.millis(), late.millis()), (1_000, 1_001));
        assert_eq!(early.as_str().parse(), Ok(early.clone()));
        assert_eq!(RunId::new(1_469_918_176_385, [0; 10]).as_str()[..10], *"01aryz6s41");
        assert_eq!("../../../etc/passwd.......".parse::<RunId>(), Err(ParseRunIdError));
    }
}
