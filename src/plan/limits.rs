//! A plan under its user's own configuration: limits, which can only lower what it says, and the model that is meant by
//! `default`. The digest stays that of the graph.

use std::sync::Arc;
use std::time::Duration;

use crate::effect::RunLimits;

use super::{Action, Plan};

/// The user's model for graphs that name none.
const DEFAULT: &str = "default";

impl Plan {
    /// This plan, lowered to `limits`, with the user's own model where the graph leaves the choice to them.
    #[must_use]
    pub fn bounded(mut self: Arc<Self>, limits: &RunLimits) -> Arc<Self> {
        let lowered = Arc::make_mut(&mut self);
        lowered.concurrency = least(lowered.concurrency, limits.concurrency);
        lowered.budgets.wall = least(lowered.budgets.wall, limits.wall_ms.map(Duration::from_millis));
        lowered.budgets.tool_calls = least(lowered.budgets.tool_calls, limits.tool_calls);
        lowered.budgets.patch_bytes = least(lowered.budgets.patch_bytes, limits.patch_bytes);
        if limits.default_model && lowered.leaves_model_open() {
            lowered.take_default_model();
        }
        self
    }

    fn leaves_model_open(&self) -> bool {
        self.nodes.iter().any(|node| match &node.action {
            Action::Llm(conversation) => conversation.by_default,
            Action::Graph { plan, .. } => plan.leaves_model_open(),
            _ => false,
        })
    }

    fn take_default_model(&mut self) {
        for node in &mut self.nodes {
            match &mut node.action {
                Action::Llm(conversation) if conversation.by_default => {
                    DEFAULT.clone_into(&mut conversation.model);
                }
                Action::Graph { plan, .. } if plan.leaves_model_open() => {
                    Arc::make_mut(plan).take_default_model();
                }
                _ => {}
            }
        }
    }
}

fn least<T: Ord>(own: Option<T>, limit: Option<T>) -> Option<T> {
    match (own, limit) {
        (Some(own), Some(limit)) => Some(own.min(limit)),
        (own, limit) => own.or(limit),
    }
}
