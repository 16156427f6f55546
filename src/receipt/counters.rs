//! What a run has used up, counted where it is used, over all its sessions: neither a call nor its caller has a say in it.

use std::sync::{Mutex, PoisonError};

use crate::effect::{ErrorKind, RunLimits, ToolCall, ToolError, ToolResult};

use super::Used;

/// The counters of one run.
#[derive(Debug)]
pub struct Counters {
    /// By the user's own settings.
    user: RunLimits,
    spent: Mutex<Used>,
}

impl Counters {
    /// `spent` is what the run has used up already, `user` what its user says of how much that may be.
    pub fn new(user: RunLimits, spent: Used) -> Self {
        Self { user, spent: Mutex::new(spent) }
    }

    /// One more call of this run, where it is still allowed one. `policy_calls` is what the policy says that binds the
    /// call.
    pub fn begin(&self, call: &ToolCall, policy_calls: Option<u64>) -> Result<(), ToolError> {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        for (who, most) in [("policy allows", policy_calls), ("settings allow", self.user.tool_calls)] {
            if let Some(most) = most.filter(|most| spent.calls >= *most) {
                return Err(used_up(format!("the {who} {most} calls in a run (`limits.tool_calls`)")));
            }
        }
        let patches = call.patch_bytes() > 0;
        if let Some(most) = self.user.patch_bytes.filter(|most| patches && spent.patch_bytes >= *most) {
            return Err(used_up(format!(
                "the settings allow {most} bytes of patches in a run (`limits.patch_bytes`)"
            )));
        }
        spent.calls += 1;
        Ok(())
    }

    /// A call that was counted was not made after all.
    pub fn withdraw(&self) {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        spent.calls = spent.calls.saturating_sub(1);
    }

    /// What a call has used up, now that it has ended: a patch that was not applied, nothing.
    pub fn charge(&self, call: &ToolCall, result: &ToolResult) {
        if result.ok {
            self.spent.lock().unwrap_or_else(PoisonError::into_inner).patch_bytes += call.patch_bytes();
        }
    }
}

fn used_up(limit: String) -> ToolError {
    ToolError::new(ErrorKind::Budget, limit + ", and they are used up")
}
