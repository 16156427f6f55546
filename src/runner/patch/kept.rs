//! What is kept of a run's changes beside its events, as a whole: how much it is, and that it goes with the run.

use crate::files::{EntryKind, FileError, RelPath, Root};

use super::history::folder_of;
use super::journal::folder;

/// The bytes that are kept of what `run` changed, so that it can be taken back. `state` is the folder of its workspace in the
/// user's state.
pub fn bytes_of_changes(state: &Root, run: &str) -> Result<u64, FileError> {
    let mut bytes = 0;
    for path in files(state, run)? {
        bytes += state.facts(&path)?.size;
    }
    Ok(bytes)
}

/// Forgets what `run` changed: nothing of it can be taken back any more.
pub fn forget_changes(state: &Root, run: &str) -> Result<(), FileError> {
    for path in files(state, run)? {
        state.remove_file(&path)?;
    }
    let own = folder_of(run)?;
    for emptied in [own.join("blobs")?, own] {
        match state.remove_folder(&emptied) {
            Ok(()) | Err(FileError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    match state.sync_folder(&folder()?) {
        Err(FileError::NotFound { .. }) => Ok(()),
        synced => synced,
    }
}

fn files(state: &Root, run: &str) -> Result<Vec<RelPath>, FileError> {
    let own = folder_of(run)?;
    let mut found = Vec::new();
    for folder in [own.join("blobs")?, own] {
        match state.entries(&folder) {
            Ok((entries, _)) => {
                let files = entries.into_iter().filter(|entry| entry.kind != EntryKind::Folder);
                found.extend(files.map(|entry| entry.path));
            }
            Err(FileError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}
