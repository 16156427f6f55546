//! The log of one run: lines are gathered, then written with one call before anything acts on them.
#![expect(clippy::disallowed_methods, reason = "the store keeps its own files in the user's state folder")]

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::StoreError;

/// When a line is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Durability {
    /// On disk before an effect and after it: survives a power failure.
    Sync,
    /// Written before an effect and after it: survives our death, not a power failure.
    #[default]
    Batch,
    /// Kept in memory and written when the run ends: a run that dies leaves nothing.
    None,
}

impl Durability {
    /// The word of the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Durability::Sync => "sync",
            Durability::Batch => "batch",
            Durability::None => "none",
        }
    }

    /// The durability that a word names.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Sync, Self::Batch, Self::None].into_iter().find(|one| one.as_str() == word)
    }
}

/// An append-only file of lines, and copies of it elsewhere (`run --trace`).
#[derive(Debug)]
pub struct RunLog {
    path: PathBuf,
    file: File,
    copies: Vec<(PathBuf, File)>,
    waiting: Vec<u8>,
    durability: Durability,
    /// Holds the advisory lock of the run for as long as the log is open.
    _lock: File,
}

impl RunLog {
    pub(super) fn create(path: PathBuf, lock: File, durability: Durability) -> Result<Self, StoreError> {
        let file = append(&path)?;
        Ok(Self { path, file, copies: Vec::new(), waiting: Vec::new(), durability, _lock: lock })
    }

    /// Writes every line into `file` as well, from now on; `path` is what errors call it.
    pub fn copy_to(&mut self, path: &Path, file: File) {
        self.copies.push((path.to_owned(), file));
    }

    /// Adds a line, without its line break. It is not written before [`commit`](Self::commit).
    pub fn append(&mut self, line: &str) {
        self.waiting.extend_from_slice(line.as_bytes());
        self.waiting.push(b'\n');
    }

    /// Writes what was added, as durable as was asked for. Called before each effect and after each result.
    pub fn commit(&mut self) -> Result<(), StoreError> {
        if self.durability == Durability::None { Ok(()) } else { self.write() }
    }

    /// Writes what was added, whatever the durability: the run is over.
    pub fn finish(mut self) -> Result<(), StoreError> {
        self.write()
    }

    fn write(&mut self) -> Result<(), StoreError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.file.write_all(&self.waiting).map_err(StoreError::io("write", &self.path))?;
        for (path, copy) in &mut self.copies {
            copy.write_all(&self.waiting).map_err(StoreError::io("write", path))?;
        }
        if self.durability == Durability::Sync {
            self.file.sync_data().map_err(StoreError::io("sync", &self.path))?;
        }
        self.waiting.clear();
        Ok(())
    }
}

fn append(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new().create(true).append(true).open(path).map_err(StoreError::io("create", path))
}
