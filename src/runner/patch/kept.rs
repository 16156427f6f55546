//! What is kept of a run's changes beside its events, as a whole, with those of its parts: how much it is, and that it goes
//! with the run.

use crate::files::{EntryKind, FileError, RelPath, Root};

use super::history::folders_of;
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
    for own in folders_of(state, run)? {
        for emptied in [own.join("blobs")?, own] {
            match state.remove_folder(&emptied) {
                Ok(()) | Err(FileError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }
    match state.sync_folder(&folder()?) {
        Err(FileError::NotFound { .. }) => Ok(()),
        synced => synced,
    }
}

fn files(state: &Root, run: &str) -> Result<Vec<RelPath>, FileError> {
    let mut found = Vec::new();
    for own in folders_of(state, run)? {
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
    }
    Ok(found)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use super::*;
    use crate::effect::part_of;
    use crate::runner::patch::history::folder_of;

    #[test]
    fn what_the_parts_of_a_session_changed_goes_with_it() {
        let state = tempfile::tempdir().unwrap();
        let root = Root::open(state.path()).unwrap();
        for run in ["one", &part_of("one", "a"), &part_of("one", "b"), "other", &part_of("other", "a")] {
            let blobs = state.path().join(folder_of(run).unwrap().join("blobs").unwrap().as_str());
            std::fs::create_dir_all(&blobs).unwrap();
            std::fs::write(blobs.join("x"), "1234").unwrap();
            std::fs::write(blobs.parent().unwrap().join("00000001.json"), "{}").unwrap();
        }
        let bytes = |run: &str| bytes_of_changes(&root, run).unwrap();
        assert_eq!([bytes("one"), bytes("other"), bytes("none")], [18, 12, 0]);
        forget_changes(&root, "one").unwrap();
        assert_eq!([bytes("one"), bytes("other")], [0, 12]);
        assert_eq!(std::fs::read_dir(state.path().join(folder().unwrap().as_str())).unwrap().count(), 2);
    }
}
