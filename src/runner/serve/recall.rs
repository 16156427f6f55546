//! Calls that a process before this one had begun: one that ended is answered and not done again, a change of the workspace
//! has been brought to before or after, and a command or request of whose end nothing is known is what its author said.

use crate::effect::{AfterCrash, ErrorKind, RuleRef, ToolCall, ToolError, ToolResult};
use crate::model::Uses;
use crate::runner::tools::answered_before;

use super::desk::{Desk, refusal};

/// The exit code of a command that was ended by the kernel.
const KILLED: i32 = 128 + 9;

impl Desk {
    /// What is answered to a call instead of doing it, where an earlier session of the run had begun it. Nothing where it is
    /// to be done: it had not begun, was undone, or is to be made again.
    pub(super) fn recalled(&self, call: &ToolCall) -> Option<ToolResult> {
        if !self.receipts.had_begun(call) {
            return None;
        }
        if !call.may_be_cut_off() {
            return answered_before(call, &self.world);
        }
        if let Some(kept) = self.receipts.kept(call) {
            return Some(kept);
        }
        let thing = if call.tool == Uses::Exec.as_str() { "command" } else { "request" };
        let what = format!(
            "the {thing} had begun when its runner died; what it did until then is not known ({})",
            call.node
        );
        match call.on_crash {
            // with an approval it is a person who says so
            AfterCrash::Ask if call.approval.is_none() => Some(self.ask_whether_again(call, &what)),
            AfterCrash::Retry | AfterCrash::Ask => None,
            AfterCrash::Fail => Some(cut_off(call, what)),
        }
    }

    fn ask_whether_again(&self, call: &ToolCall, what: &str) -> ToolResult {
        let message = format!("{what}; approve it to have it made again");
        // it is its node that asks, and no rule of a layer
        let rule = Some(RuleRef::builtin("on_crash"));
        let met = ToolError { rule, ..ToolError::new(ErrorKind::ApprovalRequired, message) };
        let Some(asked) = self.gate.ask_after(call, Some(&met)) else {
            return refusal(call, ErrorKind::Denied, &self.gate.at(&call.node).explain_tool(&call.tool));
        };
        match self.with_approval(asked) {
            Ok(result) => result,
            Err((asked, binding, refused)) => self.put_question(&[asked], 0, binding, refused.as_ref()),
        }
    }
}

/// What a call comes to that was cut off: a command was killed, and of a request no answer came.
fn cut_off(call: &ToolCall, what: String) -> ToolResult {
    if call.tool != Uses::Exec.as_str() {
        return ToolResult::failure(&call.tool, ToolError::new(ErrorKind::Upstream, what));
    }
    let error = ToolError::new(ErrorKind::Exit, what);
    ToolResult { exit_code: Some(KILLED), ..ToolResult::failure(&call.tool, error) }
}
