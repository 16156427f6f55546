//! Where the lines of a run go: into the store, or to the front, which has it.

use crate::store::{RunLog, StoreError};
use crate::trace::Appended;

/// Nothing more could be recorded.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The front is gone, and the store with it.
    #[error("the front's process ended")]
    Front,
}

/// Where the lines of one run go.
pub trait Journal {
    /// Adds a line and its payloads. It counts for nothing before [`commit`](Self::commit).
    fn append(&mut self, line: Appended);

    /// Hands on what was added. With `awaited`, it is on the disk when this returns, unless it is kept in memory: an effect
    /// follows.
    ///
    /// # Errors
    /// It could not be recorded, and nothing may be done because of it.
    fn commit(&mut self, awaited: bool) -> Result<(), JournalError>;

    /// Nothing follows.
    ///
    /// # Errors
    /// What was added could not be recorded.
    fn finish(self: Box<Self>) -> Result<(), JournalError>;
}

impl Journal for RunLog {
    fn append(&mut self, line: Appended) {
        let blobs = line.blobs.into_iter().map(|blob| (blob.digest, blob.bytes));
        Self::append(self, &line.line, blobs);
    }

    fn commit(&mut self, awaited: bool) -> Result<(), JournalError> {
        let done = if awaited { self.commit_to_disk() } else { Self::commit(self) };
        Ok(done?)
    }

    fn finish(mut self: Box<Self>) -> Result<(), JournalError> {
        Ok(Self::finish(&mut self)?)
    }
}
