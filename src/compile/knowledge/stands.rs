//! What a `replace` channel holds at each place of a graph, as far as one doubt goes: what [`passing`](super::passing) has found out.

use crate::expr::Subject;
use crate::plan::{EdgeIx, EdgeOutcome, NodeIx, Plan};

use super::apart;
use super::passing::Pass;
use super::places::{Place, Places};
use super::search::may_see;
use super::view::View;
use super::written::{Group, Leaves, Moment, Write, Written, begun, ended};

/// Places where a doubt begins that are asked about.
const TRIED: usize = 32;

/// Where a doubt about a channel stands.
pub(super) struct Stands {
    pub(super) written: Written,
    /// By node: what it sees.
    pub(super) nodes: Vec<View>,
    /// By edge: what is seen behind it.
    pub(super) edges: Vec<View>,
    /// By loop: an iteration may begin with what an earlier one has written.
    pub(super) carried: Vec<bool>,
}

/// Where the doubts about a value stand, and about those that are copied to it, in the order of their group. Nothing, where they
/// are about no channel.
pub(super) fn of_group(places: &Places<'_, '_>, subject: &Subject, missing: bool) -> (Group, Vec<Stands>) {
    let plan = places.plan;
    let mut group = Group::of(subject, missing);
    let mut all: Vec<Stands> = Vec::new();
    while let Some(next) = group.subjects.get(all.len()).cloned() {
        let Some(written) = Written::of(places, &next, &mut group) else { break };
        all.push(Stands {
            written,
            nodes: vec![View::default(); plan.nodes.len()],
            edges: vec![View::default(); plan.edges.len()],
            carried: vec![false; plan.loops.len()],
        });
    }
    if all.len() == group.subjects.len() {
        all = Pass::of(places, &group, all).goes();
    }
    (group, all)
}

impl Stands {
    /// Is there no doubt, or nothing known, at a place of the graph?
    pub(super) fn is_settled(&self, places: &Places<'_, '_>, place: Place) -> bool {
        self.at(places, place).bad == 0
    }

    /// What is seen at a place of the graph.
    pub(super) fn at(&self, places: &Places<'_, '_>, place: Place) -> View {
        match place {
            Place::Node(at) | Place::Update(at) => self.nodes[at.0 as usize],
            Place::Edge(at) => self.decided(places, at),
            Place::Outputs => View::default(),
        }
    }

    /// Is there none behind an edge on the way to such a place, and has none begun between, or beside?
    pub(super) fn is_settled_from(&self, places: &Places<'_, '_>, edge: EdgeIx, place: Place) -> bool {
        let (passed, seen) = (self.edges[edge.0 as usize], self.at(places, place));
        let from = places.plan.edge(edge).from;
        let between = (passed.since.max(seen.since), seen.bad);
        let counts = |by: NodeIx| !apart::is_never_with(places, edge, by);
        passed.bad == 0
            && seen.bad <= ended(places.plan, from)
            && self.unseen(places.plan, between, &[from], &counts, &|by| self.leaves_doubt(by)).is_none()
    }

    /// The last doubt that began between two moments by a node that none of some others sees, and that counts.
    pub(super) fn unseen(
        &self,
        plan: &Plan,
        (since, last): (Moment, Moment),
        seeing: &[NodeIx],
        counts: &dyn Fn(NodeIx) -> bool,
        doubtful: &dyn Fn(NodeIx) -> bool,
    ) -> Option<Moment> {
        let sees = |by: NodeIx| {
            seeing
                .iter()
                .any(|at| *at == by || (ended(plan, *at) > ended(plan, by) && may_see(plan, *at, by)))
        };
        let writes = self.written.nodes().filter(|by| doubtful(*by));
        let turned = plan.loops.iter().zip(&self.carried).filter(|(_, carried)| **carried);
        let begins = writes
            .map(|by| (ended(plan, by), by))
            .chain(turned.map(|(body, _)| (begun(plan, body.target), body.target)));
        let mut begins: Vec<(Moment, NodeIx)> =
            begins.filter(|(moment, _)| *moment > since && *moment <= last).collect();
        begins.sort_unstable_by_key(|(moment, _)| std::cmp::Reverse(*moment));
        // too far to tell: nothing is said
        let mut tried = begins.into_iter().take(TRIED);
        tried.find(|(_, by)| counts(*by) && !sees(*by)).map(|(moment, _)| moment)
    }

    fn leaves_doubt(&self, node: NodeIx) -> bool {
        matches!(self.written.leaves(node), Some((Leaves::Doubt(true), _)))
    }

    /// What the condition of an edge sees.
    fn decided(&self, places: &Places<'_, '_>, at: EdgeIx) -> View {
        let edge = places.plan.edge(at);
        let write = self.written.leaves(edge.from).map(|(leaves, surely)| match leaves {
            Leaves::Doubt(bad) => (bad, surely),
            Leaves::Copied(..) => (false, false),
        });
        match edge.outcome {
            EdgeOutcome::Always => {
                self.nodes[edge.from.0 as usize].or(self.left(places.plan, edge.from, write))
            }
            _ => self.ended(places, at, write),
        }
    }

    /// What a node leaves that has succeeded. `write`: does it write what leaves the doubt, and surely?
    fn left(&self, plan: &Plan, node: NodeIx, write: Option<(bool, bool)>) -> View {
        let (seen, moment) = (self.nodes[node.0 as usize], ended(plan, node));
        let Some((bad, surely)) = write else { return seen };
        match Write::of(bad, surely) {
            Write::Good => seen.written(moment),
            // it takes the place of what was before
            Write::Bad if surely => seen.settled(moment - 1).doubted(moment),
            Write::Bad => seen.doubted(moment),
            Write::Perhaps => seen,
        }
    }

    /// What is seen behind an edge, whatever it asks.
    pub(super) fn ended(&self, places: &Places<'_, '_>, at: EdgeIx, write: Option<(bool, bool)>) -> View {
        let edge = places.plan.edge(at);
        let seen = self.nodes[edge.from.0 as usize];
        let left = || self.left(places.plan, edge.from, write);
        match edge.outcome {
            EdgeOutcome::Success | EdgeOutcome::Otherwise => left(),
            // what has failed has written nothing, but where it keeps its output
            EdgeOutcome::Catch(_) if write.is_some() => match places.caught_with_output(at) {
                (true, true) => seen.or(left()),
                (true, false) => left(),
                (false, _) => seen,
            },
            EdgeOutcome::Catch(_) => seen,
            // it is followed also where its source never started, for what was before it has failed
            EdgeOutcome::Always => {
                let bad = left().ever;
                View { bad, ever: bad, ..View::default() }
            }
        }
    }
}
