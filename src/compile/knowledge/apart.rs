//! Nodes that never run at the same time: one is over before the other begins, or they lie behind edges that exclude each
//! other.

use crate::plan::{Apart, EdgeIx, EdgeOutcome, NodeIx, Plan};

use super::conditions::Decisions;
use super::flow::Flow;
use super::places::{Place, Places};
use super::results::skips;
use super::together::MOST_AT_ONCE;
use super::tried::one_holds;

/// Pairs of edges that are looked into for one pair of nodes, at most.
const MOST_PAIRS: usize = 64;
/// Edges of one node, and nodes that may be skipped, of which it is kept which of them exclude each other.
const KEPT: usize = 32;

/// Pairs of edges that are tried by themselves for one graph, as all conditions of their node are too many to be tried.
const TRIED_APART: usize = 512;

/// The ways through a plan, and which of them are never gone together.
pub(super) struct Ways<'a> {
    pub(super) plan: &'a Plan,
    pub(super) flow: &'a Flow,
    /// Are two edges of one node never both taken?
    pub(super) exclude: &'a dyn Fn(EdgeIx, EdgeIx) -> bool,
    /// Is one of two nodes always skipped?
    pub(super) skip: &'a dyn Fn(NodeIx, NodeIx) -> bool,
}

impl Ways<'_> {
    fn parted(&self, a: NodeIx, b: NodeIx) -> bool {
        self.flow.parting(a, b).is_some_and(|(a, b)| (self.exclude)(a, b))
    }

    /// Do two nodes lie behind edges of one node that exclude each other?
    pub(super) fn are_apart(&self, a: NodeIx, b: NodeIx) -> bool {
        if self.parted(a, b) || self.each_way_apart(a, b) || (self.skip)(a, b) || self.by_several_edges(a, b)
        {
            return true;
        }
        // an `always` edge hangs off no node: what it excludes is looked for on the way to the other
        let plan = self.plan;
        let behind = |one: NodeIx, other: NodeIx| {
            self.flow.rescue(one).is_some_and(|always| {
                let from = plan.edge(always).from;
                self.flow.passed_of(plan, other, from).any(|edge| (self.exclude)(always, edge))
            })
        };
        behind(a, b) || behind(b, a)
    }

    /// Nodes that several edges lead to: does each edge to one exclude each edge to the other?
    fn each_way_apart(&self, a: NodeIx, b: NodeIx) -> bool {
        let plan = self.plan;
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
                    if from == beside { (self.exclude)(*one, *other) } else { self.parted(from, beside) }
                })
            })
    }

    /// Does each edge by which one node is reached from some node exclude each by which the other one is?
    fn by_several_edges(&self, a: NodeIx, b: NodeIx) -> bool {
        let plan = self.plan;
        let apart = |one: NodeIx, other: NodeIx| {
            let Some((from, edges)) = self.only_from(one) else { return false };
            let beside = match self.only_from(other) {
                Some((same, edges)) if same == from => edges,
                _ => {
                    let own = |edge: &EdgeIx| plan.edge(*edge).leaves.is_empty();
                    self.flow.passed_of(plan, other, from).find(own).into_iter().collect()
                }
            };
            !beside.is_empty() && edges.iter().all(|a| beside.iter().all(|b| (self.exclude)(*a, *b)))
        };
        apart(a, b) || apart(b, a)
    }

    /// The one source of all edges to a node, or to the nearest before it to which several lead.
    fn only_from(&self, at: NodeIx) -> Option<(NodeIx, Vec<EdgeIx>)> {
        const STEPS: usize = 64;
        let plan = self.plan;
        let up = std::iter::successors(Some(at), |at| self.flow.gate(*at));
        let several = up.take(STEPS).find(|at| plan.node(*at).incoming.len() > 1)?;
        let edges = &plan.node(several).incoming;
        let from = plan.edge(*edges.first()?).from;
        // an edge that leaves a loop is decided when that is over, and not with those beside it
        let beside = |edge: &EdgeIx| plan.edge(*edge).from == from && plan.edge(*edge).leaves.is_empty();
        edges.iter().all(beside).then(|| (from, edges.clone()))
    }
}

/// Shows each pair of some nodes, which stand in canonical order, neither of which is surely over before the other begins; as
/// long as more are wanted.
pub(super) fn unordered(plan: &Plan, nodes: &[NodeIx], see: &mut dyn FnMut(NodeIx, NodeIx) -> bool) {
    for chunk in nodes.chunks(64) {
        let over = over_before(plan, chunk);
        let first = chunk.first().map_or(0, |a| plan.rank[a.0 as usize]);
        for &b in nodes.iter().filter(|b| plan.rank[b.0 as usize] > first) {
            let before = chunk.partition_point(|a| plan.rank[a.0 as usize] < plan.rank[b.0 as usize]);
            let mut open = !over[b.0 as usize] & (u64::MAX >> (64 - before));
            while open != 0 {
                let a = chunk[open.trailing_zeros() as usize];
                open &= open - 1;
                if !see(a, b) {
                    return;
                }
            }
        }
    }
}

/// Is an edge never taken where a node runs?
pub(super) fn is_never_with(places: &Places<'_, '_>, at: EdgeIx, node: NodeIx) -> bool {
    let Some(decisions) = &places.decisions else { return false };
    let (plan, flow) = (places.plan, places.flow);
    let exclude = |a, b| decisions.exclude(places, a, b);
    let from = plan.edge(at).from;
    if flow.passed_of(plan, node, from).any(|passed| exclude(at, passed)) {
        return true;
    }
    // a way leads on past what was skipped
    let ways = Ways { plan, flow, exclude: &exclude, skip: &|_, _| false };
    from != node && ways.are_apart(from, node)
}

/// What a plan keeps of this, where it is small enough to be told what may run at once.
pub(super) fn of(places: &Places<'_, '_>, decisions: &Decisions) -> Apart {
    let plan = places.plan;
    let mut apart = Apart::default();
    if plan.nodes.len() > MOST_AT_ONCE {
        return apart;
    }
    let mut left = TRIED_APART;
    for (from, node) in (0..).map(NodeIx).zip(&plan.nodes) {
        let one_by_one = decisions.conditional(from).is_some_and(|(_, table)| table.is_none());
        // an edge on which nothing decides excludes none but those of another outcome
        let decides = |edge: &EdgeIx| {
            let edge = plan.edge(*edge);
            edge.when.is_some() || edge.outcome != EdgeOutcome::Success
        };
        let (deciding, plain): (Vec<EdgeIx>, Vec<EdgeIx>) =
            node.outgoing.iter().copied().partition(|edge| decides(edge));
        let deciding = &deciding[..deciding.len().min(KEPT)];
        for (at, &a) in deciding.iter().enumerate() {
            for &b in deciding[at + 1..].iter().chain(&plain) {
                if one_by_one {
                    let Some(less) = left.checked_sub(1) else { break };
                    left = less;
                }
                if decisions.exclude(places, a, b) {
                    apart.edges.insert((a.min(b), a.max(b)));
                }
            }
        }
    }
    let skipped = (0..).map(NodeIx).zip(&plan.nodes).filter(|(_, node)| skips(node));
    let skipped: Vec<NodeIx> = skipped.map(|(at, _)| at).take(KEPT).collect();
    for (at, &a) in skipped.iter().enumerate() {
        let others = skipped[at + 1..].iter().filter(|b| skip_each_other(places, a, **b));
        apart.nodes.extend(others.map(|&b| (a, b)));
    }
    apart
}

/// Is always one of two nodes skipped, by conditions on what does not change?
pub(super) fn skip_each_other(places: &Places<'_, '_>, a: NodeIx, b: NodeIx) -> bool {
    let skipped =
        |at: NodeIx| places.plan.node(at).skip_when.as_ref().filter(|_| skips(places.plan.node(at)));
    match (skipped(a), skipped(b)) {
        (Some(one), Some(other)) => one_holds(places, (Place::Node(a), one), (Place::Node(b), other), a),
        _ => false,
    }
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
