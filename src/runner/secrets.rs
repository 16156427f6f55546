//! The values of declared secrets, read when they are declared to this process, and nowhere kept but in what looks for
//! them and in the keyring of what is sent where a declaration says.
#![expect(clippy::disallowed_methods, reason = "a secret may lie in a variable of the user's environment")]

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::effect::{ErrorKind, SecretDeclaration, SecretSource, ToolError};
use crate::files::{FileError, read_given};
use crate::redact::{Redaction, TooShort, Values};

/// Bytes of a file that holds a secret.
const LIMIT: u64 = 64 << 10;

/// A declared secret that cannot be looked for.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Its file cannot be read.
    #[error("the secret `{name}` cannot be read: {error}")]
    File {
        /// The secret.
        name: String,
        /// Why.
        #[source]
        error: FileError,
    },
    /// It is no text, or too short.
    #[error(transparent)]
    Value(#[from] TooShort),
}

/// The values of secrets by name, for what is sent where their declarations say. They are never printed.
#[derive(Clone, Default)]
pub struct Keyring(BTreeMap<String, Vec<u8>>);

impl Keyring {
    /// The values of the declared secrets that have one here.
    pub(super) fn of(declared: &[SecretDeclaration]) -> Result<Self, SecretError> {
        let mut values = BTreeMap::new();
        for secret in declared {
            values.extend(value(secret)?.map(|value| (secret.name.clone(), value)));
        }
        Ok(Self(values))
    }

    /// The value of a secret; the error says where one would have to be.
    pub(super) fn value(&self, secret: &SecretDeclaration) -> Result<&[u8], ToolError> {
        self.0.get(&secret.name).map(Vec::as_slice).ok_or_else(|| {
            let place = match &secret.source {
                SecretSource::Env(name) => format!("the variable `{name}` is not set"),
                SecretSource::File(path) => format!("there is no file `{path}`, or it is empty"),
            };
            let message = format!("the secret `{}` has no value here: {place}", secret.name);
            ToolError::new(ErrorKind::InvalidInput, message)
        })
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} values)", self.0.len())
    }
}

/// What must not leave: the values of the declared secrets that have one here, and what `patterns` match.
///
/// # Errors
/// A file that is there and cannot be read, and a value that is too short.
pub fn redaction(
    declared: &[SecretDeclaration],
    patterns: &[(String, Regex)],
) -> Result<Redaction, SecretError> {
    let mut values = Vec::new();
    for secret in declared {
        if let Some(value) = value(secret)? {
            values.push((secret.name.clone(), value));
        }
    }
    Ok(Redaction::new(Values::new(&values)?, patterns.to_vec()))
}

/// The value; `None` where the variable or the file is not there.
fn value(secret: &SecretDeclaration) -> Result<Option<Vec<u8>>, SecretError> {
    match &secret.source {
        SecretSource::Env(name) => Ok(env::var_os(name).map(OsStringExt::into_vec).and_then(stated)),
        SecretSource::File(path) => match read_given(&at_home(path), LIMIT) {
            Ok(text) => Ok(stated(text.into_bytes())),
            Err(FileError::NotFound { .. }) => Ok(None),
            Err(error) => Err(SecretError::File { name: secret.name.clone(), error }),
        },
    }
}

/// Without line breaks at its end, which are not part of it; `None` where nothing is left.
fn stated(mut value: Vec<u8>) -> Option<Vec<u8>> {
    while value.last().is_some_and(|byte| matches!(byte, b'\r' | b'\n')) {
        value.pop();
    }
    (!value.is_empty()).then_some(value)
}

fn at_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), env::var_os("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        _ => PathBuf::from(path),
    }
}
