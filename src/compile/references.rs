//! What the expressions of a compiled node refer to.

use std::collections::BTreeSet;

use crate::expr::{Root, ValueTemplate};
use crate::plan::{Action, PlanNode};

/// The roots that a node reads before it runs: in its parameters, its condition and its list.
pub(super) fn of_node(node: &PlanNode) -> BTreeSet<Root> {
    let mut roots: BTreeSet<Root> = of_action(&node.action).into_iter().flat_map(of_value).collect();
    if let Some(when) = &node.skip_when {
        roots.extend(when.roots().iter().cloned());
    }
    if let Some(for_each) = &node.for_each {
        roots.extend(for_each.items.roots().iter().cloned());
    }
    roots
}

fn of_value(value: &ValueTemplate) -> Vec<Root> {
    value.roots().into_iter().cloned().collect()
}

fn of_action(action: &Action) -> Vec<&ValueTemplate> {
    match action {
        Action::Call { with: value }
        | Action::Values(value)
        | Action::ParseReport(value)
        | Action::Batch { calls: value, .. }
        | Action::Graph { inputs: value, .. }
        | Action::Approval { show: value, .. }
        | Action::Fail { message: value, .. } => vec![value],
        Action::Llm(conversation) => vec![&conversation.vars],
        Action::Render(rendered) => vec![&rendered.vars],
    }
}
