//! Why a patch was not applied. Knows the word of the graph language for each reason, and no tool.

use crate::effect::ErrorKind;

/// Why a patch was refused, did not fit, or could not be written. Nothing was changed, but where it says so.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PatchError {
    /// The text is not a patch in our sense.
    #[error("line {line} of the patch: {message}")]
    Malformed {
        /// From 1, in the text of the patch; 0 for a list of changes.
        line: usize,
        /// What is wrong, and what to write instead.
        message: String,
    },
    /// An entry of a list of changes is wrong.
    #[error("change {index} of the list: {message}")]
    BadChange {
        /// From 0.
        index: usize,
        /// What is wrong.
        message: String,
    },
    /// The path is one that no patch may touch.
    #[error("`{path}` can't be patched: {message}")]
    Forbidden {
        /// As it was named.
        path: String,
        /// Why.
        message: String,
    },
    /// The workspace is not as the patch says.
    #[error("`{path}`: {message}")]
    Conflict {
        /// Relative to the root.
        path: String,
        /// What differs.
        message: String,
    },
    /// A bound was passed.
    #[error("{message}")]
    Limit {
        /// Which: `patch_bytes`, `patch_files`, `file_bytes`, `disk`.
        limit: &'static str,
        /// By how much.
        message: String,
    },
    /// The call that it belongs to was asked to end, or its time is over.
    #[error("{message}")]
    Ended {
        /// Which of both.
        kind: ErrorKind,
        /// What was done until then.
        message: String,
    },
    /// The machine failed behind the point from which on the change holds.
    #[error(
        "the files are changed as asked, and what is left to be done behind that failed; the next change and the next \
         start make up for it"
    )]
    Unfinished {
        /// What failed.
        #[source]
        source: Box<PatchError>,
    },
    /// The machine failed, and failed again when the change was to be taken back.
    #[error(
        "the change failed and is not yet taken back wholly, which the next change and the next start make up for: {first}"
    )]
    Halfway {
        /// What failed first.
        first: String,
        /// What failed then.
        #[source]
        source: Box<PatchError>,
    },
    /// What was to be taken back of an earlier change cannot be read.
    #[error(
        "the journal of a change that broke off, `{path}` in the workspace's folder of the user's state, cannot be read, so nobody knows          which files of the workspace are half changed, and nothing is changed before somebody has looked; look through them          (`git status`), then move that file away (`lgflow doctor` names the folder of the state)"
    )]
    Journal {
        /// Relative to the workspace's folder of the user's state.
        path: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The machine failed.
    #[error("{doing} `{path}` failed")]
    Io {
        /// The step.
        doing: &'static str,
        /// The file.
        path: String,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
}

impl PatchError {
    /// The error kind of a node that fails for this reason.
    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            PatchError::Malformed { .. } | PatchError::BadChange { .. } => ErrorKind::InvalidInput,
            PatchError::Forbidden { .. } => ErrorKind::Denied,
            PatchError::Conflict { .. } => ErrorKind::Conflict,
            PatchError::Journal { .. } => ErrorKind::Internal,
            PatchError::Limit { .. } => ErrorKind::Limit,
            PatchError::Ended { kind, .. } => kind.clone(),
            PatchError::Unfinished { source } | PatchError::Halfway { source, .. } => source.kind(),
            PatchError::Io { source, .. } => match source.kind() {
                std::io::ErrorKind::StorageFull
                | std::io::ErrorKind::QuotaExceeded
                | std::io::ErrorKind::FileTooLarge => ErrorKind::Limit,
                std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                    ErrorKind::Conflict
                }
                _ => ErrorKind::Internal,
            },
        }
    }

    /// Which limit, where the kind is `limit`.
    pub(crate) fn limit(&self) -> Option<&'static str> {
        match self {
            PatchError::Limit { limit, .. } => Some(limit),
            PatchError::Unfinished { source } | PatchError::Halfway { source, .. } => source.limit(),
            PatchError::Io { .. } if self.kind() == ErrorKind::Limit => Some("disk"),
            _ => None,
        }
    }

    /// The error with its causes, in one line.
    pub(crate) fn in_full(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }

    pub(crate) fn conflict(path: &str, message: impl Into<String>) -> Self {
        PatchError::Conflict { path: path.to_owned(), message: message.into() }
    }

    pub(crate) fn forbidden(path: &str, message: impl Into<String>) -> Self {
        PatchError::Forbidden { path: path.to_owned(), message: message.into() }
    }

    pub(crate) fn io(doing: &'static str, path: &str, source: impl Into<std::io::Error>) -> Self {
        PatchError::Io { doing, path: path.to_owned(), source: source.into() }
    }
}
