//! The key that this user answers requests with: the one that the settings name, else the installation's. The front's
//! alone; no other process of a run gets it.
#![expect(clippy::disallowed_methods, reason = "a secret key must be readable by its owner alone")]

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::approval::Signer;
use crate::digest::{KeyError, SecretKey};
use crate::files::{FileError, read_given};
use crate::ledger::Ledger;

/// Bytes of a key file.
const LIMIT: u64 = 4096;

/// The key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// The file cannot be read.
    #[error("the signing key: {0}")]
    File(#[from] FileError),
    /// Others could read it.
    #[error("the signing key `{}` may be read by others; make it yours alone: `chmod 600 {}`", .0.display(), .0.display())]
    Open(PathBuf),
    /// It holds no key.
    #[error("the signing key `{}`: {}", .0.display(), .1)]
    Key(PathBuf, #[source] KeyError),
}

/// The key in `path`, where the settings name one, else the installation's.
pub fn signer(path: Option<&Path>, ledger: &Ledger) -> Result<Signer, SigningKeyError> {
    match path {
        None => Ok(Signer::Local(ledger.key().clone())),
        Some(path) => read_signing_key(path).map(Signer::Own),
    }
}

/// The secret key in a file; one that others can read is none.
pub fn read_signing_key(path: &Path) -> Result<SecretKey, SigningKeyError> {
    let text = read_given(path, LIMIT)?;
    let open = fs::metadata(path).is_ok_and(|found| found.mode() & 0o077 != 0);
    if open {
        return Err(SigningKeyError::Open(path.to_owned()));
    }
    SecretKey::from_pem(&text).map_err(|error| SigningKeyError::Key(path.to_owned(), error))
}
