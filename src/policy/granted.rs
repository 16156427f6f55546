//! Permission in the type: what the gate lets through, with the obligations that bind it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::approval::Spent;
use crate::digest::Digest;
use crate::effect::RuleRef;

use super::{NetworkRules, PathRules, Verdict};

/// A request that the policy allows. Only the gate of this room makes one, and the runner takes nothing else.
#[derive(Debug, Clone)]
pub struct Granted<T> {
    request: T,
    obligations: Obligations,
}

impl<T> Granted<T> {
    /// For the gate alone.
    pub(super) fn new(request: T, obligations: Obligations) -> Self {
        Self { request, obligations }
    }

    /// What was asked for.
    pub fn request(&self) -> &T {
        &self.request
    }

    /// What binds it.
    pub fn obligations(&self) -> &Obligations {
        &self.obligations
    }
}

/// A request that wants an approval. It may be looked at, so that a person sees what it would do; only a spent
/// approval makes it a [`Granted`].
#[derive(Debug, Clone)]
pub struct Asked<T> {
    granted: Granted<T>,
    verdict: Verdict,
}

impl<T> Asked<T> {
    /// For the gate alone: `request` as it will be bound once it is approved.
    pub(super) fn new(request: T, obligations: Obligations, verdict: Verdict) -> Self {
        Self { granted: Granted::new(request, obligations), verdict }
    }

    /// What was asked for.
    pub fn request(&self) -> &T {
        &self.granted.request
    }

    /// What would bind it.
    pub fn obligations(&self) -> &Obligations {
        &self.granted.obligations
    }

    /// Why it asks.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// For the gate alone.
    pub(super) fn granted(mut self, spent: &Spent) -> Granted<T> {
        let approved = Approved { preimages: spent.preimages().clone(), program: spent.program() };
        self.granted.obligations.approved = Some(approved);
        self.granted
    }
}

/// What an approval adds to what binds a call: it holds for what was there when it was given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Approved {
    /// What must stand at each path that the call changes; `None` where nothing may.
    pub preimages: BTreeMap<String, Option<Digest>>,
    /// The digest that the program must have.
    pub program: Option<Digest>,
}

/// What binds a granted call: the meet of all layers.
#[derive(Debug, Clone)]
pub struct Obligations {
    /// What may be read, asked of the resolved path of each file that is opened.
    pub read: PathRules,
    /// What may be written, asked of the resolved path of each file.
    pub write: PathRules,
    /// What of that may be changed by what is no text, asked of each path of a binary part.
    pub binary: PathRules,
    /// Bounds.
    pub limits: GrantLimits,
    /// Where it may speak to, asked wherever a redirect leads.
    pub network: NetworkRules,
    /// Of `exec`: how the command is run.
    pub exec: Option<ExecGrant>,
    /// Of a call that a person approved: what it was approved for.
    pub approved: Option<Approved>,
    /// The rules that allowed it.
    pub rules: Vec<RuleRef>,
}

/// Bounds on a call. What is `None` has the tool's own default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GrantLimits {
    /// Bytes of a patch.
    pub patch_bytes: Option<u64>,
    /// Files of a patch.
    pub patch_files: Option<u64>,
    /// Bytes that a call may read.
    pub read_bytes: Option<u64>,
}

/// How the allowed command is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecGrant {
    /// The rule.
    pub rule: RuleRef,
    /// The program's name; looked up in `search`, never in the workspace.
    pub program: String,
    /// Folders to look the program up in, in order.
    pub search: Vec<std::path::PathBuf>,
    /// The toolchains that it may use.
    pub toolchains: Vec<String>,
    /// Their files and folders, which the command sees read-only, where they are.
    pub visible: Vec<std::path::PathBuf>,
    /// The whole environment: nothing else is passed.
    pub env_set: BTreeMap<String, String>,
    /// Names whose values are taken from the runner's own environment.
    pub env_pass: Vec<String>,
    /// Strict or best effort.
    pub mode: SandboxMode,
    /// Layers that must be in force.
    pub require: Vec<String>,
    /// What the command sees as its workspace.
    pub workspace: WorkspaceMode,
    /// Network access.
    pub network: NetworkAccess,
    /// Folders of the workspace that it really writes.
    pub unsafe_write: Vec<String>,
    /// Sight of the git directory.
    pub git: GitSight,
    /// Literal folders that are build caches.
    pub cache_folders: Vec<String>,
    /// How changes to them are kept; `None` keeps nothing and shows nothing.
    pub cache: Option<CacheKeeping>,
    /// Does it run code of the workspace?
    pub runs_workspace_code: bool,
    /// Bounds.
    pub limits: ExecLimits,
}

/// Strict refuses where a layer is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SandboxMode {
    /// Missing layers are reported.
    BestEffort,
    /// Missing layers refuse the command.
    Strict,
}

/// What the command sees as its workspace, the strictest the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WorkspaceMode {
    /// The workspace itself.
    Direct,
    /// A copy of its unignored files; what changed comes back as a patch.
    Copy,
    /// An overlay; what changed comes back as a patch.
    Overlay,
}

/// Sight of the git directory, the strictest the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GitSight {
    /// Its objects can be read.
    Read,
    /// It is empty.
    Hidden,
}

/// How changes to a build cache are kept, the strictest the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CacheKeeping {
    /// In a folder of lgflow's own, across runs.
    Shared,
    /// Within a run.
    Run,
    /// Thrown away; the folder is a read-only lower layer.
    Seed,
}

/// Network access of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NetworkAccess {
    /// The machine's.
    Allow,
    /// None.
    Deny,
}

/// Bounds on a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecLimits {
    /// Time on the clock.
    pub wall: Duration,
    /// Processor time.
    pub cpu: Option<Duration>,
    /// Bytes of memory of a process.
    pub memory: Option<u64>,
    /// Processes at once.
    pub processes: Option<u64>,
    /// Bytes of each output stream that are kept.
    pub output: u64,
    /// Bytes that it may add to its workspace.
    pub workspace_bytes: Option<u64>,
}
