//! Why a file could not be had. Every message says what stands in the way and what to do about it.

use std::io;

use super::{EntryKind, PathError};

/// Why a file or folder could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The text is no path beneath the root.
    #[error(transparent)]
    Path(#[from] PathError),
    /// There is nothing.
    #[error("`{path}` does not exist")]
    NotFound {
        /// As asked.
        path: String,
    },
    /// Something is there already.
    #[error("`{path}` exists already")]
    Exists {
        /// As asked.
        path: String,
    },
    /// A link leads out of the root.
    #[error("`{path}` leads out of the root through a symbolic link")]
    Escapes {
        /// As asked.
        path: String,
    },
    /// Two names that no rename reaches between.
    #[error("`{path}` lies on another file system than where it is to be moved: something is mounted there")]
    Apart {
        /// As asked.
        path: String,
    },
    /// A link stands where none is followed.
    #[error("`{path}` is a symbolic link or goes through one; name the file itself")]
    Link {
        /// As asked.
        path: String,
    },
    /// Links that lead to each other.
    #[error("`{path}` goes through more than {limit} symbolic links")]
    TooManyLinks {
        /// As asked.
        path: String,
        /// How many are followed.
        limit: u32,
    },
    /// Something else than what was asked for.
    #[error("`{path}` is {kind}, not {wanted}")]
    Kind {
        /// As asked.
        path: String,
        /// What it is.
        kind: EntryKind,
        /// What was asked for.
        wanted: EntryKind,
    },
    /// More bytes than allowed.
    #[error("`{path}` has more than {limit} bytes")]
    TooLarge {
        /// As asked.
        path: String,
        /// The most bytes.
        limit: u64,
    },
    /// A file of ours that has other names.
    #[error("`{path}` has {links} hard links, so it may be another file's content; make a copy of it")]
    HardLinks {
        /// As asked.
        path: String,
        /// Its names.
        links: u64,
    },
    /// Bytes that are no text.
    #[error("`{path}` is not valid UTF-8 (byte {at}); save it as UTF-8")]
    NotText {
        /// As asked.
        path: String,
        /// Where the first wrong byte stands.
        at: usize,
    },
    /// It was changed again and again while it was opened.
    #[error("`{path}` is being replaced while it is opened; try again when nothing changes it")]
    Unstable {
        /// As asked.
        path: String,
    },
    /// The system refuses.
    #[error("the system does not allow access to `{path}`; see its owner and mode")]
    Forbidden {
        /// As asked.
        path: String,
    },
    /// Anything else.
    #[error("`{path}`: {error}")]
    Io {
        /// As asked.
        path: String,
        /// What the system said.
        #[source]
        error: io::Error,
    },
}

impl FileError {
    /// That nothing is there, said with the folder that it was looked for in.
    pub(crate) fn beneath(self, folder: &std::path::Path) -> Self {
        match self {
            Self::NotFound { path } => Self::NotFound { path: folder.join(path).display().to_string() },
            other => other,
        }
    }

    /// What an error number means where `path` is to have another name.
    pub(super) fn of_rename(path: impl Into<String>, errno: rustix::io::Errno) -> Self {
        match errno {
            rustix::io::Errno::XDEV => Self::Apart { path: path.into() },
            errno => Self::of(path, errno),
        }
    }

    /// What an error number means for `path`.
    pub(super) fn of(path: impl Into<String>, errno: rustix::io::Errno) -> Self {
        use rustix::io::Errno;
        let path = path.into();
        match errno {
            Errno::NOENT => Self::NotFound { path },
            Errno::EXIST => Self::Exists { path },
            Errno::XDEV => Self::Escapes { path },
            Errno::LOOP => Self::Link { path },
            Errno::ACCESS | Errno::PERM => Self::Forbidden { path },
            Errno::NOTDIR => Self::Kind { path, kind: EntryKind::Other, wanted: EntryKind::Folder },
            // what opening a socket says
            Errno::NXIO => Self::Kind { path, kind: EntryKind::Socket, wanted: EntryKind::File },
            errno => Self::Io { path, error: errno.into() },
        }
    }
}
