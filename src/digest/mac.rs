//! A key that makes and checks codes over bytes: HMAC-SHA-256 (RFC 2104). Whoever can check can also make.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::{Digest, base64, from_base64};

/// A secret key. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct MacKey([u8; 32]);

impl MacKey {
    /// The key with these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Tells keys apart, and tells nothing of the key.
    pub fn id(&self) -> String {
        Digest::of([b"lgflow key id\0", &self.0[..]].concat()).hex()[..16].to_owned()
    }

    /// The code of `message`, in base64.
    pub fn code(&self, message: &[u8]) -> String {
        self.keyed(message).map(|keyed| base64(&keyed.finalize().into_bytes())).unwrap_or_default()
    }

    /// Is `code` the code of `message`? Takes as long for a wrong one as for the right one.
    pub fn checks(&self, message: &[u8], code: &str) -> bool {
        let (Some(keyed), Some(code)) = (self.keyed(message), from_base64(code)) else { return false };
        keyed.verify_slice(&code).is_ok()
    }

    fn keyed(&self, message: &[u8]) -> Option<Hmac<Sha256>> {
        // a key of any length is one, so there always is a code
        let mut keyed = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        keyed.update(message);
        Some(keyed)
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MacKey({})", self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_of_one_message_and_one_key() {
        let (key, other) = (MacKey::new([7; 32]), MacKey::new([8; 32]));
        let code = key.code(b"message");
        assert!(key.checks(b"message", &code));
        assert!(!key.checks(b"messagf", &code) && !other.checks(b"message", &code));
        assert!(!key.checks(b"message", &code[..40]) && !key.checks(b"message", ""));
        assert!(!format!("{key:?}").contains("7, 7"));
        assert_ne!(key.id(), other.id());
    }

    #[test]
    fn agrees_with_rfc_4231() {
        // test case 3 has a key of 20 bytes; padded with zeros to 32 it is the same key
        let mut bytes = [0; 32];
        bytes[..20].fill(0xaa);
        let expected = "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe";
        let code: Vec<u8> =
            (0..32).map(|at| u8::from_str_radix(&expected[2 * at..2 * at + 2], 16).unwrap()).collect();
        assert_eq!(MacKey::new(bytes).code(&[0xdd; 50]), base64(&code));
    }
}
