//! The copy of a trace in the workspace, `artifacts/runs/run-<id>.jsonl`, with the payloads that stand outside of its
//! lines and the runner's receipts. Opened beneath the held root, never through a link: a repository may ship anything under that name.

use std::fs::File;

use crate::digest::Digest;
use crate::files::{FileError, RelPath, Root};
use crate::ledger::{Ledger, LedgerError};
use crate::store::{Blobs, RunId, Store, StoreError};
use crate::trace::Envelope;

/// Keeps the folder out of version control.
const IGNORE: &[u8] = b"*\n";

/// The copy of one trace.
#[derive(Debug)]
pub(super) struct TraceCopy {
    pub(super) path: RelPath,
}

/// The copy of a trace cannot be made whole.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The workspace.
    #[error(transparent)]
    File(#[from] FileError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl TraceCopy {
    /// Makes the folder, if it is not there.
    pub(super) fn make_folder(root: &Root) -> Result<(), FileError> {
        root.make_folders(&RelPath::parse("artifacts/runs")?)?;
        match root.write_new(&RelPath::parse("artifacts/.gitignore")?, IGNORE, 0o644) {
            Ok(()) | Err(FileError::Exists { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Makes the folder and the empty file; a copy of an earlier part of the run gives way.
    pub(super) fn create(root: &Root, run: &RunId) -> Result<(Self, File), FileError> {
        let path = RelPath::parse(&format!("artifacts/runs/run-{run}.jsonl"))?;
        Self::make_folder(root)?;
        match root.remove_file(&path) {
            Ok(()) | Err(FileError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        let file = root.create_new(&path)?;
        Ok((Self { path }, file))
    }

    /// Writes what there was before.
    pub(super) fn copy_lines(copy: Option<&(Self, File)>, lines: &str) -> std::io::Result<()> {
        use std::io::Write as _;
        copy.map_or(Ok(()), |(_, file)| {
            let mut file = file;
            file.write_all(lines.as_bytes())
        })
    }

    /// Puts beside the lines what belongs to them: their payloads, and the runner's receipts.
    pub(super) fn complete(
        root: &Root,
        run: &RunId,
        store: &Store,
        ledger: &Ledger,
    ) -> Result<(), CopyError> {
        Self::add_blobs(root, &store.log(run)?, &store.blobs())?;
        Ok(Self::add_receipts(root, run, &ledger.receipts_of(run.as_str())?.unwrap_or_default())?)
    }

    /// Puts the runner's receipts beside the lines.
    fn add_receipts(root: &Root, run: &RunId, receipts: &str) -> Result<(), FileError> {
        let path = RelPath::parse(&format!("artifacts/runs/run-{run}.receipts"))?;
        match root.remove_file(&path) {
            Ok(()) | Err(FileError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        root.write_new(&path, receipts.as_bytes(), 0o600)
    }

    /// Puts the payloads of `lines` beside them.
    fn add_blobs(root: &Root, lines: &str, kept: &Blobs) -> Result<(), FileError> {
        for line in lines.lines() {
            let Some((event, _)) = Envelope::parse(line) else { continue };
            for digest in event.blobs() {
                if let Some(bytes) = kept.get(&digest) {
                    add_blob(root, &digest, &bytes)?;
                }
            }
        }
        Ok(())
    }
}

/// Makes the folder that copies of traces are put into, and what belongs to them.
pub fn make_artifacts_folder(workspace: &std::path::Path) -> Result<(), FileError> {
    TraceCopy::make_folder(&Root::open(workspace)?)
}

fn add_blob(root: &Root, digest: &Digest, bytes: &[u8]) -> Result<(), FileError> {
    let hex = digest.hex();
    let folder = RelPath::parse(&format!("artifacts/runs/blobs/{}", &hex[..2]))?;
    root.make_folders(&folder)?;
    match root.write_new(&folder.join(&hex)?, bytes, 0o600) {
        Ok(()) | Err(FileError::Exists { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
