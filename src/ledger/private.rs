//! Folders of mode 0700 and files of mode 0600 that only this user may write: checked before anything in them is
//! believed, and on the disk before anything is done because of them.
#![expect(
    clippy::disallowed_methods,
    reason = "the ledger lies outside of every workspace, in the user's own folder"
)]

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::LedgerError;

/// Makes a folder, with what leads to it; refuses one that somebody else owns, or may write.
pub(super) fn make_folder(folder: &Path) -> Result<(), LedgerError> {
    if let Some(parent) = folder.parent().filter(|parent| !parent.exists()) {
        make_folder(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => folder.parent().map_or(Ok(()), sync_folder),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => check_mine(folder),
        Err(error) => Err(LedgerError::io("create", folder)(error)),
    }
}

/// Refuses what is a link, what somebody else owns, and what others may write.
pub(super) fn check_mine(path: &Path) -> Result<(), LedgerError> {
    let found = fs::symlink_metadata(path).map_err(LedgerError::io("read", path))?;
    let problem = if found.file_type().is_symlink() {
        "is a symbolic link"
    } else if found.uid() != rustix::process::geteuid().as_raw() {
        "belongs to another user"
    } else if found.mode() & 0o022 != 0 {
        "may be written by others"
    } else {
        return Ok(());
    };
    Err(LedgerError::Unsafe { path: path.to_owned(), problem })
}

/// Refuses a file that anybody else may even read.
pub(super) fn check_secret(path: &Path) -> Result<(), LedgerError> {
    check_mine(path)?;
    let found = fs::symlink_metadata(path).map_err(LedgerError::io("read", path))?;
    if found.mode() & 0o077 != 0 {
        return Err(LedgerError::Unsafe { path: path.to_owned(), problem: "may be read by others" });
    }
    Ok(())
}

/// The text of a file; `None` where there is none.
pub(super) fn read(path: &Path) -> Result<Option<String>, LedgerError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(LedgerError::io("read", path)(error)),
        Ok(_) => check_mine(path)?,
    }
    fs::read_to_string(path).map(Some).map_err(LedgerError::io("read", path))
}

/// The names in a folder, sorted; none where it is not there.
pub(super) fn names_in(folder: &Path) -> Result<Vec<String>, LedgerError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(LedgerError::io("read", folder)(error)),
    };
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}

/// Puts a file in place, whole or not at all, on the disk when this returns. Replaces one that is there.
pub(super) fn replace(path: &Path, content: &str) -> Result<(), LedgerError> {
    let beside = beside(path);
    let write = write_new(&beside, content).and_then(|()| fs::rename(&beside, path));
    write.map_err(|error| {
        // the attempt is of no use to anybody
        let _ = fs::remove_file(&beside);
        LedgerError::io("write", path)(error)
    })?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// The same where nothing may be there yet; `false` if something is.
pub(super) fn put_new(path: &Path, content: &str) -> Result<bool, LedgerError> {
    let beside = beside(path);
    let linked = write_new(&beside, content).and_then(|()| fs::hard_link(&beside, path));
    // it has its name by now, or is of no use
    let _ = fs::remove_file(&beside);
    match linked {
        Ok(()) => path.parent().map_or(Ok(()), sync_folder).map(|()| true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(LedgerError::io("write", path)(error)),
    }
}

/// Adds a line at the end.
pub(super) fn append(path: &Path, line: &str) -> Result<(), LedgerError> {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    let write = file.and_then(|mut file| {
        file.write_all(format!("{line}\n").as_bytes())?;
        file.sync_data()
    });
    write.map_err(LedgerError::io("write", path))
}

/// What a folder lists is on the disk when this returns.
pub(super) fn sync_folder(folder: &Path) -> Result<(), LedgerError> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(LedgerError::io("sync", folder))
}

fn write_new(path: &Path, content: &str) -> std::io::Result<()> {
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
