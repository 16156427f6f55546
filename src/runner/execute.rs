//! From a granted call to its tool. The one table of the tools; no tool knows another.

#![expect(clippy::disallowed_methods, reason = "a result says how long its call took")]

use std::time::Instant;

use crate::effect::{ErrorKind, ToolCall, ToolError, ToolResult};
use crate::files::{FileError, Watcher};
use crate::model::Uses;
use crate::policy::Granted;

use super::tools::{self, Reading};
use super::{Cancel, ToolWorld};

/// Does what was granted. Always a result; a failure is one with `ok: false`.
pub fn execute(call: &Granted<ToolCall>, world: &ToolWorld, cancel: &Cancel) -> ToolResult {
    in_time(call, || act(call, world, &Reading::of(call, world), cancel))
}

/// The same for a tool that only reads, with who was told all that it saw of the workspace.
pub(super) fn execute_watched(
    call: &Granted<ToolCall>,
    world: &ToolWorld,
    cancel: &Cancel,
) -> Result<(ToolResult, Watcher), FileError> {
    let (root, watcher) = world.root.watched()?;
    let reading = Reading::of(call, world).through(&root);
    let result = in_time(call, || act(call, world, &reading, cancel));
    Ok((result, watcher))
}

fn in_time(call: &Granted<ToolCall>, act: impl FnOnce() -> Result<ToolResult, ToolError>) -> ToolResult {
    let start = Instant::now();
    let mut result = act().unwrap_or_else(|error| ToolResult::failure(&call.request().tool, error));
    result.timing_ms = start.elapsed().as_millis() as u64;
    result.rules.clone_from(&call.obligations().rules);
    result
}

fn act(
    call: &Granted<ToolCall>,
    world: &ToolWorld,
    reading: &Reading<'_>,
    cancel: &Cancel,
) -> Result<ToolResult, ToolError> {
    let tool = &call.request().tool;
    match Uses::parse(tool) {
        Some(Uses::ReadFile) => tools::read_file(call, reading, cancel),
        Some(Uses::ListFiles) => tools::list_files(call, reading, cancel),
        Some(Uses::SearchFiles) => tools::search_files(call, reading, cancel),
        Some(Uses::RepoContext) => tools::repo_context(call, reading, cancel),
        Some(Uses::ApplyPatch) => tools::apply_patch(call, world, cancel),
        Some(Uses::Exec) => tools::exec(call, world, cancel),
        Some(Uses::WorkspaceDiff) => tools::workspace_diff(call, world, cancel),
        Some(Uses::Rollback) => tools::rollback(call, world, cancel),
        Some(Uses::Llm) => tools::llm(call, world, cancel),
        Some(Uses::Http) => tools::http(call, world, cancel),
        _ => Err(ToolError::new(ErrorKind::NotFound, format!("this version of lgflow has no tool `{tool}`"))),
    }
}
