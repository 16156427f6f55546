//! Why trust could not be read or recorded. Each is a reason not to trust.

use std::path::{Path, PathBuf};

use crate::files::FileError;
use crate::files::private::PrivateError;

/// Why trust could not be read or recorded.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A file of ours could not be opened the way it must be.
    #[error("{path}: {error}", path = path.display())]
    File {
        /// The folder that it was looked for in.
        path: PathBuf,
        /// Why.
        #[source]
        error: FileError,
    },
    /// Something in `.lg` is no file.
    #[error("`{path}` is neither a file nor a folder; nothing else may lie in `.lg`: remove it")]
    NotRegular {
        /// Beneath the workspace.
        path: String,
    },
    /// More than could ever decide anything.
    #[error("`.lg` holds more than {limit} {what}; move what does not belong there")]
    TooMuch {
        /// Files or bytes.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The system refused, or somebody else could have written it.
    #[error(transparent)]
    Private(#[from] PrivateError),
    /// The record is not one that we wrote.
    #[error("the record of trust `{path}` cannot be read: {problem}; run `lgflow trust` again", path = path.display())]
    Record {
        /// The record.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// A policy of the machine or the user that is not valid.
    #[error("{0}")]
    Policy(String),
}

impl TrustError {
    pub(super) fn file(path: &Path) -> impl FnOnce(FileError) -> Self {
        let path = path.to_owned();
        move |error| TrustError::File { path, error }
    }
}
