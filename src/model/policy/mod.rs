//! A policy file as its author wrote it, with a span at everything. Decides nothing, compiles no pattern.

mod cases;
mod command;
mod decode;
mod decode_command;
mod decode_sections;
mod file;
mod sections;

pub use cases::{POLICY_TEST_SCHEMA, PolicyCase, PolicyTests, decode_policy_tests};
pub use command::{
    ArgPattern, CacheMode, CacheRule, CommandRule, EnvRule, Examples, ExecLimitRules, FlagRule, FlagValue,
    GitAccess, NetworkRule, SandboxModeRule, SandboxRule, WorkspaceRule,
};
pub use decode::{POLICY_SCHEMA, TOOLCHAINS, decode_policy};
pub use decode_command::is_reserved_variable;
pub use file::{Policy, RuleVerdict, Section, ToolRule};
pub use sections::{
    ApprovalRules, FlowRule, LimitRules, McpRules, McpServerTools, OriginRule, PathLists, PathRuleSet,
    RedactRule, SecretRule,
};
