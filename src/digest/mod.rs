//! SHA-256 and canonical JSON (RFC 8785). Knows nothing of what is digested.

mod canonical;
mod sha256;

pub use canonical::canonical_json;
pub use sha256::{Digest, ParseDigestError};
