//! What is said of a call and of its result where the workspace has no say in it: by the schema of the tool and by the
//! limits of a policy. A rehearsal, which has no workspace, says the same.

use serde_json::Value;

use crate::effect::{ErrorKind, ToolCall, ToolError, ToolResult, WebAddress};
use crate::files::{FileError, RelPath};
use crate::model::Uses;
use crate::policy::GrantLimits;
use crate::schema::call_faults;

use super::tools::{status_failure, takes_status, too_large, tool_error};

/// What a call comes to whose parameters its tool does not take. What a model is asked is no parameter of its node.
pub fn call_unfit(call: &ToolCall) -> Option<ToolResult> {
    parameters_unfit(call).map(|error| ToolResult::failure(&call.tool, error))
}

fn parameters_unfit(call: &ToolCall) -> Option<ToolError> {
    let uses = Uses::parse(&call.tool).filter(|uses| uses.is_tool() && *uses != Uses::Llm)?;
    let tool = uses.as_str();
    if let Some(fault) = call_faults(tool, &call.input).first() {
        return Some(ToolError::new(
            ErrorKind::InvalidInput,
            format!("`{tool}` does not take this: {fault}"),
        ));
    }
    // elsewhere the policy speaks of paths
    let listed = matches!(uses, Uses::ListFiles | Uses::SearchFiles);
    let path = call.input.get("path").and_then(Value::as_str).filter(|_| listed)?;
    RelPath::parse(path).err().map(|error| ToolError::new(ErrorKind::InvalidInput, error.to_string()))
}

/// The failure of a request by the status of its answer, where the call does not take that as a success.
pub fn answer_unfit(call: &ToolCall, answer: &Value) -> Option<ToolError> {
    if Uses::parse(&call.tool) != Some(Uses::Http) {
        return None;
    }
    let status = u16::try_from(answer.get("status")?.as_u64()?).ok()?;
    let address = WebAddress::parse(call.input.get("url")?.as_str()?)?;
    let fails = !takes_status(call.input.get("ok_status"), status);
    fails.then(|| status_failure(status, &address, answer.clone()))
}

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
