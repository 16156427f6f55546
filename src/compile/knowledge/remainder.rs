//! What is left of a node that failed. Has it still its output? Where it failed by its edges alone: a loop of it ran out, or a condition had no
//! value. What it is given, or writes, may have had no value either, and then it has none.

use crate::effect::ErrorKind;
use crate::expr::ValueTemplate;
use crate::plan::{Action, EdgeOutcome, NodeIx, Plan, PlanNode};
use crate::types::Type;

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
    let doubtful = matches!(node.action, Action::Graph { .. }) || skips(node);
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
    match (by_success, by_failure || doubtful) {
        (false, _) => Keeps::Never,
        (true, true) => Keeps::Perhaps,
        (true, false) => Keeps::Surely,
    }
}

/// Is it a kind with which edges fail their node? After such a failure they make no trouble again.
pub(super) fn by_edges(kind: &ErrorKind) -> bool {
    matches!(kind, ErrorKind::Exhausted | ErrorKind::Expression)
}

/// What an error lacks if it is one of the node itself, where that may be one of these kinds.
pub(super) fn own_failure(plan: &Plan, at: NodeIx, kinds: &[&ErrorKind], steady: bool) -> Lacks {
    let node = plan.node(at);
    let may = |kind: ErrorKind| kinds.contains(&&kind);
    let edges = || node.outgoing.iter().map(|edge| plan.edge(*edge));
    let asks = !steady || edges().any(|edge| edge.when.is_some());
    match &node.action {
        Action::Graph { plan: inner, inputs } => {
            let path = (may(ErrorKind::Timeout) && node.timeout.is_some())
                || (may(ErrorKind::InvalidInput) && may_misfit(inner, inputs))
                || (may(ErrorKind::Expression) && (asks || !is_given(inner)))
                || (may(ErrorKind::Exhausted) && edges().any(|edge| edge.turns.is_some()));
            Lacks { path, ..Lacks::default() }
        }
        Action::Batch { calls, .. } => {
            let computed = !is_written_out(calls);
            let none = computed && may(ErrorKind::InvalidInput) || asks && may(ErrorKind::Expression);
            let output = none || computed && may(ErrorKind::Denied);
            // the number of an item is always there
            Lacks { output, index: none && !is_of_items(node), ..Lacks::default() }
        }
        _ => Lacks::default(),
    }
}

fn is_of_items(node: &PlanNode) -> bool {
    node.for_each.is_some()
}

/// Says the schema of an input more than types do, of a value that is computed?
fn may_misfit(inner: &Plan, given: &ValueTemplate) -> bool {
    inner.inputs.iter().any(|input| {
        let ty = Type::of_schema(&input.schema);
        let computed = match given {
            ValueTemplate::Object(entries) => entries.iter().any(|(name, value)| {
                input.name.as_str() == name && !matches!(value, ValueTemplate::Literal(_))
            }),
            ValueTemplate::Literal(_) => false,
            ValueTemplate::Expression(_) | ValueTemplate::Text(_) | ValueTemplate::List(_) => true,
        };
        computed && ty.loose && !ty.is_any()
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
