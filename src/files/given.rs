//! Files that the user names on the command line: they may be anywhere, and links in their path are the user's own
//! word. Only regular files are read, and bounded: a pipe or a device would hang or never end.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, open, stat};
use rustix::io::Errno;

use super::{EntryKind, Facts, FileError, OpenFile, RelPath, Root};

/// As many links in a row as Linux follows.
const MAX_LINKS: u32 = 40;

/// What may be wrong with a file that nobody but the user shall reach.
#[derive(Debug, thiserror::Error)]
pub enum ApartError {
    /// It lies where it should not.
    #[error("it lies beneath `{0}`")]
    Beneath(String),
    /// It has other names, which may lie there.
    #[error("it has {0} names (hard links), which may lie anywhere")]
    Names(u64),
    /// Others may write it.
    #[error("others than its owner may write it (mode {0:03o}); `chmod go-w` takes that from them")]
    Written(u32),
    /// The machine failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Demands of a file that the user named that it does not lie beneath `folder`, whatever links lead to it, and that nobody but its
/// owner may write it. One that is not there yet is held to its place alone.
pub fn demand_apart(path: &Path, folder: &Path) -> Result<(), ApartError> {
    let path = std::path::absolute(path)?;
    let real = match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let above = path.parent().unwrap_or(Path::new("/")).canonicalize()?;
            above.join(path.file_name().unwrap_or_default())
        }
        real => real?,
    };
    let folder = folder.canonicalize()?;
    if real.starts_with(&folder) {
        return Err(ApartError::Beneath(folder.display().to_string()));
    }
    match stat(&real) {
        Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(ApartError::Io(errno.into())),
        Ok(stat) => match Facts::of(&stat) {
            Facts { mode, .. } if mode & 0o022 != 0 => Err(ApartError::Written(mode & 0o777)),
            Facts { links, kind: EntryKind::File, .. } if links > 1 => Err(ApartError::Names(links)),
            _ => Ok(()),
        },
    }
}

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

/// Writes a file that the user named: whole or not at all. One that is there keeps its mode, a new one gets what the
/// user's umask leaves, and links are followed, one that leads to nothing too. What is no regular file (a device, a
/// pipe) is written into and stays what it is.
pub fn write_given(path: &Path, content: impl AsRef<[u8]>) -> Result<(), FileError> {
    let shown = path.display().to_string();
    let stands = match stat(path) {
        Ok(stat) => Some(Facts::of(&stat)),
        Err(Errno::NOENT) => None,
        Err(errno) => return Err(FileError::of(shown, errno)),
    };
    match stands {
        Some(Facts { kind: EntryKind::File, mode, .. }) => {
            put(path, shown, content.as_ref(), Some(mode & 0o777))
        }
        None => put(path, shown, content.as_ref(), None),
        Some(Facts { kind: EntryKind::Folder, .. }) => {
            Err(FileError::Kind { path: shown, kind: EntryKind::Folder, wanted: EntryKind::File })
        }
        Some(_) => pour(path, shown, content.as_ref()),
    }
}

/// In place of the file that stands at the end of the links of `path`, or as a new one.
fn put(path: &Path, shown: String, content: &[u8], mode: Option<u32>) -> Result<(), FileError> {
    let real = real_path(path).map_err(|error| FileError::Io { path: shown.clone(), error })?;
    let (folder, file) = (real.parent().unwrap_or(Path::new("/")), real.file_name().unwrap_or_default());
    let place = RelPath::parse(&file.to_string_lossy())?;
    put_beneath(&Root::open(folder)?, &place, content, mode).map_err(|error| name(error, shown))
}

/// Writes a file in a folder that the user named: whole or not at all. Nobody named the file: a link there is replaced, and
/// not followed.
pub fn write_within(folder: &Root, file: &str, content: impl AsRef<[u8]>) -> Result<(), FileError> {
    put_beneath(folder, &RelPath::parse(file)?, content.as_ref(), None)
}

fn put_beneath(root: &Root, place: &RelPath, content: &[u8], mode: Option<u32>) -> Result<(), FileError> {
    let beside = root.name_beside(place)?;
    let written = match mode {
        Some(mode) => root.write_new(&beside, content, mode),
        None => root.write_new_as_usual(&beside, content),
    };
    let written =
        written.and_then(|()| root.rename(&beside, place)).and_then(|()| root.sync_folder(&RelPath::root()));
    written.inspect_err(|_| {
        // of no use to anybody
        drop(root.remove_file(&beside));
    })
}

/// Into what is there: nothing is put in the place of a device or a pipe.
fn pour(path: &Path, shown: String, content: &[u8]) -> Result<(), FileError> {
    let flags = OFlags::WRONLY | OFlags::NOCTTY | OFlags::CLOEXEC;
    let opened = open(path, flags, Mode::empty()).map_err(|errno| FileError::of(shown.clone(), errno))?;
    let written = File::from(opened).write_all(content);
    written.map_err(|error| FileError::Io { path: shown, error })
}

/// Where a file stands, or would: its folder without links, and its name. A last name that is a link to nothing means what
/// it leads to.
fn real_path(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match path.canonicalize() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            real => return real,
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).canonicalize()?;
        match path.read_link() {
            Ok(target) => path = folder.join(target),
            Err(_) => return Ok(folder.join(path.file_name().unwrap_or_default())),
        }
    }
    Err(Errno::LOOP.into())
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
