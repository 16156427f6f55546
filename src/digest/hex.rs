//! Bytes as hex digits.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Two lowercase digits for each byte.
pub fn hex(bytes: &[u8]) -> String {
    let digits = |byte: &u8| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]].map(char::from);
    let mut text = String::with_capacity(2 * bytes.len());
    text.extend(bytes.iter().flat_map(digits));
    text
}
