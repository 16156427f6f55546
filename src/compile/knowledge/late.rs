//! An `otherwise` beside a loop edge that is always taken, but for the last iteration: that it was the last is known only
//! when the inner loop is over that the loop edge leaves, and an `otherwise` that stays in there is decided before.

use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::plan::{Action, EdgeIx, EdgeOutcome, Plan};

use super::conditions::leaves_when_run_out;
use super::places::Places;

pub(super) fn check(places: &Places<'_, '_>, diagnostics: &mut Diagnostics) {
    let plan = places.plan;
    for (at, edge) in (0..).map(EdgeIx).zip(&plan.edges) {
        let beside = || plan.node(edge.from).outgoing.iter().copied();
        // that it is dead for a reason of its own is told elsewhere
        let fails = matches!(plan.node(edge.from).action, Action::Fail { .. });
        if edge.outcome != EdgeOutcome::Otherwise || fails || beside().any(|one| is_plain(plan, one)) {
            continue;
        }
        let always = |beside: &EdgeIx| plan.edge(*beside).when.is_none() && is_late(plan, *beside, at);
        diagnostics.extend(beside().find(always).and_then(|beside| finding(places, at, beside)));
    }
}

fn is_plain(plan: &Plan, at: EdgeIx) -> bool {
    let edge = plan.edge(at);
    let stays = edge.turns.is_none() || !leaves_when_run_out(plan, at);
    edge.outcome == EdgeOutcome::Success && edge.when.is_none() && stays
}

/// Is it known only after an `otherwise` was decided whether the loop of a loop edge beside it has run out?
pub(super) fn is_late(plan: &Plan, turning: EdgeIx, otherwise: EdgeIx) -> bool {
    let (turning, otherwise) = (plan.edge(turning), plan.edge(otherwise));
    let success = turning.turns.is_some() && turning.outcome == EdgeOutcome::Success;
    success && turning.leaves.len() > otherwise.leaves.len()
}

fn finding(places: &Places<'_, '_>, otherwise: EdgeIx, turning: EdgeIx) -> Option<Diagnostic> {
    let plan = places.plan;
    let inner = *plan.edge(turning).leaves.last()?;
    let inner = &plan.node(plan.loops[inner.0 as usize].target).id;
    let link = |at: EdgeIx| places.draft.links.get(at.0 as usize);
    let (edge, other) = (link(otherwise)?, link(turning)?);
    let message = format!(
        "`{}` can never be taken: `{}` beside it has no condition, and that its loop has run out is known only when the loop \
         `{inner}` is over",
        places.draft.name_of(edge),
        places.draft.name_of(other)
    );
    let found = Diagnostic::new(codes::DEAD_EDGE, places.draft.span_of(edge.edge), message)
        .label(places.draft.span_of(other.edge), "this edge counts as taken until then");
    Some(found.help(format!(
        "lead the `otherwise` to a node outside of the loop `{inner}`, or give the loop edge a `when`"
    )))
}
