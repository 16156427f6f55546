//! What has surely been written into the workspace by whom outside, whenever a node of a plan begins: on every way to it a
//! patch or a server's tool has succeeded that was given something of theirs.

use std::collections::{BTreeMap, BTreeSet};

use crate::effect::Source;
use crate::model::Uses;
use crate::plan::{Action, EdgeOutcome, NodeIx, Plan, PlanNode, PlanSources};

/// By the place of the node in `plan`; `before` was written before the plan began.
pub(super) fn written_before(
    plan: &Plan,
    sources: Option<&PlanSources>,
    before: &BTreeSet<Source>,
) -> Vec<BTreeSet<Source>> {
    let mut written = vec![before.clone(); plan.nodes.len()];
    for (source, writers) in writers(plan, sources) {
        for (node, reached) in written.iter_mut().zip(without(plan, &writers)) {
            if !reached {
                node.insert(source.clone());
            }
        }
    }
    written
}

/// The nodes that surely write something of a source outside where they succeed.
fn writers(plan: &Plan, sources: Option<&PlanSources>) -> BTreeMap<Source, BTreeSet<NodeIx>> {
    let mut found: BTreeMap<Source, BTreeSet<NodeIx>> = BTreeMap::new();
    for &at in plan.order.iter().filter(|&&at| surely_writes(plan.node(at))) {
        let given = sources.and_then(|sources| sources.node(at)).unwrap_or_default().all();
        for source in given.into_iter().filter(Source::is_foreign) {
            found.entry(source).or_default().insert(at);
        }
    }
    found
}

fn surely_writes(node: &PlanNode) -> bool {
    matches!(node.action, Action::Call { .. })
        && matches!(node.uses, Uses::ApplyPatch | Uses::Mcp)
        && node.skip_when.is_none()
        && node.for_each.is_none()
}

/// Which nodes are reached from an entry on a way on which none of `writers` succeeds. The first time that a node begins is by
/// forward edges alone.
fn without(plan: &Plan, writers: &BTreeSet<NodeIx>) -> Vec<bool> {
    let mut reached = vec![false; plan.nodes.len()];
    let mut open: Vec<NodeIx> =
        plan.order.iter().copied().filter(|&at| plan.node(at).incoming.is_empty()).collect();
    while let Some(at) = open.pop() {
        let Some(seen) = reached.get_mut(at.0 as usize).filter(|seen| !**seen) else { continue };
        *seen = true;
        let edges = plan.node(at).outgoing.iter().map(|&edge| plan.edge(edge));
        let ahead = edges.filter(|edge| edge.turns.is_none());
        let writes = writers.contains(&at);
        open.extend(ahead.filter(|edge| !writes || !is_success(&edge.outcome)).map(|edge| edge.to));
    }
    reached
}

fn is_success(outcome: &EdgeOutcome) -> bool {
    matches!(outcome, EdgeOutcome::Success | EdgeOutcome::Otherwise)
}
