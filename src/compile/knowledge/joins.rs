//! Nodes that wait for all their sources, two of which are never chosen together.

use std::collections::BTreeSet;

use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::model::Join;
use crate::plan::{EdgeIx, NodeIx};

use super::conditions::Decisions;
use super::flow::by_source;
use super::places::Places;

/// Sources of one node that are held against each other.
const SOURCES: usize = 16;

/// Tells of them, and which they are.
pub(super) fn check(
    places: &Places<'_, '_>,
    decisions: &Decisions,
    diagnostics: &mut Diagnostics,
) -> BTreeSet<NodeIx> {
    let plan = places.plan;
    let mut all = BTreeSet::new();
    for (at, node) in (0..).map(NodeIx).zip(&plan.nodes) {
        if node.join != Join::All {
            continue;
        }
        let sources = by_source(plan, node);
        let pairs = (0..sources.len().min(SOURCES)).flat_map(|b| (0..b).map(move |a| (a, b)));
        let found = pairs
            .into_iter()
            .find_map(|(a, b)| never_both(places, decisions, at, (&sources[a], &sources[b])));
        if let Some((a, b)) = found {
            diagnostics.push(dead(places, at, a, b));
            all.insert(at);
        }
    }
    all
}

/// Two edges of different sources, where no two of them are ever taken together.
fn never_both(
    places: &Places<'_, '_>,
    decisions: &Decisions,
    at: NodeIx,
    (one, other): (&[EdgeIx], &[EdgeIx]),
) -> Option<(EdgeIx, EdgeIx)> {
    let plan = places.plan;
    let around = &plan.node(at).loops;
    let apart = |a: EdgeIx, b: EdgeIx| {
        let parting = places.flow.parting_of_taken(plan, a, b);
        parting.is_some_and(|(a, b)| {
            // in another iteration another edge may be chosen
            let from = plan.node(plan.edge(a).from);
            from.loops.iter().all(|l| around.contains(l)) && decisions.exclude(places, a, b)
        })
    };
    let all = one.iter().all(|a| other.iter().all(|b| apart(*a, *b)));
    one.first().copied().zip(other.first().copied()).filter(|_| all)
}

fn dead(places: &Places<'_, '_>, at: NodeIx, a: EdgeIx, b: EdgeIx) -> Diagnostic {
    let plan = places.plan;
    let id = &plan.node(at).id;
    let name = |edge: EdgeIx| {
        places.draft.links.get(edge.0 as usize).map_or_else(String::new, |link| places.draft.name_of(link))
    };
    let message = format!(
        "`{id}` waits for all its sources, and `{}` and `{}` are never both taken: it never starts",
        name(a),
        name(b)
    );
    let mut found =
        Diagnostic::new(codes::DEAD_JOIN, places.draft.nodes[at.0 as usize].node.id.span, message);
    let parting = places.flow.parting_of_taken(plan, a, b).map_or(Vec::new(), |(a, b)| vec![a, b]);
    for edge in parting {
        if let Some(link) = places.draft.links.get(edge.0 as usize) {
            found = found.label(places.draft.span_of(link.edge), "this edge, or the other");
        }
    }
    found.help(format!(
        "give `{id}` the default, `join: some`: it starts when all that were chosen have ended"
    ))
}
