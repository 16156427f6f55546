//! From a granted call to its tool. The one table of the tools; no tool knows another.

#![expect(clippy::disallowed_methods, reason = "a result says how long its call took")]

use std::time::Instant;

use crate::effect::{ErrorKind, ToolCall, ToolError, ToolResult};
use crate::model::Uses;
use crate::policy::Granted;

use super::tools;
use super::{Cancel, ToolWorld};

/// Does what was granted. Always a result; a failure is one with `ok: false`.
pub fn execute(call: &Granted<ToolCall>, world: &ToolWorld, cancel: &Cancel) -> ToolResult {
    let start = Instant::now();
    let tool = &call.request().tool;
    let done = match Uses::parse(tool) {
        Some(Uses::ReadFile) => tools::read_file(call, world),
        Some(Uses::ListFiles) => tools::list_files(call, world),
        Some(Uses::SearchFiles) => tools::search_files(call, world, cancel),
        Some(Uses::ApplyPatch) => tools::apply_patch(call, world),
        Some(Uses::Exec) => tools::exec(call, world, cancel),
        Some(Uses::WorkspaceDiff) => tools::workspace_diff(call, world),
        Some(Uses::Rollback) => tools::rollback(call, world),
        Some(Uses::Llm) => tools::llm(call),
        Some(Uses::RepoContext) => tools::repo_context(call, world, cancel),
        _ => Err(ToolError::new(ErrorKind::NotFound, format!("this version of lgflow has no tool `{tool}`"))),
    };
    let mut result = done.unwrap_or_else(|error| ToolResult::failure(tool, error));
    result.timing_ms = start.elapsed().as_millis() as u64;
    result.rules.clone_from(&call.obligations().rules);
    result
}
