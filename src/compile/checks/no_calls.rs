//! A budget of no calls at all, in a graph that begins with one: it would fail in every run.

use crate::compile::draft::Draft;
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::model::Uses;

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    let Some(most) = draft.graph.budgets.tool_calls.as_ref().filter(|most| most.value == 0) else { return };
    let first = draft.nodes.iter().enumerate().find(|(at, node)| {
        let begins = draft.links.iter().all(|link| link.turns() || link.to as usize != *at);
        let surely = node.modifiers.skip_when.is_none() && node.modifiers.for_each.is_none();
        begins && surely && node.uses().is_some_and(is_call)
    });
    if let Some((_, node)) = first {
        let message = format!("no call may be made, and `{}` makes one in every run", node.id());
        diagnostics.push(
            Diagnostic::new(codes::BAD_VALUE, most.span, message)
                .label(node.node.id.span, "the graph begins with it")
                .help("write `1`, or more"),
        );
    }
}

fn is_call(uses: Uses) -> bool {
    match uses {
        Uses::ReadFile
        | Uses::ListFiles
        | Uses::SearchFiles
        | Uses::RepoContext
        | Uses::WorkspaceDiff
        | Uses::ApplyPatch
        | Uses::Rollback
        | Uses::Exec
        | Uses::Http
        | Uses::Mcp => true,
        Uses::Llm
        | Uses::Batch
        | Uses::Graph
        | Uses::Approval
        | Uses::Render
        | Uses::Values
        | Uses::ParseReport
        | Uses::Fail => false,
    }
}
