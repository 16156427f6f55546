//! SHA-256, canonical JSON (RFC 8785, whole numbers by all their digits), codes and signatures. Knows nothing of what is digested or signed.

mod base64;
mod canonical;
mod hex;
mod mac;
mod sha256;
mod signature;

pub use base64::base64;
pub(crate) use base64::from_base64;
pub use canonical::{canonical_json, push_canonical_object, push_canonical_string};
pub use hex::hex;
pub use mac::MacKey;
pub use sha256::{Digest, Digesting, ParseDigestError};
pub use signature::{KeyError, PublicKey, SecretKey};
