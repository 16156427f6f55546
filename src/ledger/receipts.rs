//! The file that the receipts of one run stand in: lines are added at its end, by one process at a time. Knows no receipt.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::files::private::{PrivateError, open_to_add, sync_folder};

use super::LedgerError;

/// The receipts of a run, open to be added to. Nobody else adds to them while it is.
#[derive(Debug)]
pub struct ReceiptFile {
    path: PathBuf,
    file: File,
    /// Is its name on the disk?
    named: bool,
    /// A line could not be written, and may stand there in part.
    broken: bool,
}

impl ReceiptFile {
    /// Opens the file, and gives what it holds. A last line without an end was being written when its process died:
    /// nothing was done because of it, and it is taken away.
    pub(super) fn open(path: &Path) -> Result<(Self, String), LedgerError> {
        let mut file = open_to_add(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LedgerError::Busy(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(PrivateError::io("lock", path)(error).into()),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(PrivateError::io("read", path))?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if whole < bytes.len() {
            file.set_len(whole as u64).map_err(PrivateError::io("write", path))?;
            bytes.truncate(whole);
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok((Self { path: path.to_owned(), file, named: whole > 0, broken: false }, text))
    }

    /// Adds a line; with `durable` it is on the disk when this returns.
    pub fn add(&mut self, line: &str, durable: bool) -> Result<(), LedgerError> {
        if self.broken {
            return Err(LedgerError::Broken(self.path.clone()));
        }
        let written = Self::write_line(&mut self.file, &self.path, line);
        let synced = |()| {
            let done = if durable { self.file.sync_data() } else { Ok(()) };
            Ok(done.map_err(PrivateError::io("write", &self.path))?)
        };
        written.and_then(synced).inspect_err(|_| self.broken = true)?;
        if durable && !self.named {
            self.path.parent().map_or(Ok(()), sync_folder)?;
            self.named = true;
        }
        Ok(())
    }

    /// Adds a line to any file of the ledger that is made of lines.
    pub(super) fn write_line(file: &mut File, path: &Path, line: &str) -> Result<(), LedgerError> {
        Ok(file.write_all(format!("{line}\n").as_bytes()).map_err(PrivateError::io("write", path))?)
    }
}

/// Where the receipts of a run stand in the ledger of a workspace.
pub(super) fn path_of(folder: &Path, run: &str) -> PathBuf {
    folder.join("receipts").join(format!("{run}.jsonl"))
}
