//! What is written on nodes, edges and loops, and which loop stands in which. Knows no drawing language.

use crate::effect::ErrorKind;
use crate::model::Join;
use crate::plan::{EdgeIx, EdgeOutcome, LoopIx, NodeIx, Plan, PlanEdge, PlanLoop, PlanNode};
use crate::view::escaped;

/// Longer conditions are cut.
const LONGEST: usize = 60;

/// The lines of a node: its id, what it does, and what decides how often.
pub(super) fn node(node: &PlanNode) -> Vec<String> {
    let mut lines = vec![node.id.to_string(), node.uses.as_str().to_owned()];
    if let Some(rule) = &node.for_each {
        lines.push(format!("for each {} in {}", rule.binding, short(rule.items.source())));
    }
    if let Some(condition) = &node.skip_when {
        lines.push(format!("skip when {}", short(condition.source())));
    }
    if node.join == Join::All && node.incoming.len() > 1 {
        lines.push("waits for all".to_owned());
    }
    if node.retry.attempts > 1 {
        lines.push(format!("up to {} attempts", node.retry.attempts));
    }
    lines
}

/// What decides an edge, long conditions cut; empty where nothing does.
pub(super) fn edge(plan: &Plan, edge: &PlanEdge) -> String {
    edge_told(plan, edge, short)
}

/// What decides an edge, with all of its condition.
pub(in crate::view) fn edge_in_full(plan: &Plan, edge: &PlanEdge) -> String {
    edge_told(plan, edge, whole)
}

fn edge_told(plan: &Plan, edge: &PlanEdge, shown: fn(&str) -> String) -> String {
    let mut parts = Vec::new();
    match &edge.outcome {
        EdgeOutcome::Success => {}
        EdgeOutcome::Otherwise => parts.push("otherwise".to_owned()),
        EdgeOutcome::Catch(kinds) => {
            parts.push(format!("catch {}", ErrorKind::words(kinds).join(", ")));
        }
        EdgeOutcome::Always => parts.push("always".to_owned()),
    }
    if let Some(when) = &edge.when {
        parts.push(format!("when {}", shown(when.source())));
    }
    if let Some(turned) = edge.turns {
        let one = &plan.loops[turned.0 as usize];
        parts.push(again(one.max.into()));
        let is_left = |(&at, leave): (&EdgeIx, &bool)| *leave && std::ptr::eq(plan.edge(at), edge);
        if one.edges.iter().zip(&one.leave).any(is_left) {
            parts.push("exhausted: leave".to_owned());
        }
    }
    parts.join("; ")
}

/// What a loop edge does: `max` counts the first iteration as well.
pub fn again(max: u64) -> String {
    match max {
        0 | 1 => "never again: 1 iteration at most".to_owned(),
        max => format!("again, {max} iterations at most"),
    }
}

/// The title of a loop.
pub(super) fn title(plan: &Plan, turned: &PlanLoop) -> String {
    format!("loop {}: {}", plan.node(turned.target).id, loop_bounds(turned))
}

/// What bounds a loop, and the wait between its iterations.
pub(in crate::view) fn loop_bounds(turned: &PlanLoop) -> String {
    let most = format!("at most {} iterations", turned.max);
    if turned.delay.is_zero() { most } else { format!("{most}, delay {:?}", turned.delay) }
}

/// A text of the author's on one line.
pub(super) fn whole(text: &str) -> String {
    escaped(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The same, cut where it is long.
pub(super) fn short(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= LONGEST {
        return escaped(&words);
    }
    let cut: String = words.chars().take(LONGEST - 1).collect();
    escaped(&cut) + "…"
}

/// The loops that stand directly in `outer`, or in no other.
pub(super) fn loops_in(plan: &Plan, outer: Option<LoopIx>) -> Vec<LoopIx> {
    let all = (0..plan.loops.len()).map(|at| LoopIx(at as u32));
    all.filter(|at| plan.loops[at.0 as usize].outer.last().copied() == outer).collect()
}

/// The nodes that stand directly in `inside`, or in no loop, in canonical order.
pub(super) fn nodes_in(plan: &Plan, inside: Option<LoopIx>) -> Vec<NodeIx> {
    plan.order.iter().copied().filter(|&at| plan.node(at).loops.last().copied() == inside).collect()
}
