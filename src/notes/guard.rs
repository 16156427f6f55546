//! Before anything is written into a git folder: does any part of it that is written to lead elsewhere? A folder that came
//! from somewhere else may hold links in the places where git writes.

use std::path::Path;

use super::{NOTES, NoteError};

/// What is written to, beneath the folder that all work trees of a repository share.
const WRITTEN: [&str; 7] =
    ["objects", "refs", "refs/notes", NOTES, "logs", "logs/refs/notes", "logs/refs/notes/lgflow"];

pub(super) fn no_links(folder: &Path) -> Result<(), NoteError> {
    let parts = WRITTEN.iter().map(|part| folder.join(part));
    for path in parts.chain((0..=255u8).map(|first| folder.join(format!("objects/{first:02x}")))) {
        if path.symlink_metadata().is_ok_and(|facts| facts.is_symlink()) {
            return Err(NoteError::Link(path.display().to_string()));
        }
    }
    Ok(())
}
