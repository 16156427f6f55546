//! The error kinds that a node, a graph and a call of a tool can fail with: an author's own, and the engine's.

use std::collections::BTreeSet;

use crate::diag::{Diagnostic, codes};
use crate::effect::ErrorKind;
use crate::model::Uses;
use crate::plan::{Action, Plan};
use crate::source::Located;

use super::draft::{Draft, DraftNode};

/// The word that stands for all that need not be named.
const ANY: &str = "any";

/// What a `fail` node fails with unless it names a kind.
pub(super) const FAILED: &str = "failed";

/// The author's own kinds that a node can fail with; `None` where that cannot be known, because something about it
/// is wrong already.
pub(super) fn own(draft: &Draft<'_>, node: &DraftNode<'_>) -> Option<BTreeSet<String>> {
    match node.uses()? {
        Uses::Fail => match node.parameter("kind") {
            None => Some(BTreeSet::from([FAILED.to_owned()])),
            Some(kind) => Some(BTreeSet::from([kind.value.as_str()?.to_owned()])),
        },
        Uses::Graph => {
            let name = node.parameter("graph")?.value.as_str()?;
            let plan = draft.parts.subgraphs.get(name)?.as_ref()?;
            Some(of_plan(plan))
        }
        _ => Some(BTreeSet::new()),
    }
}

/// Does the word `any` stand for a kind, among others?
fn is_of_any(kind: &str) -> bool {
    ErrorKind::ANY.iter().any(|one| one.as_str() == kind)
}

/// Is there a failure that both words of a `catch` or a `retry` stand for?
pub(super) fn overlap(one: &str, other: &str) -> bool {
    one == other || (one == ANY && is_of_any(other)) || (other == ANY && is_of_any(one))
}

/// The kinds of a list that say nothing new: they stand there before, or `any` does, which holds them.
pub(super) fn said_again(kinds: &[Located<String>]) -> impl Iterator<Item = Diagnostic> {
    let has_any = kinds.iter().any(|kind| kind.value == ANY);
    kinds.iter().enumerate().filter_map(move |(at, kind)| {
        let word = kind.value.as_str();
        let message = if kinds[..at].iter().any(|before| before.value == word) {
            format!("`{word}` stands here twice")
        } else if has_any && is_of_any(word) {
            format!("`{ANY}` stands for `{word}` as well")
        } else {
            return None;
        };
        let found = Diagnostic::new(codes::BAD_VALUE, kind.span, message);
        Some(found.help(format!("remove `{word}`")))
    })
}

/// Can a node fail with a kind of the engine's? `true` where that is not known.
pub(super) fn may_fail_with(draft: &Draft<'_>, node: &DraftNode<'_>, kind: &str) -> bool {
    if kind == ANY {
        return ErrorKind::ANY.iter().any(|kind| may_fail_with(draft, node, kind.as_str()));
    }
    let Some(uses) = node.uses() else { return true };
    match ErrorKind::parse(kind) {
        // whether a loop of it can run out is asked elsewhere, and an author's own kinds are as well
        ErrorKind::Custom(_) | ErrorKind::Exhausted | ErrorKind::Expression => true,
        // a list that is too long
        ErrorKind::InvalidInput if node.modifiers.for_each.is_some() => true,
        kind if uses == Uses::Graph => of_subgraph(draft, node, &kind),
        kind => of_uses(node, uses, &kind),
    }
}

/// A graph fails with what a node in it fails with, by what it is given, by its outputs, and when its time is over.
fn of_subgraph(draft: &Draft<'_>, node: &DraftNode<'_>, kind: &ErrorKind) -> bool {
    let name = node.parameter("graph").and_then(|field| field.value.as_str());
    let Some(plan) = name.and_then(|name| draft.parts.subgraphs.get(name)?.as_ref()) else { return true };
    match kind {
        ErrorKind::Timeout if node.modifiers.timeout.is_some() => true,
        ErrorKind::InvalidInput if node.parameter("inputs").is_some() => true,
        ErrorKind::InvalidOutput if !plan.outputs.is_empty() => true,
        kind => plan_may_fail_with(plan, kind),
    }
}

/// Graphs are nested within bounds, and so is the recursion.
fn plan_may_fail_with(plan: &Plan, kind: &ErrorKind) -> bool {
    plan.nodes.iter().any(|node| match &node.action {
        Action::Values(_) | Action::Render(_) | Action::Fail { .. } => {
            *kind == ErrorKind::InvalidInput && node.for_each.is_some()
        }
        Action::ParseReport(_) => *kind == ErrorKind::InvalidInput,
        Action::Graph { plan, .. } => {
            let bound = [ErrorKind::Timeout, ErrorKind::InvalidInput, ErrorKind::InvalidOutput];
            bound.contains(kind) || plan_may_fail_with(plan, kind)
        }
        Action::Call { .. } | Action::Llm(_) | Action::Batch { .. } | Action::Approval { .. } => true,
    })
}

/// Can a loop of a graph, or of one that it uses, run out in a way that fails its source?
pub(super) fn runs_out(plan: &Plan) -> bool {
    let below = |action: &Action| matches!(action, Action::Graph { plan, .. } if runs_out(plan));
    plan.loops.iter().any(|turned| turned.leave.contains(&false))
        || plan.nodes.iter().any(|node| below(&node.action))
}

fn of_uses(node: &DraftNode<'_>, uses: Uses, kind: &ErrorKind) -> bool {
    match uses {
        Uses::Values | Uses::Render | Uses::Fail => false,
        Uses::ParseReport => *kind == ErrorKind::InvalidInput,
        Uses::Approval => {
            let shows_call = node.parameter("show").is_some_and(|show| show.value.get("call").is_some());
            match kind {
                ErrorKind::Exit => false,
                ErrorKind::Rejected => node.parameter("options").is_none(),
                ErrorKind::InvalidInput => true,
                ErrorKind::Timeout => shows_call || node.modifiers.timeout.is_some(),
                _ => shows_call,
            }
        }
        // only a command ends with an exit code
        Uses::ReadFile
        | Uses::ListFiles
        | Uses::SearchFiles
        | Uses::RepoContext
        | Uses::WorkspaceDiff
        | Uses::ApplyPatch
        | Uses::Rollback => *kind != ErrorKind::Exit,
        Uses::Exec | Uses::Http | Uses::Llm | Uses::Mcp | Uses::Batch | Uses::Graph => true,
    }
}

/// Can a call of a tool end with a kind, by what the tool does? What the run itself decides, and what a node comes to
/// before or after its call, is none.
pub(super) fn ends_call(tool: Uses, kind: &ErrorKind) -> bool {
    match kind {
        ErrorKind::Exit => tool == Uses::Exec,
        ErrorKind::Timeout
        | ErrorKind::NotFound
        | ErrorKind::Conflict
        | ErrorKind::InvalidInput
        | ErrorKind::InvalidOutput
        | ErrorKind::RateLimited
        | ErrorKind::Upstream
        | ErrorKind::Limit
        | ErrorKind::Denied
        | ErrorKind::Internal => tool.is_tool(),
        ErrorKind::Rejected
        | ErrorKind::Exhausted
        | ErrorKind::Expression
        | ErrorKind::Cancelled
        | ErrorKind::Budget
        | ErrorKind::Unplanned
        | ErrorKind::ApprovalRequired
        | ErrorKind::Custom(_) => false,
    }
}

/// The author's own kinds that a graph, with all that it uses, can fail with.
pub(super) fn of_plan(plan: &Plan) -> BTreeSet<String> {
    let mut kinds = BTreeSet::new();
    for node in &plan.nodes {
        match &node.action {
            Action::Fail { kind: ErrorKind::Custom(kind), .. } => {
                kinds.insert(kind.clone());
            }
            Action::Graph { plan, .. } => kinds.extend(of_plan(plan)),
            _ => {}
        }
    }
    kinds
}
