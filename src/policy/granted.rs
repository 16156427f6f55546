//! Permission in the type: what the gate lets through, with the obligations that bind it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::effect::RuleRef;

use super::{Decision, Reason, Verdict};

/// A request that the policy allows. Only the gate of this room makes one, and the runner takes nothing else.
#[derive(Debug, Clone)]
pub struct Granted<T> {
    request: T,
    obligations: Obligations,
}

impl<T> Granted<T> {
    /// For the gate alone.
    #[expect(dead_code, reason = "the gate of this room calls it")]
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

/// What binds a granted call: the meet of all layers.
#[derive(Debug, Clone)]
pub struct Obligations {
    /// What may be read, asked of the resolved path of each file that is opened.
    pub read: PathRules,
    /// What may be written, asked of the resolved path of each file.
    pub write: PathRules,
    /// Bounds.
    pub limits: GrantLimits,
    /// Of `exec`: how the command is run.
    pub exec: Option<ExecGrant>,
    /// Origins of models and http, none here: a model that needs no network is named `deterministic`.
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
#[derive(Debug, Clone)]
pub struct ExecGrant {
    /// The rule.
    pub rule: RuleRef,
    /// The program's name; looked up in `search`, never in the workspace.
    pub program: String,
    /// Folders to look the program up in, in order.
    pub search: Vec<std::path::PathBuf>,
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
    /// Literal folders that are build caches.
    pub cache_folders: Vec<String>,
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

/// The path rules of all layers for one kind of access.
#[derive(Debug, Clone, Default)]
pub struct PathRules {
    layers: Vec<PathRule>,
}

/// One layer's rules for one kind of access: deny beats ask beats allow; what no list names is denied.
#[derive(Debug, Clone)]
pub struct PathRule {
    /// Matchers with the rule that each came from.
    pub deny: Vec<(globset::GlobMatcher, RuleRef)>,
    /// Likewise.
    pub ask: Vec<(globset::GlobMatcher, RuleRef)>,
    /// Likewise.
    pub allow: Vec<(globset::GlobMatcher, RuleRef)>,
    /// Named where no list matches.
    pub silence: RuleRef,
}

impl PathRules {
    /// The rules of some layers; without any, everything is denied.
    pub fn new(layers: Vec<PathRule>) -> Self {
        Self { layers }
    }

    /// The verdict on a path relative to the root, `/`-separated, without `.` and `..`; the root itself is `.`.
    pub fn check(&self, path: &str) -> Verdict {
        Verdict::of(self.layers.iter().map(|layer| layer.check(path)).collect())
    }
}

impl PathRule {
    fn check(&self, path: &str) -> Reason {
        let lists =
            [(Decision::Deny, &self.deny), (Decision::Ask, &self.ask), (Decision::Allow, &self.allow)];
        let found = lists.into_iter().find_map(|(decision, list)| {
            let rule = list.iter().find(|(glob, _)| glob.is_match(path))?;
            Some((decision, rule))
        });
        match found {
            Some((decision, (glob, rule))) => {
                let verb = match decision {
                    Decision::Allow => "allows",
                    Decision::Ask => "asks about",
                    Decision::Deny => "denies",
                };
                let message = format!("`{}` {verb} `{path}`", glob.glob());
                Reason { decision, rule: rule.clone(), message }
            }
            None => Reason {
                decision: Decision::Deny,
                rule: self.silence.clone(),
                message: format!(
                    "no pattern of `{}` matches `{path}`; what is not listed is denied",
                    self.silence.rule
                ),
            },
        }
    }
}
