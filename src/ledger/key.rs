//! This installation's key: made once, kept in the user's state, readable by nobody else.

use std::path::Path;

use crate::digest::{MacKey, SecretKey, hex};

use super::LedgerError;
use crate::files::private::{PrivateError, check_secret, make_folder, put_new, read};

/// The key of the installation whose state lies in `state`; made where there is none.
pub fn installation_key(state: &Path) -> Result<MacKey, LedgerError> {
    key_in(state, "approvals.key").map(MacKey::new)
}

fn key_in(state: &Path, name: &str) -> Result<[u8; 32], LedgerError> {
    let folder = state.join("keys");
    let path = folder.join(name);
    make_folder(&folder)?;
    if read(&path)?.is_none() {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| {
            PrivateError::io("make a key for", &path)(std::io::Error::other(error.to_string()))
        })?;
        // where another process was faster, its key is the one
        put_new(&path, &hex(&bytes))?;
    }
    check_secret(&path)?;
    let text = read(&path)?.unwrap_or_default();
    bytes_of(&text).ok_or(LedgerError::Altered(path))
}

/// What the installation whose state lies in `state` signs with as a runner that others use; made where there is none.
pub fn runner_key(state: &Path) -> Result<SecretKey, LedgerError> {
    key_in(state, "runner.key").map(SecretKey::new)
}

/// The key of the installation, if it has one already.
pub fn known_key(state: &Path) -> Option<MacKey> {
    let path = state.join("keys").join("approvals.key");
    check_secret(&path).ok()?;
    bytes_of(&read(&path).ok()??).map(MacKey::new)
}

fn bytes_of(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}
