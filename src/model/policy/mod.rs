//! A policy file as its author wrote it, with a span at everything. Decides nothing, compiles no pattern.

mod command;
mod file;
mod sections;

pub use command::{
    ArgPattern, CacheMode, CacheRule, CommandRule, EnvRule, Examples, ExecLimitRules, FlagRule, FlagValue,
    GitAccess, NetworkRule, SandboxModeRule, SandboxRule, WorkspaceRule,
};
pub use file::{Policy, RuleVerdict, Section, ToolRule};
pub use sections::{
    ApprovalRules, FlowRule, LimitRules, McpRules, McpServerTools, OriginRule, PathLists, PathRuleSet,
    RedactRule, SecretRule,
};
