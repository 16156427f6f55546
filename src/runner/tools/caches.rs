//! Build caches of one command: what each starts with, where changes to it go, and what becomes of them. The user's own
//! build folder is read and never written. A layer of changes is kept only where the command left nothing else: then
//! what it built belongs to the workspace as it is.

#![expect(clippy::disallowed_methods, reason = "shared caches lie in the user's folder for caches")]

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat};

use crate::digest::Digest;
use crate::effect::{ErrorKind, SandboxLayer, ToolError};
use crate::files::{FileError, Links, RelPath};
use crate::policy::{CacheKeeping, ExecGrant};
use crate::runner::ToolWorld;
use crate::runner::patch::History;
use crate::sandbox::{Cache, CacheLayers, CacheStart, NewLayer};

use super::access::tool_error;

/// The most entries of a build folder that are looked at to tell its age.
const MAX_ENTRIES: usize = 500_000;

/// A change is recorded a moment after it is there.
const MARGIN_SECONDS: i64 = 2;

/// What is known of a call when its caches are chosen.
#[derive(Debug, Clone, Copy)]
pub(super) struct CacheCall<'a> {
    /// The run.
    pub(super) run: &'a str,
    /// Does the result decide success?
    pub(super) verify: bool,
    /// The program, by its digest.
    pub(super) program: &'a str,
}

/// The caches of one call.
#[derive(Debug, Default)]
pub(super) struct Caches {
    chosen: Vec<Chosen>,
}

#[derive(Debug)]
struct Chosen {
    folder: RelPath,
    start: &'static str,
    seed: Option<OwnedFd>,
    layer: Option<NewLayer>,
}

impl Caches {
    /// Chooses what each cache of the rule starts with.
    pub(super) fn choose(
        grant: &ExecGrant,
        call: CacheCall<'_>,
        world: &ToolWorld,
    ) -> Result<Self, ToolError> {
        let Some(keeping) = grant.cache else { return Ok(Self::default()) };
        let folders = grant.cache_folders.iter().filter(|folder| !grant.unsafe_write.contains(folder));
        let chosen = folders.map(|folder| {
            let folder = RelPath::parse(folder).map_err(|error| tool_error(&error.into()))?;
            Chosen::of(&folder, keeping, grant, call, world)
        });
        Ok(Self { chosen: chosen.collect::<Result<_, _>>()? })
    }

    /// As the sandbox takes them.
    pub(super) fn stack(&self) -> Result<Vec<Cache>, ToolError> {
        self.chosen.iter().map(|chosen| chosen.stack().map_err(|error| failed(&error))).collect()
    }

    /// What the call's result says of them: what each started with.
    pub(super) fn told(&self) -> Vec<SandboxLayer> {
        let layer = |chosen: &Chosen| SandboxLayer {
            name: format!("cache:{}:{}", chosen.start, chosen.folder),
            in_force: true,
        };
        self.chosen.iter().map(layer).collect()
    }

    /// Keeps the changes of those that are kept, if `is_clean`; says of each whether they were.
    pub(super) fn end(self, is_clean: bool) -> Vec<SandboxLayer> {
        let mut told = Vec::new();
        for chosen in self.chosen {
            let Some(layer) = chosen.layer else { continue };
            // what can't be kept is built again
            let kept = is_clean && layer.keep().unwrap_or(false);
            told.push(SandboxLayer { name: format!("cache_kept:{}", chosen.folder), in_force: kept });
        }
        told
    }
}

impl Chosen {
    fn of(
        folder: &RelPath,
        keeping: CacheKeeping,
        grant: &ExecGrant,
        call: CacheCall<'_>,
        world: &ToolWorld,
    ) -> Result<Self, ToolError> {
        let own = |start, seed, layer| Ok(Self { folder: folder.clone(), start, seed, layer });
        let keeping = if call.verify { CacheKeeping::Seed } else { keeping };
        if keeping == CacheKeeping::Shared
            && let Some(layer) = new_layer(&shared_folder(grant, call, world, folder)?)?
        {
            return own("shared", None, Some(layer));
        }
        let seed = match seed(world, folder)? {
            Some(seed) if call.verify && !is_from_before(&seed, call.run, world)? => None,
            seed => seed,
        };
        if keeping == CacheKeeping::Run {
            let name = Digest::of(format!("{folder}\n{}", grant.toolchains.join(" "))).hex();
            if let Some(layer) = new_layer(&world.memory.run_caches(world)?.join(&name[..32]))? {
                return own("run", seed, Some(layer));
            }
        }
        own(if seed.is_some() { "seed" } else { "empty" }, seed, None)
    }

    fn stack(&self) -> io::Result<Cache> {
        let seed = self.seed.as_ref().map(OwnedFd::try_clone).transpose()?;
        let folder = PathBuf::from(self.folder.as_str());
        let start = match &self.layer {
            Some(layer) => {
                let mut lower = layer.below()?;
                lower.extend(seed);
                let (upper, work) = layer.upper_and_work()?;
                CacheStart::Kept { lower, upper, work }
            }
            None => seed.map_or(CacheStart::Empty, |seed| CacheStart::Seed(vec![seed])),
        };
        Ok(Cache { folder, start })
    }
}

/// A layer on top of those in a folder of ours; none where the folder's file system can't hold one.
fn new_layer(folder: &Path) -> Result<Option<NewLayer>, ToolError> {
    let layers = CacheLayers::open(folder).map_err(|error| failed(&error))?;
    if !layers.can_be_written() {
        return Ok(None);
    }
    layers.begin().map(Some).map_err(|error| failed(&error))
}

/// The user's own build folder, if there is one. One that is a link could be any folder, and is refused.
fn seed(world: &ToolWorld, folder: &RelPath) -> Result<Option<OwnedFd>, ToolError> {
    match world.root.folder(folder, Links::Refuse) {
        Ok((held, _)) => held.as_fd().try_clone_to_owned().map(Some).map_err(|error| failed(&error)),
        Err(FileError::NotFound { .. }) => Ok(None),
        Err(error @ (FileError::Link { .. } | FileError::Escapes { .. } | FileError::Kind { .. })) => {
            let message =
                format!("the build cache {error}; make it a folder, or take it out of `cache.folders`");
            Err(ToolError::new(ErrorKind::Denied, message))
        }
        Err(error) => Err(tool_error(&error)),
    }
}

/// Does all that is in the build folder date from before the first change of the run?
fn is_from_before(seed: &OwnedFd, run: &str, world: &ToolWorld) -> Result<bool, ToolError> {
    let history = History::of(&world.state, run).map_err(|error| super::writing::patch_error(&error))?;
    let patched = history.began().map_err(|error| super::writing::patch_error(&error))?;
    let direct = world.memory.first_direct();
    let Some((seconds, _)) = patched.into_iter().chain(direct).min() else { return Ok(true) };
    let mut left = MAX_ENTRIES;
    Ok(is_older(seed.as_fd(), (seconds - MARGIN_SECONDS, 0), &mut left).unwrap_or(false))
}

fn is_older(folder: BorrowedFd<'_>, than: (i64, i64), left: &mut usize) -> io::Result<bool> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = openat(folder, ".", flags, Mode::empty())?;
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_bytes() == b".." {
            continue;
        }
        *left = left.saturating_sub(1);
        let facts = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if *left == 0 || (facts.st_ctime, facts.st_ctime_nsec.cast_signed()) >= than {
            return Ok(false);
        }
        if FileType::from_raw_mode(facts.st_mode) == FileType::Directory && name.to_bytes() != b"." {
            let inner = openat(&folder, name, flags, Mode::empty())?;
            if !is_older(inner.as_fd(), than, left)? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Where a cache lies that outlives the run: another workspace, rule, toolchain, program or policy has another.
fn shared_folder(
    grant: &ExecGrant,
    call: CacheCall<'_>,
    world: &ToolWorld,
    folder: &RelPath,
) -> Result<PathBuf, ToolError> {
    let home = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = home("XDG_CACHE_HOME").or_else(|| Some(home("HOME")?.join(".cache"))).ok_or_else(|| {
        ToolError::new(ErrorKind::Internal, "a shared cache needs `HOME` or `XDG_CACHE_HOME` to be set")
    })?;
    let visible: Vec<String> = grant.visible.iter().map(|path| path.display().to_string()).collect();
    let key = serde_json::json!({
        "workspace": world.root_path.display().to_string(),
        "folder": folder.as_str(),
        "rule": [grant.rule.layer, grant.rule.rule, grant.rule.file],
        "policy": world.memory.policy(),
        "toolchains": grant.toolchains,
        "visible": visible,
        "program": call.program,
    });
    Ok(caches.join("lgflow/builds").join(&Digest::of_json(&key).hex()[..32]))
}

fn failed(error: &dyn std::fmt::Display) -> ToolError {
    ToolError::new(ErrorKind::Internal, format!("the caches of a command can't be made: {error}"))
}
