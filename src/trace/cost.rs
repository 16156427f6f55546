//! What a call costs, from what was asked and answered. Knows no budget.

use serde_json::Value;

use crate::effect::{ToolCall, ToolResult};

use super::{CallOrder, CallOutcome, Cost};

/// The cost of a call or of a batch: only calls that were made count.
pub(crate) fn cost_of(order: &CallOrder, outcome: &CallOutcome) -> Cost {
    let made = order.calls().iter().zip(outcome.results());
    made.fold(Cost::default(), |sum, (call, result)| Cost {
        tool_calls: sum.tool_calls + 1,
        llm_tokens: sum.llm_tokens + result.llm_tokens.unwrap_or_default(),
        patch_bytes: sum.patch_bytes + patch_bytes(call, result),
    })
}

/// The text of a patch, or of the contents of its changes. A patch that was not applied costs nothing.
fn patch_bytes(call: &ToolCall, result: &ToolResult) -> u64 {
    if call.tool != "apply_patch" || !result.ok {
        return 0;
    }
    let length = |value: Option<&Value>| value.and_then(Value::as_str).map_or(0, str::len);
    let changes = call.input.get("changes").and_then(Value::as_array).into_iter().flatten();
    let contents: usize = changes.map(|change| length(change.get("content"))).sum();
    (length(call.input.get("patch")) + contents) as u64
}
