//! Results of a run's commands, from when they end until the run is over: a runner that dies before it has answered leaves
//! them to the next one. Sealed like all else here.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::files::private::{PrivateError, open_to_add, read_lossy, remove, remove_folder};

use super::records::{seal, unseal};
use super::{Ledger, LedgerError, ReceiptFile};

/// What a call came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptResult {
    /// The call's key.
    pub key: String,
    /// The result, without what must not leave the runner.
    pub result: Value,
}

/// Does a file end in the middle of a line?
fn is_cut(file: &File) -> io::Result<bool> {
    let (length, mut last) = (file.metadata()?.len(), [b'\n']);
    if length > 0 {
        file.read_exact_at(&mut last, length - 1)?;
    }
    Ok(last != [b'\n'])
}

impl Ledger {
    /// Keeps what a call of a run came to. It survives our own death, not a power failure.
    pub fn keep_result(&self, run: &str, kept: &KeptResult) -> Result<(), LedgerError> {
        let Some(path) = self.results_path(run) else { return Ok(()) };
        let line = seal(self.key(), &format!("results/{run}"), kept);
        let mut file = open_to_add(&path)?;
        // one that was not written to its end, for want of room or of time, takes no other with it
        let part = is_cut(&file).map_err(PrivateError::io("read", &path))?;
        ReceiptFile::write_line(&mut file, &path, &format!("{}{line}", if part { "\n" } else { "" }))
    }

    /// What was kept of a run; lines that are not ours, or were not written to their end, are none.
    pub fn kept_results(&self, run: &str) -> Result<Vec<KeptResult>, LedgerError> {
        let Some(path) = self.results_path(run) else { return Ok(Vec::new()) };
        let text = read_lossy(&path)?.unwrap_or_default();
        Ok(text.lines().filter_map(|line| unseal(self.key(), &format!("results/{run}"), line)).collect())
    }

    /// Forgets what was kept: the run is over.
    pub fn forget_results(&self, run: &str) -> Result<(), LedgerError> {
        let Some(path) = self.results_path(run) else { return Ok(()) };
        Ok(remove(&path).map(drop)?)
    }

    /// Forgets a run or a session that is removed: what it was started with, how far it had come, its receipts, and what it
    /// asked. That an approval was spent stays on record: whoever brings its request back finds it spent.
    pub fn forget_run(&self, run: &str) -> Result<(), LedgerError> {
        self.forget_results(run)?;
        let asked = self.asked_by(run)?;
        let receipts = format!("{run}.jsonl");
        let mut records =
            vec![("runs", run), ("heads", run), ("anchors", run), ("clocks", run), ("receipts", &receipts)];
        records.extend([("served", run), ("sessions", run)]);
        for nonce in &asked {
            records.extend([("requests", nonce.as_str()), ("answers", nonce)]);
        }
        let replies = self.names("replies")?;
        let own = |name: &&String| name.strip_prefix(run).is_some_and(|rest| rest.starts_with('.'));
        records.extend(replies.iter().filter(own).map(|name| ("replies", name.as_str())));
        for path in records.into_iter().filter_map(|(part, name)| self.place(part, name)) {
            remove(&path)?;
        }
        if let Some(folder) = self.place("asked", run) {
            for name in &asked {
                remove(&folder.join(name))?;
            }
            remove_folder(&folder)?;
        }
        Ok(())
    }

    fn results_path(&self, run: &str) -> Option<PathBuf> {
        Some(self.place("results", run)?.with_extension("jsonl"))
    }
}
