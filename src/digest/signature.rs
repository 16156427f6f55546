//! Ed25519 (RFC 8032): a secret key signs, a public key checks. Keys are read in the forms that OpenSSL writes.

use std::fmt;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use super::{base64, from_base64};

/// What stands before the 32 bytes of a secret key in PKCS #8 (RFC 8410).
const SECRET_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
/// What stands before the 32 bytes of a public key in a `SubjectPublicKeyInfo`.
const PUBLIC_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// What a public key begins with, as text.
const NAME: &str = "ed25519:";

/// A secret key that signs. It is never printed.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

/// A public key that checks what its secret key signed; written `ed25519:` and base64.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey([u8; 32]);

/// The text is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not the PEM of a secret key.
    #[error("this is no Ed25519 secret key in PEM; `openssl genpkey -algorithm ed25519` writes one")]
    Secret,
    /// Not a public key.
    #[error(
        "a public key is `ed25519:` followed by base64 of its 32 bytes, or of what `openssl pkey -pubout` writes"
    )]
    Public,
}

impl SecretKey {
    /// The key with this seed.
    pub fn new(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// Reads what `openssl genpkey -algorithm ed25519` writes.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let inner = text.trim().strip_prefix("-----BEGIN PRIVATE KEY-----").ok_or(KeyError::Secret)?;
        let inner = inner.strip_suffix("-----END PRIVATE KEY-----").ok_or(KeyError::Secret)?;
        let digits: String = inner.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let bytes = from_base64(&digits).ok_or(KeyError::Secret)?;
        let seed = bytes.strip_prefix(&SECRET_PREFIX).and_then(|seed| <[u8; 32]>::try_from(seed).ok());
        seed.map(Self::new).ok_or(KeyError::Secret)
    }

    /// The key that checks.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// The signature of `message`, in base64.
    pub fn sign(&self, message: &[u8]) -> String {
        base64(&self.0.sign(message).to_bytes())
    }
}

impl PublicKey {
    /// Reads `ed25519:…`.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes = text.strip_prefix(NAME).and_then(from_base64).ok_or(KeyError::Public)?;
        let bytes = bytes.strip_prefix(&PUBLIC_PREFIX).unwrap_or(&bytes);
        let key = Self(<[u8; 32]>::try_from(bytes).map_err(|_| KeyError::Public)?);
        key.point().map(|_| key).ok_or(KeyError::Public)
    }

    /// Reads what `openssl pkey -pubout` writes.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let inner = text.trim().strip_prefix("-----BEGIN PUBLIC KEY-----").ok_or(KeyError::Public)?;
        let inner = inner.strip_suffix("-----END PUBLIC KEY-----").ok_or(KeyError::Public)?;
        let digits: String = inner.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        Self::parse(&format!("{NAME}{digits}"))
    }

    /// Did its secret key sign `message`? Weak keys and malleable signatures are none.
    pub fn checks(&self, message: &[u8], signature: &str) -> bool {
        let signature = from_base64(signature).and_then(|bytes| <[u8; 64]>::try_from(bytes).ok());
        let (Some(signature), Some(point)) = (signature, self.point()) else { return false };
        point.verify_strict(message, &Signature::from_bytes(&signature)).is_ok()
    }

    fn point(&self) -> Option<VerifyingKey> {
        VerifyingKey::from_bytes(&self.0).ok().filter(|point| !point.is_weak())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{NAME}{}", base64(&[&PUBLIC_PREFIX[..], &self.0].concat()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.public())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test 1 of RFC 8032, section 7.1.
    const SEED: [u8; 32] = [
        0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44,
        0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
    ];

    #[test]
    fn agrees_with_rfc_8032() {
        let key = SecretKey::new(SEED);
        assert_eq!(
            key.public().to_string(),
            "ed25519:MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
        );
        assert!(key.sign(b"").starts_with("5VZDAMNgrHKQhuLMgG6C"));
    }

    #[test]
    fn a_signature_is_of_one_message_and_one_key() {
        let (key, other) = (SecretKey::new(SEED), SecretKey::new([1; 32]));
        let signature = key.sign(b"message");
        assert!(key.public().checks(b"message", &signature));
        assert!(!key.public().checks(b"messagf", &signature));
        assert!(!other.public().checks(b"message", &signature));
        assert!(!key.public().checks(b"message", &signature[..80]));
    }

    #[test]
    fn keys_are_read_as_openssl_writes_them() {
        let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
        let key = SecretKey::from_pem(pem).unwrap();
        assert_eq!(key.public(), SecretKey::new(SEED).public());
        let spki = key.public().to_string();
        assert_eq!(PublicKey::parse(&spki), Ok(key.public()));
        let raw = format!("ed25519:{}", base64(&key.public().0));
        assert_eq!(PublicKey::parse(&raw), Ok(key.public()));
        let shown =
            format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", &spki[NAME.len()..]);
        assert_eq!(PublicKey::from_pem(&shown), Ok(key.public()));
        assert_eq!(PublicKey::from_pem(pem), Err(KeyError::Public));
        assert!(SecretKey::from_pem(&pem.replace("MC4", "MC5")).is_err());
        assert!(!format!("{key:?}").contains("J1hs"));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let weak = format!("ed25519:{}", base64(&[0; 32]));
        for text in ["", "ed25519:", "ed25519:MCowBQYDK2VwAyEA", "rsa:AAAA", weak.as_str()] {
            assert_eq!(PublicKey::parse(text), Err(KeyError::Public), "{text}");
        }
    }
}
