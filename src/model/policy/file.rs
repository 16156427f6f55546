//! The policy file as a whole, and what its sections share.

use crate::source::{Located, Span};

use super::{
    ApprovalRules, CommandRule, FlowRule, LimitRules, McpRules, OriginRule, PathRuleSet, RedactRule,
    SandboxRule, SecretRule,
};

/// A policy file. A section that is `None` was not written: the grant denies by its absence, a ceiling abstains.
#[derive(Debug, Clone)]
pub struct Policy {
    /// All of it.
    pub span: Span,
    /// Its name.
    pub name: Located<String>,
    /// What it is for.
    pub description: Option<Located<String>>,
    /// Rules taken into this layer: a builtin, a file, an installed pack.
    pub include: Vec<Located<String>>,
    /// Layers that can only narrow.
    pub ceilings: Vec<Located<String>>,
    /// As a ceiling: does a section that is not written deny?
    pub complete: Option<Located<bool>>,
    /// Verdicts by tool.
    pub tools: Option<Section<ToolRule>>,
    /// What may be read and written.
    pub paths: Option<PathRuleSet>,
    /// Manifests of folders that programs are looked up in.
    pub toolchains: Option<Section<Located<String>>>,
    /// What `exec` may run.
    pub commands: Option<Section<CommandRule>>,
    /// Origins.
    pub network: Option<Section<OriginRule>>,
    /// Information flow.
    pub flows: Option<Section<FlowRule>>,
    /// Uses of secrets.
    pub secrets: Option<Section<SecretRule>>,
    /// Servers of tools.
    pub mcp: Option<McpRules>,
    /// What is taken out of everything that leaves.
    pub redact: Option<Section<RedactRule>>,
    /// Bounds.
    pub limits: Option<LimitRules>,
    /// How an `ask` is answered.
    pub approvals: Option<ApprovalRules>,
    /// What binds every command.
    pub sandbox: Option<SandboxRule>,
}

/// A section that holds a list of rules.
#[derive(Debug, Clone)]
pub struct Section<T> {
    /// All of it.
    pub span: Span,
    /// Its rules, in the order of the file.
    pub rules: Vec<T>,
}

/// What a rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RuleVerdict {
    /// Goes ahead.
    Allow,
    /// Wants an approval.
    Ask,
    /// Refused.
    Deny,
}

/// `tools: {NAME: VERDICT}`
#[derive(Debug, Clone)]
pub struct ToolRule {
    /// The tool.
    pub tool: Located<String>,
    /// What the layer says of it.
    pub verdict: Located<RuleVerdict>,
}
