//! Nodes that may run at the same time and are in each other's way: one changes the workspace that the other reads or
//! changes, or both write a channel that keeps the last value.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::expr::ValueTemplate;
use crate::model::{Reduce, Uses};
use crate::plan::{Action, EdgeIx, EdgeOutcome, NodeIx, Plan, PlanNode};
use crate::source::Span;

use super::conditions::Decisions;
use super::places::{Place, Places};
use super::results::skips;
use super::search::is_over;
use super::tried::one_holds;

/// Pairs that are reported, and pairs that are looked into, at most.
const REPORTED: usize = 20;
const EXAMINED: usize = 200_000;
/// Pairs of edges that are looked into for one pair of nodes, at most.
const MOST_PAIRS: usize = 64;

/// What a node does with the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Touch {
    Nothing,
    Reads,
    Changes,
}

pub(super) fn check(places: &Places<'_, '_>, decisions: &Decisions, diagnostics: &mut Diagnostics) {
    workspace(places, decisions, diagnostics);
    channels(places, decisions, diagnostics);
}

fn workspace(places: &Places<'_, '_>, decisions: &Decisions, diagnostics: &mut Diagnostics) {
    let plan = places.plan;
    let mut known = BTreeMap::new();
    let touches: Vec<Touch> = plan.nodes.iter().map(|node| touch(node, &mut known)).collect();
    let of = |at: NodeIx| touches[at.0 as usize];
    for (at, node) in (0..).map(NodeIx).zip(&plan.nodes) {
        let parallel = node.for_each.as_ref().is_some_and(|rule| rule.parallel > 1);
        if parallel && of(at) == Touch::Changes {
            diagnostics.push(with_itself(places, at));
        }
    }
    let touching: Vec<NodeIx> = plan.order.iter().copied().filter(|at| of(*at) != Touch::Nothing).collect();
    let clash = |a: NodeIx, b: NodeIx| of(a) == Touch::Changes || of(b) == Touch::Changes;
    for (a, b) in at_once(places, decisions, &touching, &clash) {
        let changing = if of(a) == Touch::Changes { a } else { b };
        let other = if changing == a { b } else { a };
        let does = if of(other) == Touch::Changes { "changes it too" } else { "reads it" };
        let (id, other_id) = (&plan.node(changing).id, &plan.node(other).id);
        let message = format!(
            "`{id}` changes the workspace and `{other_id}` {does}, and both may run at the same time"
        );
        diagnostics.push(pair(places, codes::WORKSPACE_RACE, (a, b), message));
    }
}

fn with_itself(places: &Places<'_, '_>, at: NodeIx) -> Diagnostic {
    let id = &places.plan.node(at).id;
    let message = format!("`{id}` changes the workspace, and several of its items may run at the same time");
    let found = Diagnostic::new(codes::WORKSPACE_RACE, span(places, at), message);
    found.help("write `parallel: 1`, or leave `parallel` out")
}

/// What several writers at once are in each other's way at: a channel that keeps the last value, or one key of a merged one.
type Contended = (u32, Option<String>);

fn channels(places: &Places<'_, '_>, decisions: &Decisions, diagnostics: &mut Diagnostics) {
    let plan = places.plan;
    let writers = writers(plan);
    for (contended, nodes) in &writers {
        let what = contention(plan, contended);
        for &at in nodes {
            let parallel = plan.node(at).for_each.as_ref().is_some_and(|rule| rule.parallel > 1);
            if parallel {
                diagnostics.push(writes_with_itself(places, at, contended, &what));
            }
        }
        for (a, b) in at_once(places, decisions, nodes, &|_, _| true) {
            let (id, other) = (&plan.node(a).id, &plan.node(b).id);
            let message = format!("`{id}` and `{other}` both write {what}, and may do so at the same time");
            let found = pair(places, codes::CHANNEL_RACE, (a, b), message);
            diagnostics.push(with_channel(places, contended, found));
        }
    }
}

fn contention(plan: &Plan, (channel, key): &Contended) -> String {
    let name = &plan.channels[*channel as usize].name;
    match key {
        Some(key) => format!("the key `{key}` of the channel `{name}`"),
        None => format!("the channel `{name}`, which keeps the last value"),
    }
}

fn writes_with_itself(places: &Places<'_, '_>, at: NodeIx, contended: &Contended, what: &str) -> Diagnostic {
    let id = &places.plan.node(at).id;
    let message = format!("each item of `{id}` writes {what}, and several may do so at the same time");
    let found = Diagnostic::new(codes::CHANNEL_RACE, span(places, at), message);
    with_channel(places, contended, found).help("write `parallel: 1`, or collect the items: `reduce: append`")
}

fn with_channel(places: &Places<'_, '_>, (channel, _): &Contended, found: Diagnostic) -> Diagnostic {
    let name = &places.plan.channels[*channel as usize].name;
    let declared = places.draft.graph.state.iter().find(|known| known.name.value == *name);
    match declared {
        Some(known) => found.label(known.name.span, "the channel"),
        None => found,
    }
}

fn writers(plan: &Plan) -> BTreeMap<Contended, Vec<NodeIx>> {
    let mut writers: BTreeMap<Contended, Vec<NodeIx>> = BTreeMap::new();
    for &at in &plan.order {
        for (channel, value) in &plan.node(at).update {
            match plan.channels[channel.0 as usize].reduce {
                Reduce::Replace => writers.entry((channel.0, None)).or_default().push(at),
                Reduce::Merge => {
                    for key in literal_keys(value) {
                        writers.entry((channel.0, Some(key))).or_default().push(at);
                    }
                }
                Reduce::Append | Reduce::Extend | Reduce::Sum => {}
            }
        }
    }
    writers
}

fn literal_keys(value: &ValueTemplate) -> Vec<String> {
    match value {
        ValueTemplate::Literal(value) => {
            value.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
        }
        ValueTemplate::Object(fields) => fields.iter().map(|(name, _)| name.clone()).collect(),
        ValueTemplate::Expression(_) | ValueTemplate::Text(_) | ValueTemplate::List(_) => Vec::new(),
    }
}

fn span(places: &Places<'_, '_>, at: NodeIx) -> Span {
    places.draft.nodes[at.0 as usize].node.id.span
}

fn pair(
    places: &Places<'_, '_>,
    code: crate::diag::Code,
    (a, b): (NodeIx, NodeIx),
    message: String,
) -> Diagnostic {
    let (first, second) = (&places.plan.node(a).id, &places.plan.node(b).id);
    let found = Diagnostic::new(code, span(places, b), message).label(span(places, a), format!("`{first}`"));
    found.help(format!("add `{first} -> {second}`, or lead to them by edges that exclude each other"))
}

/// Pairs of some nodes that clash and may run at the same time; the nodes stand in canonical order.
fn at_once(
    places: &Places<'_, '_>,
    decisions: &Decisions,
    nodes: &[NodeIx],
    clash: &dyn Fn(NodeIx, NodeIx) -> bool,
) -> Vec<(NodeIx, NodeIx)> {
    if in_a_row(places, nodes, clash) {
        return Vec::new();
    }
    let plan = places.plan;
    let mut found = Vec::new();
    let mut examined = 0;
    for chunk in nodes.chunks(64) {
        let over = over_before(plan, chunk);
        let first = chunk.first().map_or(0, |a| plan.rank[a.0 as usize]);
        for &b in nodes.iter().filter(|b| plan.rank[b.0 as usize] > first) {
            let before = chunk.partition_point(|a| plan.rank[a.0 as usize] < plan.rank[b.0 as usize]);
            let mut open = !over[b.0 as usize] & (u64::MAX >> (64 - before));
            while open != 0 {
                let a = chunk[open.trailing_zeros() as usize];
                open &= open - 1;
                if !clash(a, b) {
                    continue;
                }
                examined += 1;
                if examined > EXAMINED || found.len() >= REPORTED {
                    return found;
                }
                if !are_apart(places, decisions, a, b) {
                    found.push((a, b));
                }
            }
        }
    }
    found
}

/// Do two nodes lie behind edges of one node that exclude each other?
fn are_apart(places: &Places<'_, '_>, decisions: &Decisions, a: NodeIx, b: NodeIx) -> bool {
    let parted = |a: NodeIx, b: NodeIx| {
        places.flow.parting(a, b).is_some_and(|(a, b)| decisions.exclude(places, a, b))
    };
    if parted(a, b) || each_way_apart(places, decisions, (a, b), &parted) {
        return true;
    }
    if skip_each_other(places, a, b) || by_several_edges(places, decisions, a, b) {
        return true;
    }
    // an `always` edge hangs off no node: what it excludes is looked for on the way to the other
    let plan = places.plan;
    let behind = |one: NodeIx, other: NodeIx| {
        let always = places.flow.passed(one).find(|edge| plan.edge(*edge).outcome == EdgeOutcome::Always);
        always.is_some_and(|always| {
            let from = plan.edge(always).from;
            let mut beside = places.flow.passed(other).filter(|edge| plan.edge(*edge).from == from);
            beside.any(|edge| decisions.exclude(places, always, edge))
        })
    };
    behind(a, b) || behind(b, a)
}

/// Nodes that several edges lead to: does each edge to one exclude each edge to the other?
fn each_way_apart(
    places: &Places<'_, '_>,
    decisions: &Decisions,
    (a, b): (NodeIx, NodeIx),
    parted: &dyn Fn(NodeIx, NodeIx) -> bool,
) -> bool {
    let plan = places.plan;
    let (to_a, to_b) = (&plan.node(a).incoming, &plan.node(b).incoming);
    // an `always` edge hangs off no node, and one that leaves a loop is decided when that is over
    let sure = |edge: &EdgeIx| {
        let edge = plan.edge(*edge);
        edge.outcome != EdgeOutcome::Always && edge.leaves.is_empty()
    };
    let few = (2..=MOST_PAIRS).contains(&(to_a.len() * to_b.len()));
    few && to_a.iter().chain(to_b).all(sure)
        && to_a.iter().all(|one| {
            to_b.iter().all(|other| {
                let (from, beside) = (plan.edge(*one).from, plan.edge(*other).from);
                if from == beside { decisions.exclude(places, *one, *other) } else { parted(from, beside) }
            })
        })
}

/// Is always one of two nodes skipped, by conditions on what does not change?
fn skip_each_other(places: &Places<'_, '_>, a: NodeIx, b: NodeIx) -> bool {
    let skipped =
        |at: NodeIx| places.plan.node(at).skip_when.as_ref().filter(|_| skips(places.plan.node(at)));
    match (skipped(a), skipped(b)) {
        (Some(one), Some(other)) => one_holds(places, (Place::Node(a), one), (Place::Node(b), other), a),
        _ => false,
    }
}

/// Does each edge by which one node is reached from some node exclude each by which the other one is?
fn by_several_edges(places: &Places<'_, '_>, decisions: &Decisions, a: NodeIx, b: NodeIx) -> bool {
    let plan = places.plan;
    let apart = |one: NodeIx, other: NodeIx| {
        let Some((from, edges)) = only_from(places, one) else { return false };
        let beside = match only_from(places, other) {
            Some((same, edges)) if same == from => edges,
            _ => {
                let own = |edge: &EdgeIx| plan.edge(*edge).from == from && plan.edge(*edge).leaves.is_empty();
                places.flow.passed(other).find(own).into_iter().collect()
            }
        };
        !beside.is_empty() && edges.iter().all(|a| beside.iter().all(|b| decisions.exclude(places, *a, *b)))
    };
    apart(a, b) || apart(b, a)
}

/// The one source of all edges to a node, or to the nearest before it to which several lead.
fn only_from(places: &Places<'_, '_>, at: NodeIx) -> Option<(NodeIx, Vec<EdgeIx>)> {
    const STEPS: usize = 64;
    let plan = places.plan;
    let up = std::iter::successors(Some(at), |at| places.flow.gate(*at));
    let several = up.take(STEPS).find(|at| plan.node(*at).incoming.len() > 1)?;
    let edges = &plan.node(several).incoming;
    let from = plan.edge(*edges.first()?).from;
    // an edge that leaves a loop is decided when that is over, and not with those beside it
    let beside = |edge: &EdgeIx| plan.edge(*edge).from == from && plan.edge(*edge).leaves.is_empty();
    edges.iter().all(beside).then(|| (from, edges.clone()))
}

/// Is each node over before the next one that it clashes with begins? Then so are all before it.
fn in_a_row(places: &Places<'_, '_>, nodes: &[NodeIx], clash: &dyn Fn(NodeIx, NodeIx) -> bool) -> bool {
    let plan = places.plan;
    let over = |a: NodeIx, b: NodeIx| places.flow.passes(b, a) || is_over(plan, a, b) == Some(true);
    let mut last: Option<NodeIx> = None;
    let mut since: Vec<NodeIx> = Vec::new();
    for &at in nodes {
        if last.is_some_and(|last| !over(last, at)) {
            return false;
        }
        // what clashes with itself clashes with everything
        if clash(at, at) {
            if since.iter().any(|before| !over(*before, at)) {
                return false;
            }
            last = Some(at);
            since.clear();
        } else {
            since.push(at);
        }
    }
    true
}

/// For each node which of some nodes are over when it starts, a bit for each.
fn over_before(plan: &Plan, chunk: &[NodeIx]) -> Vec<u64> {
    let mut own = vec![0u64; plan.nodes.len()];
    let mut bodies = vec![0u64; plan.loops.len()];
    for (bit, at) in chunk.iter().enumerate() {
        own[at.0 as usize] |= 1 << bit;
        plan.node(*at).loops.iter().for_each(|l| bodies[l.0 as usize] |= 1 << bit);
    }
    let mut over = vec![0u64; plan.nodes.len()];
    for &at in &plan.order {
        let mut before = 0;
        for edge in plan.node(at).incoming.iter().map(|edge| plan.edge(*edge)) {
            let from = edge.from.0 as usize;
            before |= over[from] | own[from];
            // behind an edge that leaves a loop all of the loop is over
            before |= edge.leaves.iter().fold(0, |all, l| all | bodies[l.0 as usize]);
        }
        over[at.0 as usize] = before;
    }
    over
}

/// What a node does with the workspace. What a command would change comes back as a patch; where a policy lets it write,
/// `plan` says so.
fn touch(node: &PlanNode, known: &mut BTreeMap<*const Plan, Touch>) -> Touch {
    match &node.action {
        Action::Call { with } if node.uses == Uses::ApplyPatch && is_dry(with) => Touch::Reads,
        Action::Call { .. } => of_tool(node.uses),
        Action::Llm(conversation) => of_tools(&conversation.tools),
        Action::Batch { tools, .. } => of_tools(tools),
        Action::Graph { plan, .. } => {
            let key = Arc::as_ptr(plan);
            if let Some(&found) = known.get(&key) {
                return found;
            }
            let inner = plan.nodes.iter().map(|node| touch(node, known)).max().unwrap_or(Touch::Nothing);
            known.insert(key, inner);
            inner
        }
        Action::Approval { .. }
        | Action::Render(_)
        | Action::Values(_)
        | Action::ParseReport(_)
        | Action::Fail { .. } => Touch::Nothing,
    }
}

fn of_tools(tools: &[Uses]) -> Touch {
    tools.iter().map(|tool| of_tool(*tool)).max().unwrap_or(Touch::Nothing)
}

fn of_tool(tool: Uses) -> Touch {
    match tool {
        Uses::ApplyPatch | Uses::Rollback => Touch::Changes,
        Uses::ReadFile
        | Uses::ListFiles
        | Uses::SearchFiles
        | Uses::RepoContext
        | Uses::WorkspaceDiff
        | Uses::Exec => Touch::Reads,
        _ => Touch::Nothing,
    }
}

fn is_dry(with: &ValueTemplate) -> bool {
    let dry = match with {
        ValueTemplate::Literal(value) => value.get("dry_run").cloned(),
        ValueTemplate::Object(fields) => {
            fields.iter().find(|(name, _)| name == "dry_run").and_then(|(_, value)| match value {
                ValueTemplate::Literal(value) => Some(Value::clone(value)),
                _ => None,
            })
        }
        _ => None,
    };
    dry == Some(Value::Bool(true))
}
