//! One change at a time: of a state folder, and, whoever's state it is that others have, of the workspace.

use std::fs::File;
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::PatchError;
use super::commit::Workshop;
use super::journal::{folder, in_folder, journal_error};

/// So long between two looks whether a lock is free.
const LOOK: Duration = Duration::from_millis(5);
/// So often the workspace's is looked at, which is a minute: any program that reaches the folder may hold it.
const LOOKS: u32 = 12_000;

/// Both locks, until it is dropped.
#[derive(Debug)]
pub(super) struct Locked {
    _state: File,
    _workspace: Option<File>,
}

/// What is asked again and again while a lock is waited for; its error ends the waiting.
type Asked<'a> = &'a mut dyn FnMut() -> Result<(), PatchError>;

impl Workshop<'_> {
    /// Takes both locks. They hold across processes, and that of the workspace across users.
    pub(super) fn lock(&self, still_wanted: Asked<'_>) -> Result<Locked, PatchError> {
        let state = self.lock_state(still_wanted)?;
        Ok(Locked { _state: state, _workspace: self.lock_workspace(still_wanted)? })
    }

    /// Takes the lock of the state folder.
    pub(super) fn lock_state(&self, still_wanted: Asked<'_>) -> Result<File, PatchError> {
        let failed = |error| journal_error("locking the journal", error);
        self.state.make_folders(&folder().map_err(failed)?).map_err(failed)?;
        let file = self.state.lock_file(&in_folder("lock").map_err(failed)?).map_err(failed)?;
        while !try_lock(&file).map_err(|errno| PatchError::io("locking", "patches/lock", errno))? {
            still_wanted()?;
            thread::sleep(LOOK);
        }
        Ok(file)
    }

    /// Takes the lock of the workspace; none where its file system has no locks, or the folder may not be opened for one.
    pub(super) fn lock_workspace(&self, still_wanted: Asked<'_>) -> Result<Option<File>, PatchError> {
        let Ok(folder) = self.root.lock_folder() else { return Ok(None) };
        for _ in 0..LOOKS {
            match try_lock(&folder) {
                Ok(true) => return Ok(Some(folder)),
                Ok(false) => {}
                Err(_) => return Ok(None),
            }
            still_wanted()?;
            thread::sleep(LOOK);
        }
        Err(PatchError::conflict(
            ".",
            "another program has held a lock on the workspace for a minute (`flock` on its folder); nothing was changed",
        ))
    }
}

/// Takes a lock; false where somebody else has it.
fn try_lock(file: &File) -> Result<bool, Errno> {
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(true),
            Err(Errno::WOULDBLOCK) => return Ok(false),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}
