//! What can go wrong with the store: always a path and a reason.

use std::io;
use std::path::{Path, PathBuf};

use crate::files::private::PrivateError;

/// The store could not do what it was asked. Nothing that was committed before is lost.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refused.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried: `write`, `create`, …
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The folder could be changed by somebody else.
    #[error(
        "the state folder `{}` {problem}; make it yours alone (`chmod 700`), or set LGFLOW_STATE_DIR to a folder that is",
        path.display()
    )]
    Untrusted {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// No run has this id.
    #[error("there is no run `{0}` of this workspace in the store")]
    NoRun(String),
    /// Another process executes it.
    #[error("the run `{0}` is being executed by another process")]
    Busy(String),
}

impl From<PrivateError> for StoreError {
    fn from(error: PrivateError) -> Self {
        match error {
            PrivateError::Io { action, path, source } => Self::Io { action, path, source },
            PrivateError::Unsafe { path, problem } => Self::Untrusted { path, problem },
        }
    }
}

impl StoreError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
