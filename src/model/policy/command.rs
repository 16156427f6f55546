//! `commands` and `sandbox`: what `exec` may run, and how it is held.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::source::{Located, Span};

/// A command that may be run.
#[derive(Debug, Clone)]
pub struct CommandRule {
    /// All of it.
    pub span: Span,
    /// The rule's name.
    pub name: Located<String>,
    /// What it is for.
    pub description: Option<Located<String>>,
    /// A bare name, looked up in toolchains and system folders.
    pub program: Located<String>,
    /// Alternatives for what follows the program.
    pub args: Vec<ArgPattern>,
    /// Flags that may stand anywhere before `--`. Any other is refused.
    pub flags: Vec<FlagRule>,
    /// Flags that may stand after `--`. Any other is refused.
    pub passthrough: Vec<FlagRule>,
    /// Checked when the file is loaded.
    pub examples: Examples,
    /// Does it run code of the workspace? True unless said.
    pub runs_workspace_code: Option<Located<bool>>,
    /// How it is held.
    pub sandbox: SandboxRule,
}

/// One alternative: a literal, a glob, or `...` for any tail, element by element. An element that begins with `-`
/// is a flag that must be there.
#[derive(Debug, Clone)]
pub struct ArgPattern {
    /// All of it.
    pub span: Span,
    /// Its elements.
    pub elements: Vec<Located<String>>,
}

/// A flag with the values that it takes.
#[derive(Debug, Clone)]
pub struct FlagRule {
    /// With its dashes.
    pub flag: Located<String>,
    /// What follows it.
    pub value: Located<FlagValue>,
}

/// The value of a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlagValue {
    /// None at all.
    None,
    /// Any text that begins with neither `-` nor `@`.
    String,
    /// A path beneath the workspace.
    Path,
    /// A whole number.
    Int,
    /// One of these.
    OneOf(Vec<String>),
}

/// Command lines that a rule must match and must not.
#[derive(Debug, Clone, Default)]
pub struct Examples {
    /// Split at white space where they were written as one string.
    pub matching: Vec<Located<Vec<String>>>,
    /// Likewise.
    pub not_matching: Vec<Located<Vec<String>>>,
}

/// `sandbox`, of one command or of all: what is `None` is not said here.
#[derive(Debug, Clone, Default)]
pub struct SandboxRule {
    /// All of it; none where it was not written.
    pub span: Option<Span>,
    /// Of all commands alone.
    pub mode: Option<Located<SandboxModeRule>>,
    /// Of all commands alone: layers that must be in force beyond those that `strict` requires.
    pub require: Vec<Located<String>>,
    /// What the command sees as its workspace.
    pub workspace: Option<Located<WorkspaceRule>>,
    /// Build caches.
    pub cache: Option<CacheRule>,
    /// Folders of the workspace that it really writes.
    pub unsafe_write: Option<Vec<Located<String>>>,
    /// Network access.
    pub network: Option<Located<NetworkRule>>,
    /// Sight of the git directory.
    pub git: Option<Located<GitAccess>>,
    /// Its environment.
    pub env: Option<EnvRule>,
    /// Bounds.
    pub limits: Option<ExecLimitRules>,
}

/// Strict refuses where a wall is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SandboxModeRule {
    /// Missing walls refuse the command.
    Strict,
    /// Missing walls are reported.
    BestEffort,
}

/// What a command sees as its workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WorkspaceRule {
    /// An overlay; what changed comes back as a patch.
    Overlay,
    /// A copy; what changed comes back as a patch.
    Copy,
    /// The workspace itself.
    Direct,
}

/// Network access of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NetworkRule {
    /// None.
    Deny,
    /// The machine's.
    Allow,
}

/// Sight of the git directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GitAccess {
    /// Its objects can be read.
    Read,
    /// It is empty.
    Hidden,
}

/// Folders that are build caches.
#[derive(Debug, Clone)]
pub struct CacheRule {
    /// All of it.
    pub span: Span,
    /// Literal folders of the workspace; none named opens none in a grant, and narrows none in a bound.
    pub folders: Option<Vec<Located<String>>>,
    /// How changes to them are kept (`seed` unless said).
    pub mode: Option<Located<CacheMode>>,
}

/// How changes to a cache are kept, the strictest the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CacheMode {
    /// In a folder of lgflow's own, across runs.
    Shared,
    /// Within a run.
    Run,
    /// Thrown away; the folder is a read-only lower layer.
    Seed,
}

/// The environment of a command: nothing else is passed.
#[derive(Debug, Clone)]
pub struct EnvRule {
    /// All of it.
    pub span: Span,
    /// Names whose values come from the user's environment.
    pub pass: Option<Vec<Located<String>>>,
    /// Names with their values.
    pub set: BTreeMap<String, Located<String>>,
}

/// Bounds on a command.
#[derive(Debug, Clone, Default)]
pub struct ExecLimitRules {
    /// Time on the clock.
    pub wall: Option<Located<Duration>>,
    /// Processor time.
    pub cpu: Option<Located<Duration>>,
    /// Bytes of memory.
    pub memory: Option<Located<u64>>,
    /// Processes at once.
    pub processes: Option<Located<u64>>,
    /// Bytes of each output stream that are kept.
    pub output: Option<Located<u64>>,
    /// Bytes that it may add to its workspace.
    pub workspace_bytes: Option<Located<u64>>,
}
