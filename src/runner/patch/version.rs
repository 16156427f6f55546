//! A file's content at one time, read beneath the root without following a link.

use crate::digest::Digest;
use crate::files::{EntryKind, Facts, FileError, Links, RelPath, Root};
use crate::patch::{MOST_BYTES, Mode, is_text};

use super::PatchError;

/// The most bytes of a file that is patched.
pub(super) const MAX_FILE: u64 = MOST_BYTES;

/// Why what lies beneath a mount stays as it is.
pub(super) const ON_ANOTHER_FILE_SYSTEM: &str = "it lies on another file system than the workspace (something is mounted there), and \
     a change is made all at once or not at all; change it by a command, or take the mounted folder for the workspace";

/// Bytes and permission bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Permission bits.
    pub bits: u32,
}

impl Content {
    /// The mode that git would keep.
    pub(crate) fn mode(&self) -> Mode {
        Mode::of_bits(self.bits)
    }

    /// Can a patch hold it in lines?
    pub(crate) fn is_text(&self) -> bool {
        is_text(&self.bytes)
    }

    /// The digest of the bytes.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }
}

/// A file as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    /// What is in it.
    pub content: Content,
    /// What the system knows of it.
    pub facts: Facts,
}

impl Version {
    /// What stands at `path`; `None` if nothing does. Links, special files, and files that carry another's rights
    /// are refused.
    pub(crate) fn read(root: &Root, path: &RelPath) -> Result<Option<Self>, PatchError> {
        let mut file = match root.file(path, Links::Refuse) {
            Ok(file) => file,
            Err(FileError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(refused(path, error)),
        };
        let facts = *file.facts();
        if facts.mode & 0o6000 != 0 {
            return Err(PatchError::forbidden(path.as_str(), "it has a setuid or setgid bit"));
        }
        let bytes = file.read(MAX_FILE).map_err(|error| refused(path, error))?;
        Ok(Some(Self { content: Content { bytes, bits: facts.mode & 0o777 }, facts }))
    }
}

/// What an error of the file system means for a patch.
pub(super) fn refused(path: &RelPath, error: FileError) -> PatchError {
    match error {
        FileError::Kind { kind: EntryKind::Folder, .. } => {
            PatchError::conflict(path.as_str(), "a folder stands there")
        }
        FileError::Link { .. }
        | FileError::Escapes { .. }
        | FileError::TooManyLinks { .. }
        | FileError::Kind { .. } => PatchError::forbidden(path.as_str(), error.to_string()),
        FileError::TooLarge { limit, .. } => PatchError::Limit {
            limit: "file_bytes",
            message: format!("`{path}` has more than {limit} bytes, which no patch may touch"),
        },
        FileError::Apart { .. } => PatchError::conflict(path.as_str(), ON_ANOTHER_FILE_SYSTEM),
        FileError::Exists { .. } => PatchError::conflict(path.as_str(), "it exists already"),
        FileError::NotFound { .. } => PatchError::conflict(path.as_str(), "it does not exist"),
        FileError::Forbidden { .. } => PatchError::io(
            "opening",
            path.as_str(),
            std::io::Error::new(std::io::ErrorKind::PermissionDenied, error.to_string()),
        ),
        FileError::Io { error, .. } => PatchError::io("opening", path.as_str(), error),
        error => PatchError::io("opening", path.as_str(), std::io::Error::other(error.to_string())),
    }
}
