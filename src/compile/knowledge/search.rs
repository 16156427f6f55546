//! Walks back from a place in a graph: does something hold on every way to it? Where a walk gets long, nothing is known.

use std::collections::{BTreeMap, BTreeSet};

use crate::effect::ErrorKind;
use crate::model::Join;
use crate::plan::{EdgeIx, EdgeOutcome, NodeIx, Plan};

use super::flow::{Flow, by_source};

/// Nodes that one walk looks at.
pub(super) const FARTHEST: usize = 512;

/// What is asked of each way.
pub(super) trait Ways {
    /// Does it hold once this edge is taken? `None`: ask what is before it.
    fn edge(&mut self, at: EdgeIx) -> Option<bool>;
    /// Does it hold where a way begins?
    fn entry(&mut self, at: NodeIx) -> bool;
}

/// Does it hold on every way to `at`? `None`: that is too far to tell.
pub(super) fn on_every_way(plan: &Plan, at: NodeIx, ways: &mut impl Ways) -> Option<bool> {
    let mut search = Search { plan, known: BTreeMap::new(), left: FARTHEST };
    search.node(at, ways)
}

struct Search<'p> {
    plan: &'p Plan,
    known: BTreeMap<NodeIx, bool>,
    left: usize,
}

impl Search<'_> {
    fn node(&mut self, at: NodeIx, ways: &mut impl Ways) -> Option<bool> {
        if let Some(&known) = self.known.get(&at) {
            return Some(known);
        }
        self.left = self.left.checked_sub(1)?;
        let node = self.plan.node(at);
        let holds = if node.incoming.is_empty() {
            ways.entry(at)
        } else if node.join == Join::Some {
            self.all(node.incoming.iter().copied(), ways)?
        } else {
            let mut any = false;
            for edges in by_source(self.plan, node) {
                any = any || self.all(edges.into_iter(), ways)?;
            }
            any
        };
        self.known.insert(at, holds);
        Some(holds)
    }

    fn all(&mut self, edges: impl Iterator<Item = EdgeIx>, ways: &mut impl Ways) -> Option<bool> {
        for edge in edges {
            let holds = match ways.edge(edge) {
                Some(holds) => holds,
                None => self.node(self.plan.edge(edge).from, ways)?,
            };
            if !holds {
                return Some(false);
            }
        }
        Some(true)
    }
}

/// Some nodes, one of which has to have succeeded (or failed) on every way.
pub(super) struct Done<'p> {
    plan: &'p Plan,
    targets: Vec<NodeIx>,
    failed: bool,
    /// Nodes whose success brings about that of a target.
    promise: BTreeSet<NodeIx>,
    /// Of these, the ones whose failure does so as well, where it is caught.
    anyway: BTreeSet<NodeIx>,
    /// Edges that will do as well.
    taken: BTreeSet<EdgeIx>,
    /// The place in the canonical order of the first node that matters: a way that has come past it decides nothing more.
    first: u32,
    /// Is one of these nodes where a run begins?
    begins: bool,
}

impl<'p> Done<'p> {
    /// Before `at`, one of the targets has succeeded.
    pub(super) fn succeeded(plan: &'p Plan, flow: &Flow, at: NodeIx, targets: &[NodeIx]) -> Self {
        let mut done = Self::of(plan, targets.to_vec(), false);
        // what was reached by an `always` edge goes on although something has failed
        if flow.rescued[at.0 as usize] {
            return done;
        }
        // what lies before what all ways pass, the targets behind it, decides nothing between them
        let rank = |node: NodeIx| plan.rank[node.0 as usize];
        let nearest = targets.iter().map(|target| rank(*target)).min().unwrap_or_default();
        let first = flow.gate_until(plan, at, nearest).map_or(0, rank);
        for target in targets {
            done.is_promised(flow, *target, first);
        }
        done.bounded()
    }

    /// Or one of these edges was taken.
    #[must_use]
    pub(super) fn or_taken(self, taken: BTreeSet<EdgeIx>) -> Self {
        Self { taken, ..self }.bounded()
    }

    pub(super) fn failed(plan: &'p Plan, target: NodeIx) -> Self {
        Self::of(plan, vec![target], true)
    }

    fn of(plan: &'p Plan, targets: Vec<NodeIx>, failed: bool) -> Self {
        Self {
            plan,
            targets,
            failed,
            promise: BTreeSet::new(),
            anyway: BTreeSet::new(),
            taken: BTreeSet::new(),
            first: 0,
            begins: false,
        }
        .bounded()
    }

    fn bounded(self) -> Self {
        let plan = self.plan;
        let sources = self.taken.iter().map(|edge| plan.edge(*edge).from);
        let nodes = self.targets.iter().chain(&self.promise).chain(&self.anyway).copied().chain(sources);
        let first = nodes.map(|node| plan.rank[node.0 as usize]).min().unwrap_or_default();
        // an entry starts with the run
        let starts = |node: &NodeIx| plan.node(*node).incoming.is_empty();
        let begins = !self.failed && self.promise.iter().any(starts);
        Self { first, begins, ..self }
    }

    /// A node whose failure nothing catches has succeeded wherever the run goes on; and so has one before it, if that
    /// leads to it in any case.
    fn is_promised(&mut self, flow: &Flow, target: NodeIx, first: u32) {
        let plan = self.plan;
        let mut open = if flow.handled[target.0 as usize] { Vec::new() } else { vec![target] };
        while let Some(at) = open.pop() {
            let before = plan.rank[at.0 as usize] < first;
            if before || self.promise.len() > FARTHEST || !self.promise.insert(at) {
                continue;
            }
            if plan.node(at).join == Join::All {
                continue;
            }
            for edge in plan.node(at).incoming.iter().map(|edge| plan.edge(*edge)) {
                if edge.outcome != EdgeOutcome::Success || edge.when.is_some() {
                    continue;
                }
                if !flow.handled[edge.from.0 as usize] {
                    open.push(edge.from);
                } else if leads_when_caught(plan, edge.from, at) {
                    self.anyway.insert(edge.from);
                    open.push(edge.from);
                }
            }
        }
    }
}

/// Does each failure that an edge catches lead to the node as well?
fn leads_when_caught(plan: &Plan, from: NodeIx, to: NodeIx) -> bool {
    let caught = |here: bool| {
        let edges = plan.node(from).outgoing.iter().map(|edge| plan.edge(*edge));
        let counted = edges.filter(move |edge| {
            !here || (edge.to == to && edge.when.is_none() && edge.turns.is_none() && edge.leaves.is_empty())
        });
        counted.flat_map(|edge| match &edge.outcome {
            EdgeOutcome::Catch(kinds) => &kinds[..],
            _ => &[],
        })
    };
    let here: BTreeSet<&ErrorKind> = caught(true).collect();
    caught(false).all(|kind| here.contains(kind))
}

impl Ways for Done<'_> {
    fn edge(&mut self, at: EdgeIx) -> Option<bool> {
        if self.taken.contains(&at) {
            return Some(true);
        }
        let edge = self.plan.edge(at);
        let good = match edge.outcome {
            EdgeOutcome::Always => return Some(false),
            EdgeOutcome::Success | EdgeOutcome::Otherwise => true,
            EdgeOutcome::Catch(_) => false,
        };
        let brings = if good { &self.promise } else { &self.anyway };
        let promised = !self.failed && brings.contains(&edge.from);
        if promised || (self.targets.contains(&edge.from) && good != self.failed) {
            return Some(true);
        }
        let past = self.plan.rank[edge.from.0 as usize] < self.first;
        (past && !self.begins).then_some(false)
    }

    fn entry(&mut self, at: NodeIx) -> bool {
        self.begins || (!self.failed && self.targets.contains(&at) && self.promise.contains(&at))
    }
}

/// Does a way lead from `before` to `at`? `None`: that is too far to tell.
pub(super) fn leads(plan: &Plan, before: NodeIx, at: NodeIx) -> Option<bool> {
    reaches(plan, before, at, &|_| false)
}

/// May a reader at `at` see what `writer` writes to a channel: behind it, or behind a loop in which it is, of whose earlier
/// iterations it sees all?
pub(super) fn may_see(plan: &Plan, at: NodeIx, writer: NodeIx) -> bool {
    let around = &plan.node(at).loops;
    let mut left = plan.node(writer).loops.iter().filter(|l| !around.contains(l));
    leads(plan, writer, at) != Some(false)
        || left.any(|l| leads(plan, plan.loops[l.0 as usize].target, at) != Some(false))
}

/// Has `before` always ended when `at` starts? Behind an edge that leaves a loop all of the loop has. `None`: that is too
/// far to tell.
pub(super) fn is_over(plan: &Plan, before: NodeIx, at: NodeIx) -> Option<bool> {
    let around = &plan.node(before).loops;
    reaches(plan, before, at, &|edge| plan.edge(edge).leaves.iter().any(|l| around.contains(l)))
}

fn reaches(plan: &Plan, before: NodeIx, at: NodeIx, counts: &dyn Fn(EdgeIx) -> bool) -> Option<bool> {
    let rank = |node: NodeIx| plan.rank[node.0 as usize];
    let mut seen = BTreeSet::new();
    let mut open = vec![at];
    while let Some(here) = open.pop() {
        for &edge in &plan.node(here).incoming {
            let from = plan.edge(edge).from;
            if from == before || counts(edge) {
                return Some(true);
            }
            if rank(from) > rank(before) && seen.insert(from) {
                if seen.len() > FARTHEST {
                    return None;
                }
                open.push(from);
            }
        }
    }
    Some(false)
}
