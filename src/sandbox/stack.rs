//! What a command sees as its file system, layer by layer: names, held descriptors and sizes. Nothing is mounted here,
//! and nothing is decided: who fills it in has asked the policy.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use crate::policy::{NetworkAccess, WorkspaceMode};

/// The stack `mask : cache seed : workspace`, and what stands around it. Relative paths are relative to the workspace
/// and may hold any byte but NUL; they have no `.` or `..`, and only the root itself is the empty path.
#[derive(Debug)]
pub struct Stack {
    /// The workspace, held. Of a copy: the folder of the copy.
    pub workspace: OwnedFd,
    /// The real path of the workspace, which is also where the command sees it.
    pub path: PathBuf,
    /// An overlay over `workspace`, or `workspace` itself: a copy of ours, or the user's own folder.
    pub view: WorkspaceMode,
    /// Entries that do not exist for the command: each becomes a whiteout in the mask layer, a folder with all in it.
    /// Of the workspace itself: entries that are held read-only.
    pub mask: Vec<PathBuf>,
    /// Folders of which only parts exist for the command, whatever somebody else makes in them meanwhile.
    pub opaque: Vec<Opaque>,
    /// Build caches: each is a place of its own, and what is written there is no change of the workspace.
    pub caches: Vec<Cache>,
    /// Files and folders of the machine that the command sees read-only, where they are: toolchains and the like. The
    /// system's own folders (`/usr`, `/lib` and their kin) are always there and need no mention. A link is seen as a
    /// link; what is missing is left out.
    pub binds: Vec<PathBuf>,
    /// Folders of the workspace that the command really writes, with no layer over them.
    pub unsafe_write: Vec<PathBuf>,
    /// How much the command may write before it is told that there is no room.
    pub upper: UpperSize,
    /// The machine's network, or none.
    pub network: NetworkAccess,
}

/// A folder that starts empty, and the parts of it that can be seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opaque {
    /// The folder; the empty path is the whole workspace.
    pub folder: PathBuf,
    /// Files and folders in it that exist for the command. A file is seen as it was when the command started.
    pub shown: Vec<PathBuf>,
}

/// A folder of the workspace that is a build cache.
#[derive(Debug)]
pub struct Cache {
    /// The folder, which need not exist.
    pub folder: PathBuf,
    /// What it starts with.
    pub start: CacheStart,
}

/// What a build cache starts with, and where changes to it go.
#[derive(Debug)]
pub enum CacheStart {
    /// Nothing; it is gone with the command.
    Empty,
    /// The content of folders, the first the uppermost; changes are gone with the command.
    Seed(Vec<OwnedFd>),
    /// The content of folders, the first the uppermost; changes are left in `upper`, an empty folder of ours on a disk,
    /// with `work` beside it on the same disk, also empty. They may be on the workspace's disk and are never in it.
    Kept {
        /// Read-only layers.
        lower: Vec<OwnedFd>,
        /// Where changes are left, in overlayfs' form.
        upper: OwnedFd,
        /// What overlayfs needs beside it.
        work: OwnedFd,
    },
}

/// The room for what a command writes: its changes, the caches that are not kept, `/tmp` and its home together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpperSize {
    /// Bytes.
    pub bytes: u64,
    /// Files and folders.
    pub inodes: u64,
}

impl Default for UpperSize {
    /// Where no rule says otherwise.
    fn default() -> Self {
        Self { bytes: 2 << 30, inodes: 400_000 }
    }
}

/// The home of a command in its private root.
pub const PRIVATE_HOME: &str = "/home/lgflow";
/// Its folder for temporary files there.
pub const PRIVATE_TMP: &str = "/tmp";
