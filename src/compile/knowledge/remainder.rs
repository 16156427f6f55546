//! Has a node that failed still its output? Where it failed by its edges alone: a loop of it ran out, or a condition had no
//! value. What it is given, or writes, may have had no value either, and then it has none.

use crate::effect::ErrorKind;
use crate::plan::{Action, EdgeOutcome, NodeIx, Plan};

use super::conditions::leaves_when_run_out;
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
    // after a failure of another kind there is none to keep; after one of these edges make no trouble again
    let by_edges = |kind: &ErrorKind| matches!(kind, ErrorKind::Exhausted | ErrorKind::Expression);
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
