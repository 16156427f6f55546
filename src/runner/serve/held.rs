//! Holds a session to a plan: a call that the plan did not show is refused before anything is done, and after it every
//! other one.

use std::sync::OnceLock;

use crate::effect::{ErrorKind, HeldPlan, ToolCall, ToolError, ToolResult};

/// The plan of a session, if it is held to one.
#[derive(Debug, Default)]
pub(super) struct Held {
    plan: Option<HeldPlan>,
    /// What left the plan first.
    left: OnceLock<String>,
}

impl Held {
    /// A session that is held to `plan`, or to none.
    pub(super) fn to(plan: Option<HeldPlan>) -> Self {
        Self { plan, left: OnceLock::new() }
    }

    /// The refusal of a call that the plan did not show, or that comes after such a one.
    pub(super) fn refuses(&self, call: &ToolCall) -> Option<ToolResult> {
        let plan = self.plan.as_ref()?;
        let message = match self.left.get() {
            Some(first) => format!("not made: the run has left its plan before ({first})"),
            None if plan.shows(call) => return None,
            None => {
                let message = unshown(plan, call);
                // of two at once, one is the first
                let _ = self.left.set(format!("`{}` at the node `{}`", call.tool, call.node));
                message
            }
        };
        Some(ToolResult::failure(&call.tool, ToolError::new(ErrorKind::Unplanned, message)))
    }

    /// A call has ended; one whose program was not the plan's was the last.
    pub(super) fn note(&self, call: &ToolCall, result: &ToolResult) {
        if result.error.as_ref().is_some_and(|error| error.kind == ErrorKind::Unplanned) {
            let _ = self.left.set(format!("`{}` at the node `{}`", call.tool, call.node));
        }
    }
}

fn unshown(plan: &HeldPlan, call: &ToolCall) -> String {
    let shown = match plan.tools_at(&call.node)[..] {
        [] => format!("it shows no call at the node `{}`", call.node),
        ref tools if tools.contains(&call.tool.as_str()) => {
            format!("it shows `{}` at the node `{}` with other parameters", call.tool, call.node)
        }
        ref tools => format!("at the node `{}` it shows `{}`", call.node, tools.join("`, `")),
    };
    format!(
        "the plan {} does not show this call of `{}`: {shown}; nothing was done, and the run ends here; make a new plan \
         with `lgflow plan`, read it, and run that",
        plan.checksum, call.tool
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::digest::Digest;
    use crate::effect::{PlannedCall, Shape};

    use super::*;

    fn call(node: &str, path: &str) -> ToolCall {
        ToolCall { node: node.into(), ..ToolCall::new("read_file", json!({"path": path})) }
    }

    fn held() -> Held {
        let shown = PlannedCall {
            node: "a".into(),
            tool: "read_file".into(),
            input: Shape::Exact(json!({"path": "x"})),
        };
        Held::to(Some(HeldPlan { checksum: Digest::of("p"), calls: vec![shown], programs: Vec::new() }))
    }

    fn said(refused: Option<ToolResult>) -> String {
        let error = refused.unwrap().error.unwrap();
        assert_eq!(error.kind, ErrorKind::Unplanned);
        error.message
    }

    #[test]
    fn the_first_call_that_was_not_shown_is_the_last() {
        let held = held();
        assert!(held.refuses(&call("a", "x")).is_none());
        let first = said(held.refuses(&call("a", "y")));
        assert!(first.contains("`read_file` at the node `a` with other parameters"), "{first}");
        let after = said(held.refuses(&call("a", "x")));
        assert!(after.contains("has left its plan before (`read_file` at the node `a`)"), "{after}");
    }

    #[test]
    fn what_is_shown_at_a_node_is_said() {
        assert!(said(held().refuses(&call("b", "x"))).contains("no call at the node `b`"));
        let other = ToolCall { tool: "list_files".into(), ..call("a", "x") };
        assert!(said(held().refuses(&other)).contains("at the node `a` it shows `read_file`"));
        assert!(Held::default().refuses(&call("b", "x")).is_none(), "without a plan nothing is held");
    }

    #[test]
    fn a_program_that_is_not_the_plans_ends_it_too() {
        let held = held();
        let error = ToolError::new(ErrorKind::Unplanned, "another program");
        held.note(&call("a", "x"), &ToolResult::failure("exec", error));
        assert!(held.refuses(&call("a", "x")).is_some());
    }
}
