//! Folders of mode 0700 and files of mode 0600 that only this user may write: checked before anything in them is
//! believed, and on the disk before anything is done because of them.
#![expect(
    clippy::disallowed_methods,
    reason = "these files lie outside of every workspace, in folders of the user's or the machine's own"
)]

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Why a private folder or file was not believed, read or written.
#[derive(Debug, thiserror::Error)]
pub enum PrivateError {
    /// The system refused.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried: `write`, `create`, …
        action: &'static str,
        /// The folder or file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Somebody else could have written it, or could read what is secret.
    #[error("`{}` {problem}, so nothing in it is believed; make it yours alone (`chmod -R go= {}`)", path.display(), path.display())]
    Unsafe {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl PrivateError {
    /// What the system said to `action` on `path`.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

/// Makes a folder of mode 0700, with what leads to it; refuses one that somebody else owns, or may write.
pub fn make_folder(folder: &Path) -> Result<(), PrivateError> {
    if let Some(parent) = folder.parent().filter(|parent| !parent.exists()) {
        make_folder(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => folder.parent().map_or(Ok(()), sync_folder),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && is_folder(folder) => check_mine(folder),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Err(PrivateError::Unsafe { path: folder.to_owned(), problem: "is not a folder" })
        }
        Err(error) => Err(PrivateError::io("create", folder)(error)),
    }
}

fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

/// Refuses what is a link, what somebody else owns, and what others may write.
pub fn check_mine(path: &Path) -> Result<(), PrivateError> {
    check_owner(path, rustix::process::geteuid().as_raw())
}

/// Refuses what is a link, and what is not root's alone to write.
pub fn check_roots(path: &Path) -> Result<(), PrivateError> {
    check_owner(path, 0)
}

fn check_owner(path: &Path, owner: u32) -> Result<(), PrivateError> {
    let found = fs::symlink_metadata(path).map_err(PrivateError::io("read", path))?;
    let problem = if found.file_type().is_symlink() {
        "is a symbolic link"
    } else if found.uid() != owner {
        "belongs to another user"
    } else if found.mode() & 0o022 != 0 {
        "may be written by others"
    } else {
        return Ok(());
    };
    Err(PrivateError::Unsafe { path: path.to_owned(), problem })
}

/// Refuses a file that anybody else may even read.
pub fn check_secret(path: &Path) -> Result<(), PrivateError> {
    check_mine(path)?;
    let found = fs::symlink_metadata(path).map_err(PrivateError::io("read", path))?;
    if found.mode() & 0o077 != 0 {
        return Err(PrivateError::Unsafe { path: path.to_owned(), problem: "may be read by others" });
    }
    Ok(())
}

/// The text of a file that is this user's alone to write; `None` where there is none.
pub fn read(path: &Path) -> Result<Option<String>, PrivateError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(PrivateError::io("read", path)(error)),
        Ok(_) => check_mine(path)?,
    }
    fs::read_to_string(path).map(Some).map_err(PrivateError::io("read", path))
}

/// The same, whatever bytes it holds.
pub fn read_lossy(path: &Path) -> Result<Option<String>, PrivateError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(PrivateError::io("read", path)(error)),
        Ok(_) => check_mine(path)?,
    }
    let bytes = fs::read(path).map_err(PrivateError::io("read", path))?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Opens a file to read it and to add to it, and makes it where it is not there. Never through a link.
pub fn open_to_add(path: &Path) -> Result<File, PrivateError> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).read(true).mode(0o600);
    let file = options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed()).open(path);
    let file = file.map_err(PrivateError::io("open", path))?;
    check_mine(path)?;
    Ok(file)
}

/// When a file was written last, in milliseconds since 1970; none where there is no file.
pub fn written(path: &Path) -> Result<Option<u64>, PrivateError> {
    let facts = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        facts => facts.map_err(PrivateError::io("read", path))?,
    };
    Ok(Some(u64::try_from(facts.mtime()).unwrap_or_default() * 1000))
}

/// Removes a file; was there one?
pub fn remove(path: &Path) -> Result<bool, PrivateError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(PrivateError::io("remove", path)(error)),
    }
}

/// Removes an empty folder; was there one?
pub fn remove_folder(folder: &Path) -> Result<bool, PrivateError> {
    match fs::remove_dir(folder) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(PrivateError::io("remove", folder)(error)),
    }
}

/// The names in a folder, sorted; none where it is not there.
pub fn names_in(folder: &Path) -> Result<Vec<String>, PrivateError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(PrivateError::io("read", folder)(error)),
    };
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}

/// Puts a file in place, whole or not at all, on the disk when this returns. Replaces one that is there.
pub fn replace(path: &Path, content: &str) -> Result<(), PrivateError> {
    let beside = beside(path);
    let write = write_new(&beside, content).and_then(|()| fs::rename(&beside, path));
    write.map_err(|error| {
        // the attempt is of no use to anybody
        let _ = fs::remove_file(&beside);
        PrivateError::io("write", path)(error)
    })?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Puts a file in place that may be lost, whole or not at all: it is not waited for until it is on the disk.
pub fn replace_unsynced(path: &Path, content: &str) -> Result<(), PrivateError> {
    let beside = beside(path);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside);
    let write = file.and_then(|mut file| file.write_all(content.as_bytes()));
    write.and_then(|()| fs::rename(&beside, path)).map_err(|error| {
        // the attempt is of no use to anybody
        let _ = fs::remove_file(&beside);
        PrivateError::io("write", path)(error)
    })
}

/// Like [`replace`] where nothing may be there yet; `false` if something is.
pub fn put_new(path: &Path, content: &str) -> Result<bool, PrivateError> {
    let beside = beside(path);
    let linked = write_new(&beside, content).and_then(|()| fs::hard_link(&beside, path));
    // it has its name by now, or is of no use
    let _ = fs::remove_file(&beside);
    match linked {
        Ok(()) => path.parent().map_or(Ok(()), sync_folder).map(|()| true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(PrivateError::io("write", path)(error)),
    }
}

/// Adds a line at the end.
pub fn append(path: &Path, line: &str) -> Result<(), PrivateError> {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    let write = file.and_then(|mut file| {
        file.write_all(format!("{line}\n").as_bytes())?;
        file.sync_data()
    });
    write.map_err(PrivateError::io("write", path))
}

/// What a folder lists is on the disk when this returns.
pub fn sync_folder(folder: &Path) -> Result<(), PrivateError> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(PrivateError::io("sync", folder))
}

fn write_new(path: &Path, content: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()
}

/// A name that no other process takes.
fn beside(path: &Path) -> PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!(".{name}.{}.{next}", std::process::id()))
}
