//! What a command sees as its workspace (an overlay, a copy, or the workspace itself), with what is hidden of it and its
//! build caches; and what is taken back from it. Decides nothing: the grant came with the call.

#![expect(clippy::disallowed_methods, reason = "what others change while a command runs is told by the time")]

use std::io;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::PoisonError;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::effect::{ErrorKind, SandboxLayer, ToolError};
use crate::files::{Facts, FileError, Links, RelPath, Root};
use crate::policy::{ExecGrant, GitSight, Obligations, PathRules, WorkspaceMode};
use crate::runner::ToolWorld;
use crate::sandbox::{
    CopyError, End, MaskError, MaskRules, Masks, Opaque, Ran, Stack, UpperSize, WorkspaceCopy,
};

use super::access::tool_error;
use super::caches::{CacheCall, Caches};
use super::call_folders::CallFolders;
use super::carried::{Carried, carry, carry_changes};
use super::input::invalid;
use super::really_written::{check_after, check_before, held_in};
use super::twins::Twins;
use super::writing::Writing;

/// Everything about a call that its place depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) grant: &'a ExecGrant,
    pub(super) obligations: &'a Obligations,
    pub(super) world: &'a ToolWorld,
    pub(super) cache: CacheCall<'a>,
}

/// The place of one command.
pub(super) struct Place {
    view: View,
    caches: Caches,
    started: (i64, i64),
}

/// What comes back from a place.
pub(super) struct Back {
    pub(super) carried: Carried,
    /// What is told of caches and of folders that were really written.
    pub(super) told: Vec<SandboxLayer>,
    /// What the command made where nothing stands before it, and may not.
    pub(super) offence: Option<ToolError>,
}

enum View {
    /// With what is held read-only in it.
    Direct(Vec<PathBuf>),
    Copy(WorkspaceCopy),
    Overlay(Masks),
}

impl Place {
    /// The place that the grant says.
    pub(super) fn of(asked: Asked<'_>, folders: &CallFolders) -> Result<Self, ToolError> {
        if asked.grant.workspace == WorkspaceMode::Direct || !asked.grant.unsafe_write.is_empty() {
            asked.world.memory.works_directly(now());
        }
        match asked.grant.workspace {
            WorkspaceMode::Direct => {
                let held = held_in(&asked.world.root, &asked.world.protected);
                Ok(Self { view: View::Direct(held), caches: Caches::default(), started: now() })
            }
            WorkspaceMode::Copy => Self::copy(asked, folders),
            WorkspaceMode::Overlay => {
                check_before(asked)?;
                let masks = masks(asked)?;
                let caches = Caches::choose(asked.grant, asked.cache, asked.world)?;
                Ok(Self { view: View::Overlay(masks), caches, started: now() })
            }
        }
    }

    /// A copy of the unignored files that may be read.
    pub(super) fn copy(asked: Asked<'_>, folders: &CallFolders) -> Result<Self, ToolError> {
        let writing = Writing::of(asked.obligations, asked.world);
        let target = Root::open(&folders.path("work")).map_err(|error| tool_error(&error))?;
        let (root, twins) = (&asked.world.root, Twins::default());
        let shows = |path: &RelPath| writing.shows(path);
        let is_itself = |path: &RelPath, facts: &Facts| twins.refuse(root, (path, facts), &shows).is_ok();
        let copy =
            WorkspaceCopy::make(root, target, &shows, &is_itself).map_err(|error| copy_error(&error))?;
        Ok(Self { view: View::Copy(copy), caches: Caches::default(), started: now() })
    }

    /// What the sandbox is to show.
    pub(super) fn stack(&self, asked: Asked<'_>) -> Result<Stack, ToolError> {
        let (grant, world) = (asked.grant, asked.world);
        let (root, view) = match &self.view {
            View::Direct(_) => (&world.root, WorkspaceMode::Direct),
            View::Copy(copy) => (copy.root(), WorkspaceMode::Copy),
            View::Overlay(_) => (&world.root, WorkspaceMode::Overlay),
        };
        let (mask, opaque) = match &self.view {
            View::Overlay(Masks { hidden, shown }) => {
                let parts = shown.iter().map(|shown| Opaque { folder: PathBuf::new(), shown: shown.clone() });
                (hidden.clone(), parts.collect())
            }
            View::Direct(held) => (held.clone(), Vec::new()),
            View::Copy(_) => (Vec::new(), Vec::new()),
        };
        let unsafe_write = match &self.view {
            View::Overlay(_) => grant.unsafe_write.iter().map(PathBuf::from).collect(),
            View::Direct(_) | View::Copy(_) => Vec::new(),
        };
        let default = UpperSize::default();
        Ok(Stack {
            workspace: root.as_fd().try_clone_to_owned().map_err(|error| failed(&error))?,
            path: std::fs::canonicalize(&world.root_path).map_err(|error| failed(&error))?,
            view,
            mask,
            opaque,
            caches: self.caches.stack()?,
            binds: grant.visible.clone(),
            unsafe_write,
            upper: UpperSize { bytes: grant.limits.workspace_bytes.unwrap_or(default.bytes), ..default },
            network: grant.network,
        })
    }

    /// Is this a folder that the command sees? Told before anything starts.
    pub(super) fn check_folder(&self, cwd: &RelPath, world: &ToolWorld) -> Result<(), ToolError> {
        let root = match &self.view {
            View::Direct(_) | View::Overlay(_) => &world.root,
            View::Copy(copy) => copy.root(),
        };
        let unseen = |error: &dyn std::fmt::Display| {
            Err(invalid(format!("`cwd`: {error}, or has no file that the command may see")))
        };
        match root.folder(cwd, Links::Refuse) {
            Ok(_) if self.hides(cwd) => unseen(&format!("`{cwd}` does not exist")),
            Ok(_) => Ok(()),
            Err(error @ FileError::NotFound { .. }) => unseen(&error),
            Err(error) => Err(tool_error(&error)),
        }
    }

    fn hides(&self, cwd: &RelPath) -> bool {
        let View::Overlay(masks) = &self.view else { return false };
        let path = std::path::Path::new(cwd.as_str());
        let shows =
            |shown: &Vec<PathBuf>| shown.iter().any(|part| path.starts_with(part) || part.starts_with(path));
        masks.hidden.iter().any(|hidden| path.starts_with(hidden))
            || !cwd.is_root() && masks.shown.as_ref().is_some_and(|shown| !shows(shown))
    }

    /// What comes back, and what is told of the caches. To be called when everything of the command is gone.
    pub(super) fn take_back(self, ran: &Ran, asked: Asked<'_>) -> Result<Back, ToolError> {
        let really =
            |folder: &String| SandboxLayer { name: format!("unsafe_write:{folder}"), in_force: true };
        let offence = check_after(asked);
        let mut told = self.caches.told();
        if matches!(self.view, View::Overlay(_)) {
            told.extend(asked.grant.unsafe_write.iter().map(really));
        }
        let carried = match &self.view {
            View::Direct(_) => Carried::default(),
            View::Copy(copy) => carry(copy, asked.grant, asked.obligations, asked.world)?,
            View::Overlay(_) => ran.changes.as_ref().map_or_else(Carried::default, |changes| {
                carry_changes(changes, self.started, asked.obligations, asked.world)
            }),
        };
        let nothing_else = ran.end == End::Itself
            && offence.is_none()
            && asked.grant.unsafe_write.is_empty()
            && ran.changes.as_ref().is_some_and(|changes| changes.is_clean);
        told.extend(self.caches.end(nothing_else));
        Ok(Back { carried, told, offence })
    }
}

fn masks(asked: Asked<'_>) -> Result<Masks, ToolError> {
    find_masks(asked.world, &asked.obligations.read, asked.grant.git).map_err(|error| match &error {
        MaskError::TooMany { .. } => {
            let limit = Some("workspace_entries".to_owned());
            ToolError { limit, ..ToolError::new(ErrorKind::Limit, error.to_string()) }
        }
        MaskError::Io(_) => ToolError::new(ErrorKind::Internal, error.to_string()),
    })
}

/// Looks through the workspace before the first command needs it: where the disk is cold that takes seconds. What runs
/// commands is started as well.
pub(in crate::runner) fn look_ahead(world: &ToolWorld, read: &PathRules) {
    world.memory.helper.start_ahead();
    // if something is wrong, the first command says it
    let _ = find_masks(world, read, GitSight::Hidden);
}

fn find_masks(world: &ToolWorld, read: &PathRules, git: GitSight) -> Result<Masks, MaskError> {
    let own: Vec<String> = world.protected.iter().map(RelPath::to_string).collect();
    let mut memory = world.memory.masks.lock().unwrap_or_else(PoisonError::into_inner);
    memory.find(&world.root, MaskRules { read, git, own: &own })
}

pub(super) fn copy_error(error: &CopyError) -> ToolError {
    match error {
        CopyError::TooLarge { .. } => {
            let limit = Some("workspace_bytes".to_owned());
            ToolError { limit, ..ToolError::new(ErrorKind::Limit, error.to_string()) }
        }
        CopyError::File(error) => tool_error(error),
    }
}

fn failed(error: &io::Error) -> ToolError {
    ToolError::new(ErrorKind::Internal, format!("the workspace can't be shown to a command: {error}"))
}

/// Seconds and nanoseconds since 1970.
fn now() -> (i64, i64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (now.as_secs().cast_signed(), i64::from(now.subsec_nanos()))
}
