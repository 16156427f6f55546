//! Folders and files that only one user may write: checked before anything in them is believed.
#![expect(
    clippy::disallowed_methods,
    reason = "the record of trust lies outside of every workspace, in the user's own folder"
)]

use std::fs::{self, DirBuilder, Metadata, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::TrustError;

/// Makes a folder of mode 0700, with what leads to it; refuses one that somebody else owns or may write.
pub fn make_private_folder(folder: &Path) -> Result<(), TrustError> {
    if let Some(parent) = folder.parent().filter(|parent| !parent.exists()) {
        DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(parent)
            .map_err(TrustError::io("create", parent))?;
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => check_mine(folder),
        Err(error) => Err(TrustError::io("create", folder)(error)),
    }
}

/// Refuses a folder or file that is a link, that somebody else owns, or that others may write.
pub(super) fn check_mine(path: &Path) -> Result<(), TrustError> {
    let found = fs::symlink_metadata(path).map_err(TrustError::io("read", path))?;
    check_owner(path, &found, rustix::process::geteuid().as_raw())
}

/// Refuses what is not root's alone to write.
pub(super) fn check_roots(path: &Path) -> Result<(), TrustError> {
    let found = fs::symlink_metadata(path).map_err(TrustError::io("read", path))?;
    check_owner(path, &found, 0)
}

fn check_owner(path: &Path, found: &Metadata, owner: u32) -> Result<(), TrustError> {
    let refuse = |problem| Err(TrustError::Unsafe { path: path.to_owned(), problem });
    if found.file_type().is_symlink() {
        refuse("is a symbolic link")
    } else if found.uid() != owner {
        refuse("belongs to another user")
    } else if found.mode() & 0o022 != 0 {
        refuse("may be written by others")
    } else {
        Ok(())
    }
}

/// Replaces a file by one of mode 0600 with this content, all or nothing, also when the machine stops in between.
pub fn write_private(path: &Path, content: &str) -> Result<(), TrustError> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let _ = fs::remove_file(&beside);
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
    };
    write().map_err(|error| {
        let _ = fs::remove_file(&beside);
        TrustError::io("write", path)(error)
    })
}

/// Removes a file; was there one?
pub(super) fn remove(path: &Path) -> Result<bool, TrustError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(TrustError::io("remove", path)(error)),
    }
}

/// The text of a file that is this user's alone to write; `None` where there is none.
pub fn read_private(path: &Path) -> Result<Option<String>, TrustError> {
    if fs::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return Ok(None);
    }
    check_mine(path)?;
    fs::read_to_string(path).map(Some).map_err(TrustError::io("read", path))
}

/// The names in a folder, sorted; `None` where there is no such folder.
pub(super) fn names_in(folder: &Path) -> Result<Option<Vec<String>>, TrustError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(TrustError::io("read", folder)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(TrustError::io("read", folder))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(Some(names))
}
