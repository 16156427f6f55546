//! What is left of a node that failed. Has it still its output? Where it failed by its edges alone: a loop of it ran out, or a condition had no
//! value. What it is given, or writes, may have had no value either, and then it has none.

use crate::compile::kinds;
use crate::effect::ErrorKind;
use crate::expr::ValueTemplate;
use crate::model::Uses;
use crate::plan::{Action, EdgeOutcome, NodeIx, Plan, PlanNode};
use crate::types::says_more;

use super::conditions::leaves_when_run_out;
use super::outcome::Lacks;
use super::results::skips;

/// Is an output kept?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeps {
    Never,
    Perhaps,
    Surely,
}

/// Does a node that failed with `kind` keep its output? `steady`: all that it is given, and all that it writes, has a value.
pub(super) fn keeps(plan: &Plan, at: NodeIx, kind: &ErrorKind, steady: bool) -> Keeps {
    let node = plan.node(at);
    // a graph fails with what failed in it, and one that was skipped has none
    let doubtful = || {
        skips(node)
            || match &node.action {
                Action::Graph { plan, .. } => *kind != ErrorKind::Exhausted || kinds::runs_out(plan),
                _ => false,
            }
    };
    let edges = || node.outgoing.iter().map(|edge| (*edge, plan.edge(*edge)));
    // after a failure of another kind there is none to keep
    let after_failure = |outcome: &EdgeOutcome| match outcome {
        EdgeOutcome::Catch(kinds) => !kinds.iter().all(by_edges),
        EdgeOutcome::Always => true,
        EdgeOutcome::Success | EdgeOutcome::Otherwise => false,
    };
    let after_success = |outcome: &EdgeOutcome| !matches!(outcome, EdgeOutcome::Catch(_));
    let troubles: Vec<&EdgeOutcome> = match kind {
        ErrorKind::Exhausted => edges()
            .filter(|(at, edge)| edge.turns.is_some() && !leaves_when_run_out(plan, *at))
            .map(|(_, edge)| &edge.outcome)
            .collect(),
        ErrorKind::Expression => {
            edges().filter(|(_, edge)| edge.when.is_some()).map(|(_, edge)| &edge.outcome).collect()
        }
        _ => return Keeps::Never,
    };
    let by_success = troubles.iter().any(|outcome| after_success(outcome));
    let by_failure =
        troubles.iter().any(|outcome| after_failure(outcome)) || (*kind == ErrorKind::Expression && !steady);
    if !by_success {
        return Keeps::Never;
    }
    if by_failure || doubtful() { Keeps::Perhaps } else { Keeps::Surely }
}

/// Is it a kind with which edges fail their node? After such a failure they make no trouble again.
pub(super) fn by_edges(kind: &ErrorKind) -> bool {
    matches!(kind, ErrorKind::Exhausted | ErrorKind::Expression)
}

/// What of a node may have no value, so that it is the node itself that fails.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "a set of a few parts, each with its name")]
pub(super) struct Shaky {
    /// Something that it is given, or writes.
    pub(super) parts: bool,
    /// The list of its `for_each`.
    pub(super) list: bool,
    /// That list may be longer than its `max`.
    pub(super) long: bool,
    /// A condition of one of its edges.
    pub(super) edges: bool,
}

impl Shaky {
    /// Has all that it is given, and all that it writes, a value?
    pub(super) fn is_steady(self) -> bool {
        !self.parts && !self.list
    }
}

/// What an error lacks if it is one of the node itself, where that may be one of these kinds.
pub(super) fn own_failure(plan: &Plan, at: NodeIx, kinds: &[&ErrorKind], shaky: Shaky) -> Lacks {
    let node = plan.node(at);
    let may = |kind: ErrorKind| kinds.contains(&&kind);
    let turns = || node.outgoing.iter().any(|edge| plan.edge(*edge).turns.is_some());
    let mut own = (may(ErrorKind::Exhausted) && turns()) || (may(ErrorKind::Expression) && shaky.edges);
    if is_of_items(node) {
        own |= (may(ErrorKind::Expression) && shaky.list) || (may(ErrorKind::InvalidInput) && shaky.long);
    }
    let part = of_part(node, &may, shaky.parts);
    // whatever in a graph had no value, no call had failed
    let valueless = kinds.iter().all(|kind| **kind == ErrorKind::Expression) && may(ErrorKind::Expression);
    Lacks {
        output: part.output
            || own
            || leaves_nothing(node, kinds)
            || (valueless && node.for_each.is_none() && matches!(node.action, Action::Graph { .. })),
        // the number of an item is there with each of its failures
        index: own || (part.index && !is_of_items(node)),
        path: part.path || own,
    }
}

/// What the error of an item that is collected lacks.
pub(super) fn of_collected(node: &PlanNode, shaky: Shaky) -> Lacks {
    let refused = |kind: &ErrorKind| matches!(kind, ErrorKind::Denied | ErrorKind::Rejected);
    let part = of_part(node, &|kind| !refused(&kind), shaky.parts);
    Lacks { output: part.output || leaves_nothing(node, &[]), ..part }
}

/// Has a failure surely nothing to show that was produced before it: a call that fails with one of these kinds, or with any, where they
/// are none? Where some kinds leave something and others do not, nobody is told.
fn leaves_nothing(node: &PlanNode, kinds: &[&ErrorKind]) -> bool {
    if kinds.is_empty() {
        return !ErrorKind::ANY.iter().any(|kind| may_leave(node, kind));
    }
    // the others are told of where they may be
    kinds.iter().any(|kind| ErrorKind::ANY.contains(kind)) && !kinds.iter().any(|kind| may_leave(node, kind))
}

/// The one table of what is left in `error.output`: may a failure of this kind have something there? As the tools of the runner do it.
fn may_leave(node: &PlanNode, kind: &ErrorKind) -> bool {
    match node.uses {
        // with each other kind no command was started
        Uses::Exec => matches!(kind, ErrorKind::Exit | ErrorKind::Timeout | ErrorKind::Limit),
        // what was said so far, and an answer that does not satisfy its schema
        Uses::Llm => matches!(
            kind,
            ErrorKind::InvalidOutput | ErrorKind::Upstream | ErrorKind::Limit | ErrorKind::Timeout
        ),
        // a status is the answer's, whatever kind it comes to; a list has what the calls before came to
        Uses::Http | Uses::Batch | Uses::Mcp => true,
        Uses::Graph => match &node.action {
            Action::Graph { plan, .. } => plan.nodes.iter().any(|node| may_leave(node, kind)),
            _ => true,
        },
        // all of it, or nothing
        Uses::ReadFile
        | Uses::ListFiles
        | Uses::SearchFiles
        | Uses::RepoContext
        | Uses::WorkspaceDiff
        | Uses::ApplyPatch
        | Uses::Rollback
        | Uses::Approval
        | Uses::ParseReport
        | Uses::Values
        | Uses::Render
        | Uses::Fail => false,
    }
}

/// The same of a node that runs once, or of one item. `shaky`: of what it is given, or writes, something may have no value.
fn of_part(node: &PlanNode, may: &dyn Fn(ErrorKind) -> bool, shaky: bool) -> Lacks {
    let late = may(ErrorKind::Timeout) && node.timeout.is_some();
    let asks = may(ErrorKind::Expression) && shaky;
    // a person, or a policy, refuses a call before it is made
    let refused = may(ErrorKind::Rejected) || may(ErrorKind::Denied);
    match &node.action {
        Action::Graph { plan: inner, inputs } => {
            let path = late
                || asks
                || (may(ErrorKind::InvalidInput) && may_misfit(inner, inputs))
                || (may(ErrorKind::Expression) && !is_given(inner));
            // what fails in it by its edges, or as a `fail` does, has no call that failed
            let bare = (may(ErrorKind::Exhausted) && kinds::runs_out(inner))
                || may(ErrorKind::Rejected)
                || (may(ErrorKind::Denied) && is_refused_whole(inner))
                || kinds::of_plan(inner).into_iter().any(|kind| may(ErrorKind::Custom(kind)));
            Lacks { path, output: path || bare, ..Lacks::default() }
        }
        Action::Batch { calls, .. } => {
            let computed = !is_written_out(calls);
            // a person refuses the list, and none of its calls
            let none = asks || may(ErrorKind::Rejected) || (computed && may(ErrorKind::InvalidInput));
            let output = none || (computed && may(ErrorKind::Denied));
            // what took too long is the whole of it, with what its calls had come to by then
            Lacks { output, index: none || late, ..Lacks::default() }
        }
        _ => Lacks { output: asks || refused, ..Lacks::default() },
    }
}

/// May a graph have a call that is refused by itself? A list of calls keeps what those before it came to.
fn is_refused_whole(plan: &Plan) -> bool {
    plan.nodes.iter().any(|node| match &node.action {
        Action::Graph { plan, .. } => is_refused_whole(plan),
        Action::Batch { calls, .. } => !is_written_out(calls),
        Action::Call { .. } | Action::Llm(_) | Action::Approval { .. } => true,
        _ => false,
    })
}

fn is_of_items(node: &PlanNode) -> bool {
    node.for_each.is_some()
}

/// Says the schema of an input more than types do, of a value that is computed?
fn may_misfit(inner: &Plan, given: &ValueTemplate) -> bool {
    inner.inputs.iter().any(|input| {
        let computed = match given {
            ValueTemplate::Object(entries) => entries.iter().any(|(name, value)| {
                input.name.as_str() == name && !matches!(value, ValueTemplate::Literal(_))
            }),
            ValueTemplate::Literal(_) => false,
            ValueTemplate::Expression(_) | ValueTemplate::Text(_) | ValueTemplate::List(_) => true,
        };
        computed && says_more(&input.schema)
    })
}

/// Have all outputs of a graph surely a value, where it has come to its end?
fn is_given(inner: &Plan) -> bool {
    let literal = |value: &ValueTemplate| matches!(value, ValueTemplate::Literal(_));
    inner
        .outputs
        .iter()
        .all(|output| literal(&output.value) || (output.value.is_plain() && !output.ty.is_any()))
}

/// Is each call of a list written as one?
fn is_written_out(calls: &ValueTemplate) -> bool {
    let is_call = |call: &ValueTemplate| match call {
        ValueTemplate::Literal(_) => true,
        ValueTemplate::Object(entries) => {
            let whole = |(name, value): &(String, ValueTemplate)| match name.as_str() {
                "tool" => matches!(value, ValueTemplate::Literal(_)),
                _ => matches!(value, ValueTemplate::Object(_) | ValueTemplate::Literal(_)),
            };
            entries.iter().all(whole)
        }
        ValueTemplate::Expression(_) | ValueTemplate::Text(_) | ValueTemplate::List(_) => false,
    };
    match calls {
        ValueTemplate::Literal(_) => true,
        ValueTemplate::List(calls) => calls.iter().all(is_call),
        ValueTemplate::Object(_) | ValueTemplate::Expression(_) | ValueTemplate::Text(_) => false,
    }
}
