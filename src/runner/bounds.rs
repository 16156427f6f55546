//! What the limits of a policy say of a call and of its result where the workspace has no say in it: for a rehearsal,
//! which has none.

use serde_json::Value;

use crate::effect::{ToolCall, ToolError, ToolResult};
use crate::files::FileError;
use crate::model::Uses;
use crate::policy::GrantLimits;

use super::tools::{too_large, tool_error};

/// The refusal of a call that is beyond a limit by its parameters.
pub fn call_beyond(call: &ToolCall, limits: &GrantLimits) -> Option<ToolError> {
    match Uses::parse(&call.tool) {
        Some(Uses::ApplyPatch) => too_large(call, limits),
        _ => None,
    }
}

/// The failure that a call would have come to in the place of `result`, because the file that it gives back is beyond a limit.
pub fn result_beyond(call: &ToolCall, result: &ToolResult, limits: &GrantLimits) -> Option<ToolError> {
    if Uses::parse(&call.tool) != Some(Uses::ReadFile) || !result.ok {
        return None;
    }
    let limit = limits.read_bytes?;
    let content = result.output.get("content").and_then(Value::as_str).map_or(0, str::len) as u64;
    let told = result.output.get("bytes").and_then(Value::as_u64).unwrap_or_default();
    let path = call.input.get("path").and_then(Value::as_str).unwrap_or_default().to_owned();
    // a file that is given in part has all its bytes all the same
    (told.max(content) > limit).then(|| tool_error(&FileError::TooLarge { path, limit }))
}
