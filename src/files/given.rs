//! Files that the user names on the command line: they may be anywhere, and links in their path are the user's own
//! word. Still only regular files, and bounded: a pipe or a device would hang or never end.

use std::path::Path;

use rustix::fs::{Mode, OFlags, open};

use super::{FileError, OpenFile, RelPath};

/// The text of a file that the user named. More than `limit` bytes and text that is not UTF-8 are errors.
pub fn read_given(path: &Path, limit: u64) -> Result<String, FileError> {
    let shown = path.display().to_string();
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let opened = open(path, flags, Mode::empty()).map_err(|errno| FileError::of(shown.clone(), errno))?;
    let read = OpenFile::new(opened, RelPath::root()).and_then(|mut file| file.read_text(limit));
    read.map_err(|error| name(error, shown))
}

/// The file's own path in place of the relative one.
fn name(error: FileError, shown: String) -> FileError {
    match error {
        FileError::Kind { kind, wanted, .. } => FileError::Kind { path: shown, kind, wanted },
        FileError::TooLarge { limit, .. } => FileError::TooLarge { path: shown, limit },
        FileError::NotText { at, .. } => FileError::NotText { path: shown, at },
        FileError::Io { error, .. } => FileError::Io { path: shown, error },
        other => other,
    }
}
