//! What layers demand of a command, and how demands meet: field by field, towards the stricter. Knows no call.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::effect::RuleRef;
use crate::model::policy::{CacheMode, GitAccess, NetworkRule, SandboxModeRule, SandboxRule, WorkspaceRule};
use crate::source::Located;

use super::layer::least;
use super::{CacheKeeping, ExecLimits, GitSight, NetworkAccess, SandboxMode, WorkspaceMode};

/// Time on the clock, where the grant names none.
const DEFAULT_WALL: Duration = Duration::from_mins(10);
/// Bytes of each output stream that are kept, where the grant names none.
const DEFAULT_OUTPUT: u64 = 1 << 20;

/// What is `None` is not demanded, and yields to what is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) mode: Option<(SandboxMode, RuleRef)>,
    pub(super) require: BTreeSet<String>,
    pub(super) workspace: Option<WorkspaceMode>,
    pub(super) network: Option<NetworkAccess>,
    pub(super) git: Option<GitSight>,
    pub(super) cache_folders: Option<BTreeSet<String>>,
    pub(super) cache: Option<CacheKeeping>,
    pub(super) unsafe_write: Option<BTreeSet<String>>,
    pub(super) env_pass: Option<BTreeSet<String>>,
    pub(super) env_set: BTreeMap<String, String>,
    pub(super) bounds: Bounds,
    /// Variables that two rules set to different values: there is no meet, so there is no command.
    pub(super) conflicts: BTreeSet<String>,
}

/// Bounds on a command.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bounds {
    wall: Option<Duration>,
    cpu: Option<Duration>,
    memory: Option<u64>,
    processes: Option<u64>,
    output: Option<u64>,
    workspace_bytes: Option<u64>,
}

impl Terms {
    /// What a `sandbox` says. `place` is named where its mode decides.
    pub(super) fn stated(rule: &SandboxRule, place: &RuleRef) -> Self {
        let mode = rule.mode.as_ref().map(|mode| match mode.value {
            SandboxModeRule::Strict => SandboxMode::Strict,
            SandboxModeRule::BestEffort => SandboxMode::BestEffort,
        });
        let env = rule.env.as_ref();
        Self {
            mode: mode.map(|mode| (mode, place.clone())),
            require: rule.require.iter().map(|layer| layer.value.clone()).collect(),
            workspace: rule.workspace.as_ref().map(|mode| workspace(mode.value)),
            network: rule.network.as_ref().map(|rule| match rule.value {
                NetworkRule::Deny => NetworkAccess::Deny,
                NetworkRule::Allow => NetworkAccess::Allow,
            }),
            git: rule.git.as_ref().map(|rule| match rule.value {
                GitAccess::Read => GitSight::Read,
                GitAccess::Hidden => GitSight::Hidden,
            }),
            cache_folders: rule.cache.as_ref().and_then(|cache| cache.folders.as_deref()).map(names),
            cache: rule.cache.as_ref().map(|cache| keeping(cache.mode.as_ref().map(|mode| mode.value))),
            unsafe_write: rule.unsafe_write.as_deref().map(names),
            env_pass: env.and_then(|env| env.pass.as_deref()).map(names),
            env_set: env
                .map(|env| env.set.iter().map(|(name, value)| (name.clone(), value.value.clone())).collect())
                .unwrap_or_default(),
            bounds: Bounds::stated(rule),
            conflicts: BTreeSet::new(),
        }
    }

    /// The same demands where silence is strict: the strictest for all that was not said but the mode.
    pub(super) fn or_strictest(self) -> Self {
        Self {
            workspace: self.workspace.or(Some(WorkspaceMode::Overlay)),
            network: self.network.or(Some(NetworkAccess::Deny)),
            git: self.git.or(Some(GitSight::Hidden)),
            cache_folders: self.cache_folders.or_else(|| Some(BTreeSet::new())),
            unsafe_write: self.unsafe_write.or_else(|| Some(BTreeSet::new())),
            env_pass: self.env_pass.or_else(|| Some(BTreeSet::new())),
            bounds: Bounds {
                wall: self.bounds.wall.or(Some(DEFAULT_WALL)),
                output: self.bounds.output.or(Some(DEFAULT_OUTPUT)),
                ..self.bounds
            },
            ..self
        }
    }

    /// Both demands at once.
    pub(super) fn meet(mut self, other: Self) -> Self {
        self.conflicts.extend(other.conflicts);
        for (name, value) in other.env_set {
            if self.env_set.get(&name).is_some_and(|mine| *mine != value) {
                self.conflicts.insert(name);
            } else {
                self.env_set.insert(name, value);
            }
        }
        Self {
            mode: stricter_mode(self.mode, other.mode),
            require: self.require.union(&other.require).cloned().collect(),
            workspace: self.workspace.max(other.workspace),
            network: self.network.max(other.network),
            git: self.git.max(other.git),
            cache_folders: common(self.cache_folders, other.cache_folders),
            cache: self.cache.max(other.cache),
            unsafe_write: common(self.unsafe_write, other.unsafe_write),
            env_pass: common(self.env_pass, other.env_pass),
            env_set: self.env_set,
            bounds: self.bounds.meet(other.bounds),
            conflicts: self.conflicts,
        }
    }
}

impl Bounds {
    fn stated(rule: &SandboxRule) -> Self {
        let Some(limits) = rule.limits.as_ref() else { return Self::default() };
        let number = |limit: &Option<Located<u64>>| limit.as_ref().map(|limit| limit.value);
        let time = |limit: &Option<Located<Duration>>| limit.as_ref().map(|limit| limit.value);
        Self {
            wall: time(&limits.wall),
            cpu: time(&limits.cpu),
            memory: number(&limits.memory),
            processes: number(&limits.processes),
            output: number(&limits.output),
            workspace_bytes: number(&limits.workspace_bytes),
        }
    }

    fn meet(self, other: Self) -> Self {
        Self {
            wall: least(self.wall, other.wall),
            cpu: least(self.cpu, other.cpu),
            memory: least(self.memory, other.memory),
            processes: least(self.processes, other.processes),
            output: least(self.output, other.output),
            workspace_bytes: least(self.workspace_bytes, other.workspace_bytes),
        }
    }

    /// As the runner takes them.
    pub(super) fn limits(self) -> ExecLimits {
        ExecLimits {
            wall: self.wall.unwrap_or(DEFAULT_WALL),
            cpu: self.cpu,
            memory: self.memory,
            processes: self.processes,
            output: self.output.unwrap_or(DEFAULT_OUTPUT),
            workspace_bytes: self.workspace_bytes,
        }
    }
}

type Mode = Option<(SandboxMode, RuleRef)>;

fn stricter_mode(a: Mode, b: Mode) -> Mode {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.0 > a.0 { b } else { a }),
        (a, b) => a.or(b),
    }
}

/// What both open; what one does not speak of is as the other says.
fn common(a: Option<BTreeSet<String>>, b: Option<BTreeSet<String>>) -> Option<BTreeSet<String>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.intersection(&b).cloned().collect()),
        (a, b) => a.or(b),
    }
}

fn names(list: &[Located<String>]) -> BTreeSet<String> {
    list.iter().map(|name| name.value.clone()).collect()
}

fn workspace(rule: WorkspaceRule) -> WorkspaceMode {
    match rule {
        WorkspaceRule::Overlay => WorkspaceMode::Overlay,
        WorkspaceRule::Copy => WorkspaceMode::Copy,
        WorkspaceRule::Direct => WorkspaceMode::Direct,
    }
}

fn keeping(mode: Option<CacheMode>) -> CacheKeeping {
    match mode {
        None | Some(CacheMode::Seed) => CacheKeeping::Seed,
        Some(CacheMode::Run) => CacheKeeping::Run,
        Some(CacheMode::Shared) => CacheKeeping::Shared,
    }
}
