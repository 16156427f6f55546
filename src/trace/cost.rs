//! What a call costs, from what was asked and answered. Knows no budget.

use super::{CallOrder, CallOutcome, Cost};

/// The cost of a call or of a batch: only calls that were made count.
pub(crate) fn cost_of(order: &CallOrder, outcome: &CallOutcome) -> Cost {
    if matches!(order, CallOrder::Prepare(_)) {
        return Cost::default();
    }
    let made = order.calls().iter().zip(outcome.results());
    made.fold(Cost::default(), |sum, (call, result)| Cost {
        tool_calls: sum.tool_calls + 1,
        llm_tokens: sum.llm_tokens.saturating_add(result.llm_tokens.unwrap_or_default()),
        // a patch that was not applied costs nothing
        patch_bytes: sum.patch_bytes + if result.ok { call.patch_bytes() } else { 0 },
    })
}
