//! The journal of one change while it happens: what was planned, how far it came. It lies in the runner's state
//! folder, is replaced in one step, and is enough to go back or to finish after a crash at any point.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::files::{FileError, Links, RelPath, Root};

use super::PatchError;
use super::history::Past;

/// The schema id of a journal.
const SCHEMA: &str = "lgflow.patch_journal/v1";
/// The most bytes of a journal that is read.
const MAX_BYTES: u64 = 256 << 20;
/// The folder of journals, history and blobs in the state folder.
pub(super) const FOLDER: &str = "patches";

/// One change of the workspace, as planned.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Journal {
    pub(super) schema: String,
    /// Names its file.
    pub(super) id: String,
    /// How far it came.
    pub(super) phase: Phase,
    /// The workspace: device and inode of its root.
    pub(super) root: (u64, u64),
    /// The folder in the workspace where new and displaced files lie meanwhile.
    pub(super) staging: String,
    /// In order.
    pub(super) steps: Vec<Step>,
    /// What the history gets.
    pub(super) past: Past,
    /// The folders that may go with their last file; none where each does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) clears: Option<BTreeSet<String>>,
}

/// How far a change came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    /// Nothing but the staging folder was touched: going back means removing it.
    Pending,
    /// Steps may have been done: going back means undoing them.
    Staged,
    /// All steps are done: going on means cleaning up and writing the history.
    Done,
}

/// One step, which the system does wholly or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Step {
    /// The file goes to the staging folder.
    Remove { path: String, temp: String, before: Digest },
    /// The folder is empty by then, and a file will stand there: it goes to the staging folder, for it comes back from
    /// there without needing room.
    RemoveFolder { path: String, temp: String },
    /// The folder is missing.
    MakeFolder { path: String },
    /// The new file changes places with the old one.
    Replace { path: String, temp: String, before: Digest, after: Digest, inode: u64 },
    /// The new file gets its name.
    Create { path: String, temp: String, after: Digest, inode: u64 },
}

impl Step {
    /// Where a staged or displaced file or folder lies.
    pub(super) fn temp(&self) -> Option<&str> {
        match self {
            Step::Remove { temp, .. }
            | Step::RemoveFolder { temp, .. }
            | Step::Replace { temp, .. }
            | Step::Create { temp, .. } => Some(temp),
            Step::MakeFolder { .. } => None,
        }
    }
}

impl Journal {
    pub(super) fn new(id: String, root: (u64, u64), steps: Vec<Step>, past: Past) -> Self {
        let staging = format!(".lgflow-{id}.tmp");
        let (schema, phase) = (SCHEMA.to_owned(), Phase::Pending);
        Self { schema, id, phase, root, staging, steps, past, clears: None }
    }

    /// Writes it in one step, on disk when this returns.
    pub(super) fn save(&self, state: &Root) -> Result<(), PatchError> {
        self.put(state)?;
        Self::sync(state)
    }

    /// Writes it in one step: from here on, it is what a crash is met with.
    pub(super) fn put(&self, state: &Root) -> Result<(), PatchError> {
        let failed = |error: FileError| journal_error("writing the journal", error);
        let text = serde_json::to_vec(self)
            .map_err(|error| PatchError::io("writing the journal", &self.id, error))?;
        let new = in_folder(&format!("{}.new", self.id)).map_err(failed)?;
        match state.remove_file(&new) {
            Ok(()) | Err(FileError::NotFound { .. }) => {}
            Err(error) => return Err(failed(error)),
        }
        state.write_new(&new, &text, 0o600).map_err(failed)?;
        state.rename(&new, &self.path().map_err(failed)?).map_err(failed)
    }

    /// What was put is on disk when this returns.
    pub(super) fn sync(state: &Root) -> Result<(), PatchError> {
        let failed = |error: FileError| journal_error("writing the journal", error);
        state.sync_folder(&folder().map_err(failed)?).map_err(failed)
    }

    /// Takes it away.
    pub(super) fn remove(&self, state: &Root) -> Result<(), PatchError> {
        let failed = |error: FileError| journal_error("removing the journal", error);
        match state.remove_file(&self.path().map_err(failed)?) {
            Ok(()) | Err(FileError::NotFound { .. }) => {
                state.sync_folder(&folder().map_err(failed)?).map_err(failed)
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// The journals of changes that were under way, by name.
    pub(super) fn all(state: &Root) -> Result<Vec<Self>, PatchError> {
        let failed = |error: FileError| journal_error("reading the journal", error);
        let mut found = Vec::new();
        for entry in state.entries(&folder().map_err(failed)?).map_err(failed)?.0 {
            if entry.path.extension() != Some("journal") {
                continue;
            }
            let bytes = state
                .file(&entry.path, Links::Refuse)
                .and_then(|mut file| file.read(MAX_BYTES))
                .map_err(failed)?;
            let journal = serde_json::from_slice(&bytes)
                .map_err(|source| PatchError::Journal { path: entry.path.to_string(), source })?;
            found.push(journal);
        }
        Ok(found)
    }

    /// Takes away what was about to be a journal when a process died.
    pub(super) fn sweep(state: &Root) -> Result<(), PatchError> {
        let failed = |error: FileError| journal_error("removing the journal", error);
        for entry in state.entries(&folder().map_err(failed)?).map_err(failed)?.0 {
            if entry.path.extension() == Some("new") {
                state.remove_file(&entry.path).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn path(&self) -> Result<RelPath, FileError> {
        in_folder(&format!("{}.journal", self.id))
    }
}

/// The folder of journals.
pub(super) fn folder() -> Result<RelPath, FileError> {
    Ok(RelPath::root().join(FOLDER)?)
}

/// A name in the folder of journals.
pub(super) fn in_folder(name: &str) -> Result<RelPath, FileError> {
    Ok(folder()?.join(name)?)
}

/// An error in the state folder is the machine's, never the author's.
pub(super) fn journal_error(doing: &'static str, error: FileError) -> PatchError {
    let source = match error {
        FileError::Io { error, .. } => error,
        error => std::io::Error::other(error.to_string()),
    };
    PatchError::io(doing, FOLDER, source)
}
