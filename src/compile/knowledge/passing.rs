//! What a `replace` channel holds at each place of a graph: a pass over the nodes in canonical order, for all values that are
//! copied from each other, and another over the body of a loop that carries a doubt into its next iteration.

use std::cell::Cell;

use crate::model::Join;
use crate::plan::{EdgeIx, LoopIx, NodeIx, Plan, PlanNode};

use super::apart;
use super::doubt::is_settled_by;
use super::flow::by_source;
use super::left_behind::{Begins, Left, spend};
use super::places::Places;
use super::search::{Done, Ways as _, may_see, on_every_way};
use super::stands::Stands;
use super::told::Told;
use super::view::{RECENT, View};
use super::written::{Group, Leaves, Moment, START, begun, ended, writer_at};

/// Writes of an iteration that are asked about.
const TRIED: usize = 32;
/// Edges and nodes that are looked at for loops in one pass. Beyond that nothing is carried into a next iteration.
const LOOKS: usize = 50_000;

pub(super) struct Pass<'s, 'a, 'd> {
    places: &'s Places<'a, 'd>,
    plan: &'a Plan,
    group: &'s Group,
    /// By value of the group.
    all: Vec<Stands>,
    /// How many of [`LOOKS`] are left.
    looks: Cell<usize>,
}

impl<'s, 'a, 'd> Pass<'s, 'a, 'd> {
    pub(super) fn of(places: &'s Places<'a, 'd>, group: &'s Group, all: Vec<Stands>) -> Self {
        Self { places, plan: places.plan, group, all, looks: Cell::new(LOOKS) }
    }

    pub(super) fn goes(mut self) -> Vec<Stands> {
        let plan = self.plan;
        let rank = |node: NodeIx| plan.rank[node.0 as usize] as usize;
        // the loops that end at a place of the order, the inner ones last
        let mut ends: Vec<Vec<LoopIx>> = vec![Vec::new(); plan.order.len()];
        for (turned, body) in (0..).map(LoopIx).zip(&plan.loops) {
            if let Some(last) = body.body.last() {
                ends[rank(*last)].push(turned);
            }
        }
        let mut place = 0;
        while let Some(&at) = plan.order.get(place) {
            self.node(at);
            let mut over = ends[place].iter().rev().copied();
            place = match over.find(|turned| self.carry(*turned)) {
                Some(turned) => {
                    let again = rank(plan.loops[turned.0 as usize].target);
                    spend(&self.looks, (place + 1 - again) * self.all.len());
                    again
                }
                None => place + 1,
            };
        }
        self.decided()
    }

    /// What copies leave, once all is known.
    fn decided(mut self) -> Vec<Stands> {
        let doubted: Vec<Vec<bool>> =
            self.all.iter().map(|stands| stands.nodes.iter().map(|view| view.bad > 0).collect()).collect();
        for stands in &mut self.all {
            stands.written.decide(|of, at| doubted[of][at.0 as usize]);
        }
        self.all
    }

    /// Does the node write what leaves the doubt, and surely?
    fn write(&self, value: usize, node: NodeIx) -> Option<(bool, bool)> {
        let (leaves, surely) = self.all[value].written.leaves(node)?;
        let bad = match leaves {
            Leaves::Doubt(bad) => bad,
            Leaves::Copied(of, at) => self.all[of].nodes[at.0 as usize].bad > 0,
        };
        Some((bad, surely))
    }

    fn node(&mut self, at: NodeIx) {
        for value in 0..self.all.len() {
            let seen = self.enters(value, at);
            self.all[value].nodes[at.0 as usize] = seen;
        }
        for value in 0..self.all.len() {
            let write = self.write(value, at);
            for &edge in &self.plan.node(at).outgoing {
                let view = self.all[value].ended(self.places, edge, write);
                let asked = view.bad > 0 && self.is_asked(value, edge, view);
                self.all[value].edges[edge.0 as usize] = if asked { view.asked() } else { view };
            }
        }
    }

    fn is_asked(&self, value: usize, edge: EdgeIx, seen: View) -> bool {
        let (places, subject, missing) = (self.places, &self.group.subjects[value], self.group.missing);
        let told = || Told::of_view(places, seen, subject, missing);
        is_settled_by(places, edge, subject, missing)
            || told().is_some_and(|told| told.is_settled_by(places, edge))
    }

    fn enters(&self, value: usize, at: NodeIx) -> View {
        let (node, stands) = (self.plan.node(at), &self.all[value]);
        let any = |edges: &[EdgeIx]| edges.iter().map(|edge| stands.edges[edge.0 as usize]).reduce(View::or);
        let found = match node.join {
            _ if node.incoming.is_empty() => None,
            Join::Some => any(&node.incoming),
            Join::All => self.enters_by_all(value, at, node),
        };
        let seen = match found {
            Some(found) if node.incoming.len() > 1 => self.surely_written(at, found),
            Some(found) => found,
            None if stands.written.good_at_first => View { since: START, ..View::default() },
            None => View::default().doubted(START),
        };
        // of those around its target, a loop is the innermost
        let carried = node.loops.last().is_some_and(|turned| {
            self.plan.loops[turned.0 as usize].target == at && stands.carried[turned.0 as usize]
        });
        if carried { seen.doubted(begun(self.plan, at)) } else { seen }
    }

    /// Where one source sees no doubt, only such stand as it does not see.
    fn enters_by_all(&self, value: usize, at: NodeIx, node: &PlanNode) -> Option<View> {
        let (plan, stands) = (self.plan, &self.all[value]);
        let view = |edge: &EdgeIx| stands.edges[edge.0 as usize];
        let sources = by_source(plan, node);
        let arms = sources.iter().filter_map(|edges| {
            let seen = edges.iter().map(view).reduce(View::or)?;
            Some((plan.edge(*edges.first()?).from, seen))
        });
        let arms: Vec<(NodeIx, View)> = arms.collect();
        let found = arms.iter().map(|(_, seen)| *seen).reduce(View::and)?;
        let clean: Vec<NodeIx> =
            arms.iter().filter(|(_, seen)| seen.bad == 0).map(|(from, _)| *from).take(TRIED).collect();
        if found.bad == 0 || clean.is_empty() {
            return Some(found);
        }
        let counts = |by: NodeIx| {
            let beside = |edge: &EdgeIx| {
                clean.contains(&plan.edge(*edge).from) && apart::is_never_with(self.places, *edge, by)
            };
            may_see(plan, at, by) && !node.incoming.iter().any(beside)
        };
        let doubtful = |by: NodeIx| self.write(value, by).is_some_and(|(bad, _)| bad);
        let last = stands.unseen(plan, (found.since, found.bad), &clean, &counts, &doubtful);
        Some(match last {
            Some(bad) => found.asked().doubted(bad),
            None => found.asked(),
        })
    }

    /// A node that a way goes past may have run and written all the same.
    fn surely_written(&self, at: NodeIx, seen: View) -> View {
        let later = |moment: &Moment| seen.bad > 0 && *moment > seen.bad;
        let writer = |at| writer_at(self.plan, at);
        let writers: Vec<NodeIx> = seen.recent.into_iter().filter(later).filter_map(writer).collect();
        let Some(first) = writers.last() else { return seen };
        let mut done = Done::succeeded(self.plan, self.places.flow, at, &writers);
        match on_every_way(self.plan, at, &mut done) {
            // too far to tell
            Some(true) | None => seen.settled(ended(self.plan, *first)),
            Some(false) => View { recent: [0; RECENT], ..seen },
        }
    }

    /// May the next iteration begin with one of the doubts, where it did not before?
    fn carry(&mut self, turned: LoopIx) -> bool {
        let mut found = false;
        for value in 0..self.all.len() {
            let known = self.all[value].carried[turned.0 as usize];
            if !known && self.looks.get() > 0 && self.carries(value, turned) {
                self.all[value].carried[turned.0 as usize] = true;
                found = true;
            }
        }
        found
    }

    fn carries(&self, value: usize, turned: LoopIx) -> bool {
        let (plan, stands) = (self.plan, &self.all[value]);
        let body = &plan.loops[turned.0 as usize];
        // one that began before the loop stands at its target anyhow
        let begins = begun(plan, body.target);
        let doubted = |edge: &EdgeIx| stands.edges[edge.0 as usize].bad > begins;
        let (mut sure, mut doubts) = (Vec::new(), Vec::new());
        for &by in body.body.iter().rev() {
            let write = self.write(value, by);
            if let Some((true, _)) = write {
                doubts.push(Begins { at: ended(plan, by), by, writes: true });
            }
            // what was there before is gone, also where this leaves a doubt of its own
            if let Some((_, true)) = write {
                sure.push(by);
            }
            let inner = plan.node(by).loops.last().filter(|inner| **inner != turned);
            let carried = |inner: &LoopIx| {
                plan.loops[inner.0 as usize].target == by && stands.carried[inner.0 as usize]
            };
            if inner.is_some_and(carried) {
                doubts.push(Begins { at: begun(plan, by), by, writes: false });
            }
        }
        let mut turns = body.edges.iter().copied().filter(doubted);
        if turns.any(|edge| self.turns_with(value, &sure, edge)) {
            return true;
        }
        if doubts.is_empty() {
            return false;
        }
        let (subject, missing) = (&self.group.subjects[value], self.group.missing);
        Left { places: self.places, subject, missing, turned, doubts, sure, looks: &self.looks }.stays()
    }

    /// All of an iteration has ended when the next one begins, also what does not lead to the edge that turns it.
    fn turns_with(&self, value: usize, sure: &[NodeIx], edge: EdgeIx) -> bool {
        let bad = self.all[value].edges[edge.0 as usize].bad;
        let later = |node: &NodeIx| ended(self.plan, *node) > bad;
        let writers: Vec<NodeIx> = sure.iter().copied().filter(later).take(TRIED).collect();
        let from = self.plan.edge(edge).from;
        if writers.is_empty() {
            return true;
        }
        let mut done = Done::succeeded(self.plan, self.places.flow, from, &writers);
        // too far to tell: nothing is said
        done.edge(edge).or_else(|| on_every_way(self.plan, from, &mut done)) == Some(false)
    }
}
