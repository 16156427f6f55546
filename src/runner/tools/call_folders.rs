//! Folders of ours in the state folder that last as long as somebody of us holds them: those of one command, and the
//! caches of a run. Gone when they are let go, and swept by the next runner where a runner was killed. Knows no command.

#![expect(clippy::disallowed_methods, reason = "a command gets folders of its own in the state folder")]

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::effect::{ErrorKind, ToolError};
use crate::files::RelPath;
use crate::runner::ToolWorld;
use crate::sandbox::remove_folder;

use super::access::tool_error;

/// What folders are held for; each kind lies in a folder of its own beneath the state folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Call,
    RunCaches,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Call => "exec",
            Kind::RunCaches => "caches",
        }
    }
}

/// A folder while it lasts.
#[derive(Debug)]
struct HeldFolder {
    path: PathBuf,
    below: RelPath,
    /// Locked as long as we live, so that nobody takes the folder for left behind.
    _alive: File,
}

impl HeldFolder {
    fn make(world: &ToolWorld, kind: Kind) -> Result<Self, ToolError> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| failed(&error))?;
        let name = format!("{:016x}", u64::from_be_bytes(random));
        let all = RelPath::parse(kind.name()).map_err(|error| failed(&error))?;
        let below = all.join(&name).map_err(|error| failed(&error))?;
        let path = path_of(world.state.as_fd()).map_err(|error| failed(&error))?.join(below.as_str());
        world.state.make_folders(&all).map_err(|error| tool_error(&error))?;
        // between the making of a folder and its lock nobody may sweep
        let turn = path.parent().map(take_turn).transpose().map_err(|error| failed(&error))?;
        world.state.make_folders(&below).map_err(|error| tool_error(&error))?;
        let alive = File::open(&path).map_err(|error| failed(&error))?;
        flock(&alive, FlockOperation::NonBlockingLockExclusive).map_err(|errno| failed(&errno))?;
        drop(turn);
        Ok(Self { path, below, _alive: alive })
    }
}

impl Drop for HeldFolder {
    fn drop(&mut self) {
        // every process that could write there is gone
        remove_folder(&self.path);
    }
}

/// The folders of one call, while it lasts.
pub(super) struct CallFolders {
    held: HeldFolder,
}

impl CallFolders {
    /// Makes them: `home`, `tmp` and `work`.
    pub(super) fn make(world: &ToolWorld) -> Result<Self, ToolError> {
        // whatever happens from here on, the folders go with this value
        let held = HeldFolder::make(world, Kind::Call)?;
        for inner in ["home", "tmp", "work"] {
            let inner = held.below.join(inner).map_err(|error| failed(&error))?;
            world.state.make_folders(&inner).map_err(|error| tool_error(&error))?;
        }
        Ok(Self { held })
    }

    /// The path of one of them.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.held.path.join(name)
    }

    /// The path of one of them, as a command is told it.
    pub(super) fn shown(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

/// The folder of a run's caches, as long as its runner lives.
#[derive(Debug)]
pub(in crate::runner) struct RunCaches {
    held: HeldFolder,
}

impl RunCaches {
    /// Makes it.
    pub(in crate::runner) fn make(world: &ToolWorld) -> Result<Self, ToolError> {
        Ok(Self { held: HeldFolder::make(world, Kind::RunCaches)? })
    }

    /// Where it is.
    pub(in crate::runner) fn path(&self) -> &Path {
        &self.held.path
    }
}

/// Removes the folders of runners that were killed. What can't be removed stays, and is tried again next time.
pub(in crate::runner) fn sweep_held_folders(world: &ToolWorld) {
    let Ok(state) = path_of(world.state.as_fd()) else { return };
    for kind in [Kind::Call, Kind::RunCaches] {
        sweep(&state.join(kind.name()));
    }
}

fn sweep(all: &Path) {
    let Ok(_turn) = take_turn(all) else { return };
    for entry in fs::read_dir(all).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) && is_abandoned(&path) {
            remove_folder(&path);
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

/// Where a held folder lies now.
fn path_of(folder: BorrowedFd<'_>) -> io::Result<PathBuf> {
    let held: OwnedFd = folder.try_clone_to_owned()?;
    fs::read_link(format!("/proc/self/fd/{}", held.as_raw_fd()))
}

fn failed(error: &dyn std::fmt::Display) -> ToolError {
    ToolError::new(ErrorKind::Internal, format!("the folders of a command can't be made: {error}"))
}
