//! The sections of a policy other than commands.

use std::time::Duration;

use crate::source::{Located, Span};

use super::RuleVerdict;

/// `paths`
#[derive(Debug, Clone)]
pub struct PathRuleSet {
    /// All of it.
    pub span: Span,
    /// What may be read.
    pub read: Option<PathLists>,
    /// What may be written.
    pub write: Option<PathLists>,
    /// What of that a patch may change by what is no text.
    pub binary: Option<PathLists>,
}

/// Globs over paths relative to the root. Deny beats ask beats allow.
#[derive(Debug, Clone)]
pub struct PathLists {
    /// All of it.
    pub span: Span,
    /// In a ceiling `None` means that it opens whatever the other layers open.
    pub allow: Option<Vec<Located<String>>>,
    /// Wants an approval.
    pub ask: Vec<Located<String>>,
    /// Refused.
    pub deny: Vec<Located<String>>,
}

/// An origin that may be spoken to.
#[derive(Debug, Clone)]
pub struct OriginRule {
    /// All of it.
    pub span: Span,
    /// `https://host:port`, exactly.
    pub origin: Located<String>,
    /// Methods; none named means all.
    pub methods: Vec<Located<String>>,
    /// Globs over the path; none named means all.
    pub paths: Vec<Located<String>>,
    /// Names of headers that a call may set.
    pub headers: Vec<Located<String>>,
    /// May the origin hold a `*`?
    pub wildcard: Option<Located<bool>>,
    /// Bytes that a run may send there.
    pub max_out: Option<Located<u64>>,
    /// Requests of a run.
    pub max_requests: Option<Located<u64>>,
}

/// An information flow.
#[derive(Debug, Clone)]
pub struct FlowRule {
    /// All of it.
    pub span: Span,
    /// The source: `llm`, `http`, `workspace:GLOB`, …
    pub from: Located<String>,
    /// The sink: `exec.argv`, `network`, …
    pub to: Located<String>,
    /// What is said of it.
    pub verdict: Located<RuleVerdict>,
}

/// A use of a secret that the user or the machine declares.
#[derive(Debug, Clone)]
pub struct SecretRule {
    /// The secret's name.
    pub name: Located<String>,
    /// May it be used?
    pub verdict: Located<RuleVerdict>,
}

/// `mcp`
#[derive(Debug, Clone)]
pub struct McpRules {
    /// All of it.
    pub span: Span,
    /// Servers that the user's configuration declares.
    pub servers: Vec<Located<String>>,
    /// Their tools.
    pub tools: Vec<McpServerTools>,
}

/// Tools of one server.
#[derive(Debug, Clone)]
pub struct McpServerTools {
    /// The server.
    pub server: Located<String>,
    /// Its tools.
    pub tools: Vec<Located<String>>,
}

/// A pattern that is taken out of everything that leaves.
#[derive(Debug, Clone)]
pub struct RedactRule {
    /// What stands in its place: `[redacted:NAME]`.
    pub name: Located<String>,
    /// A regular expression.
    pub pattern: Located<String>,
}

/// `limits`
#[derive(Debug, Clone)]
pub struct LimitRules {
    /// All of it.
    pub span: Span,
    /// Calls of a run.
    pub tool_calls: Option<Located<u64>>,
    /// Bytes of a patch.
    pub patch_bytes: Option<Located<u64>>,
    /// Files of a patch.
    pub patch_files: Option<Located<u64>>,
    /// Bytes that a call may read.
    pub read_bytes: Option<Located<u64>>,
}

/// `approvals`
#[derive(Debug, Clone)]
pub struct ApprovalRules {
    /// All of it.
    pub span: Span,
    /// How long an approval is good for.
    pub ttl: Option<Located<Duration>>,
    /// How many keys must sign.
    pub quorum: Option<Located<u32>>,
    /// Does the key that started the run not count?
    pub separate: Option<Located<bool>>,
    /// Public keys; `None` where the layer does not say.
    pub approvers: Option<Vec<Located<String>>>,
}
