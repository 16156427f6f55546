//! The folders of one command in the state folder: gone when it ends, and swept by the next runner where a runner was
//! killed. Knows no command.

#![expect(clippy::disallowed_methods, reason = "a command gets folders of its own in the state folder")]

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::effect::{ErrorKind, ToolError};
use crate::files::RelPath;
use crate::runner::ToolWorld;

use super::access::tool_error;

/// Beneath the state folder.
const FOLDER: &str = "exec";

/// The folders of one call, while it lasts.
pub(super) struct CallFolders {
    pub(super) path: PathBuf,
    /// Locked as long as we live, so that nobody takes the folders for left behind.
    _alive: File,
}

impl CallFolders {
    /// Makes them: `home`, `tmp` and `work`.
    pub(super) fn make(world: &ToolWorld) -> Result<Self, ToolError> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| failed(&error))?;
        let name = format!("{:016x}", u64::from_be_bytes(random));
        let all = RelPath::parse(FOLDER).map_err(|error| failed(&error))?;
        let below = all.join(&name).map_err(|error| failed(&error))?;
        let path = path_of(world.state.as_fd()).map_err(|error| failed(&error))?.join(below.as_str());
        world.state.make_folders(&all).map_err(|error| tool_error(&error))?;
        // between the making of a folder and its lock nobody may sweep
        let turn = path.parent().map(take_turn).transpose().map_err(|error| failed(&error))?;
        world.state.make_folders(&below).map_err(|error| tool_error(&error))?;
        let alive = File::open(&path).map_err(|error| failed(&error))?;
        flock(&alive, FlockOperation::NonBlockingLockExclusive).map_err(|errno| failed(&errno))?;
        drop(turn);
        // whatever happens from here on, the folder goes with this value
        let folders = Self { path, _alive: alive };
        for inner in ["home", "tmp", "work"] {
            let inner = below.join(inner).map_err(|error| failed(&error))?;
            world.state.make_folders(&inner).map_err(|error| tool_error(&error))?;
        }
        Ok(folders)
    }

    /// The path of one of them, as a command is told it.
    pub(super) fn shown(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }
}

impl Drop for CallFolders {
    fn drop(&mut self) {
        // every process that could write there is gone
        remove(&self.path);
    }
}

/// Removes the folders of calls whose runner was killed. What can't be removed stays, and is tried again next time.
pub(in crate::runner) fn sweep_call_folders(world: &ToolWorld) {
    let Ok(state) = path_of(world.state.as_fd()) else { return };
    let all = state.join(FOLDER);
    let Ok(_turn) = take_turn(&all) else { return };
    for entry in fs::read_dir(&all).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) && is_abandoned(&path) {
            remove(&path);
        }
    }
}

/// Nobody holds its lock: the system gave it back when its runner died.
fn is_abandoned(path: &Path) -> bool {
    File::open(path).is_ok_and(|held| flock(&held, FlockOperation::NonBlockingLockExclusive).is_ok())
}

/// Making and sweeping folders is for one process at a time. Released when the file is closed.
fn take_turn(all: &Path) -> io::Result<File> {
    let held = File::open(all)?;
    flock(&held, FlockOperation::LockExclusive)?;
    Ok(held)
}

/// What a command made unreadable is made readable first.
fn remove(path: &Path) {
    if fs::remove_dir_all(path).is_err() {
        open_up(path);
        let _ = fs::remove_dir_all(path);
    }
}

/// Gives the owner every right on the folders below `path`, so that they can be removed. No link is followed.
fn open_up(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o700));
    let Ok(entries) = fs::read_dir(path) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path());
        }
    }
}

/// Where a held folder lies now.
fn path_of(folder: BorrowedFd<'_>) -> io::Result<PathBuf> {
    let held: OwnedFd = folder.try_clone_to_owned()?;
    fs::read_link(format!("/proc/self/fd/{}", held.as_raw_fd()))
}

fn failed(error: &dyn std::fmt::Display) -> ToolError {
    ToolError::new(ErrorKind::Internal, format!("the folders of a command can't be made: {error}"))
}
