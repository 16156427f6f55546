//! What an iteration has written where the edge that turns its loop does not see it: all of it has ended when the next one begins.

use std::cell::Cell;

use crate::expr::Subject;
use crate::plan::{EdgeIx, EdgeOutcome, LoopIx, NodeIx, Plan};

use super::apart;
use super::doubt::is_settled_by;
use super::places::Places;
use super::search::{Done, Ways, may_see, on_every_way};
use super::told::Told;
use super::written::{Moment, ended};

/// Doubts of an iteration that are looked at, the last ones.
const DOUBTS: usize = 32;
/// Ways to turn a loop, each with a doubt, that are looked at.
const TURNS: usize = 128;

/// A doubt that begins in a loop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begins {
    pub(super) at: Moment,
    /// The node by which it does.
    pub(super) by: NodeIx,
    /// It does so by what the node writes, and not by what an earlier iteration of a loop around it alone left.
    pub(super) writes: bool,
}

/// A loop of which it is asked, and the doubt.
pub(super) struct Left<'l, 'a, 'd> {
    pub(super) places: &'l Places<'a, 'd>,
    pub(super) subject: &'l Subject,
    pub(super) missing: bool,
    pub(super) turned: LoopIx,
    /// Where a doubt begins in the loop, the last first.
    pub(super) doubts: Vec<Begins>,
    /// Nodes of it that surely write, the last first: what was there before is gone.
    pub(super) sure: Vec<NodeIx>,
    /// So many more edges may be looked at.
    pub(super) looks: &'l Cell<usize>,
}

/// Takes so many of what is left; where there are not so many, none is left.
pub(super) fn spend(looks: &Cell<usize>, many: usize) -> bool {
    let left = looks.get().checked_sub(many);
    looks.set(left.unwrap_or_default());
    left.is_some()
}

impl Left<'_, '_, '_> {
    /// May an iteration end with one of them?
    pub(super) fn stays(&self) -> bool {
        let edges = &self.places.plan.loops[self.turned.0 as usize].edges;
        let pairs =
            edges.iter().flat_map(|edge| self.doubts.iter().take(DOUBTS).map(move |begins| (*edge, *begins)));
        pairs.take(TURNS).any(|(edge, begins)| self.is_left(edge, begins))
    }

    /// Does a way lead to the edge that goes with the doubt, and neither asks about it nor writes later?
    fn is_left(&self, edge: EdgeIx, begins: Begins) -> bool {
        let (places, plan) = (self.places, self.places.plan);
        let later = |node: &NodeIx| ended(plan, *node) > begins.at;
        let writers: Vec<NodeIx> = self.sure.iter().copied().take_while(later).take(DOUBTS).collect();
        let from = plan.edge(edge).from;
        let done = Done::succeeded(plan, places.flow, from, &writers);
        // of an inner loop another iteration may have come to something else
        let own = begins.writes && plan.node(begins.by).loops.last() == Some(&self.turned);
        let told = own.then(|| Told::of(places, begins.by, self.subject, self.missing));
        let mut ways = Gone { left: self, begins, told, done };
        // too far to tell: nothing is said
        ways.edge(edge).or_else(|| on_every_way(plan, from, &mut ways)) == Some(false)
    }
}

/// Is the doubt gone on a way, or is it never taken with what begins it?
struct Gone<'g, 'l, 'a, 'd> {
    left: &'g Left<'l, 'a, 'd>,
    begins: Begins,
    /// The doubt, by other names of what was written.
    told: Option<Told>,
    done: Done<'a>,
}

impl<'a> Gone<'_, '_, 'a, '_> {
    fn plan(&self) -> &'a Plan {
        self.left.places.plan
    }

    /// Does the edge ask about what was written?
    fn asks(&self, at: EdgeIx) -> bool {
        let (plan, by) = (self.plan(), self.begins.by);
        let from = plan.edge(at).from;
        let sees = || from == by || (ended(plan, from) > self.begins.at && may_see(plan, from, by));
        let told = || self.told.as_ref().is_some_and(|told| told.is_settled_by(self.left.places, at));
        (is_settled_by(self.left.places, at, self.left.subject, self.left.missing) || told()) && sees()
    }

    fn writes_nothing(&self, at: EdgeIx) -> bool {
        let edge = self.plan().edge(at);
        let own = self.begins.writes && edge.from == self.begins.by;
        own && matches!(edge.outcome, EdgeOutcome::Catch(_)) && !self.left.places.caught_with_output(at).0
    }
}

impl Ways for Gone<'_, '_, '_, '_> {
    fn edge(&mut self, at: EdgeIx) -> Option<bool> {
        let plan = self.plan();
        // beyond that nothing is said: as if the doubt were gone
        if !spend(self.left.looks, 1)
            || self.asks(at)
            || self.writes_nothing(at)
            || apart::is_never_with(self.left.places, at, self.begins.by)
        {
            return Some(true);
        }
        let edge = plan.edge(at);
        match self.done.edge(at) {
            Some(true) => Some(true),
            // nothing is sure of what is before it
            Some(false) if edge.outcome == EdgeOutcome::Always => Some(false),
            // what was before the loop tells nothing of the iteration
            _ => (!plan.node(edge.from).loops.contains(&self.left.turned)).then_some(false),
        }
    }

    fn entry(&mut self, at: NodeIx) -> bool {
        self.done.entry(at)
    }
}
