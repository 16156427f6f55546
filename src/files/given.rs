//! Files that the user names on the command line: they may be anywhere, and links in their path are the user's own
//! word. Still only regular files, and bounded: a pipe or a device would hang or never end.

use std::path::Path;

use rustix::fs::{Mode, OFlags, open};

use super::{FileError, OpenFile, RelPath, Root};

/// The text of a file that the user named. More than `limit` bytes and text that is not UTF-8 are errors.
pub fn read_given(path: &Path, limit: u64) -> Result<String, FileError> {
    let bytes = read_given_bytes(path, limit)?;
    String::from_utf8(bytes).map_err(|error| FileError::NotText {
        path: path.display().to_string(),
        at: error.utf8_error().valid_up_to(),
    })
}

/// The bytes of a file that the user named, whatever they are. More than `limit` of them are an error.
pub fn read_given_bytes(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    read_bytes(path, OFlags::empty(), limit)
}

/// The same for a file that nobody named, found beside one that somebody did: it is no link.
pub fn read_found_bytes(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    read_bytes(path, OFlags::NOFOLLOW, limit)
}

fn read_bytes(path: &Path, more: OFlags, limit: u64) -> Result<Vec<u8>, FileError> {
    let shown = path.display().to_string();
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC | more;
    let opened = open(path, flags, Mode::empty()).map_err(|errno| FileError::of(shown.clone(), errno))?;
    let read = OpenFile::new(opened, RelPath::root()).and_then(|mut file| file.read(limit));
    read.map_err(|error| name(error, shown))
}

/// Writes a file that the user named: whole or not at all. One that is there keeps its mode; a link is followed.
pub fn write_given(path: &Path, content: impl AsRef<[u8]>) -> Result<(), FileError> {
    let shown = path.display().to_string();
    // of a file that is not there yet, its folder is
    let real = real_path(path).map_err(|error| FileError::Io { path: shown.clone(), error })?;
    let (folder, file) = (real.parent().unwrap_or(Path::new("/")), real.file_name().unwrap_or_default());
    let root = Root::open(folder)?;
    let place = RelPath::parse(&file.to_string_lossy())?;
    let mode = root.facts(&place).map_or(0o644, |facts| facts.mode & 0o777);
    let beside = root.name_beside(&place)?;
    let written = root
        .write_new(&beside, content.as_ref(), mode)
        .and_then(|()| root.rename(&beside, &place))
        .and_then(|()| root.sync_folder(&RelPath::root()));
    written.map_err(|error| {
        // of no use to anybody
        drop(root.remove_file(&beside));
        name(error, shown)
    })
}

fn real_path(path: &Path) -> std::io::Result<std::path::PathBuf> {
    match path.canonicalize() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new(".")).canonicalize()?;
            Ok(folder.join(path.file_name().unwrap_or_default()))
        }
        real => real,
    }
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
