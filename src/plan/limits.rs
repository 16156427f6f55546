//! A plan under its user's own limits, which can only lower what it says. The digest stays that of the graph.

use std::sync::Arc;
use std::time::Duration;

use crate::effect::RunLimits;

use super::Plan;

impl Plan {
    /// This plan, lowered to `limits`.
    #[must_use]
    pub fn bounded(mut self: Arc<Self>, limits: &RunLimits) -> Arc<Self> {
        let lowered = Arc::make_mut(&mut self);
        lowered.concurrency = least(lowered.concurrency, limits.concurrency);
        lowered.budgets.wall = least(lowered.budgets.wall, limits.wall_ms.map(Duration::from_millis));
        lowered.budgets.tool_calls = least(lowered.budgets.tool_calls, limits.tool_calls);
        lowered.budgets.patch_bytes = least(lowered.budgets.patch_bytes, limits.patch_bytes);
        self
    }
}

fn least<T: Ord>(own: Option<T>, limit: Option<T>) -> Option<T> {
    match (own, limit) {
        (Some(own), Some(limit)) => Some(own.min(limit)),
        (own, limit) => own.or(limit),
    }
}
