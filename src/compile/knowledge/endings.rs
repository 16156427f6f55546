//! Which conditional edges of a node hold together, for each way in which the node may have ended: `always` edges are asked
//! after a failure as well as after a success, and what they ask may have been settled by that.

use std::collections::BTreeMap;

use crate::effect::ErrorKind;
use crate::expr::{Expression, Root, Subjects};
use crate::plan::{EdgeIx, EdgeOutcome, NodeIx, Plan, PlanEdge};
use crate::types::{Field, Step, Type};

use super::conditions::leaves_when_run_out;
use super::outcome::{Outcomes, Remains, error_of};
use super::places::{Facts, Place, Places};
use super::remainder::{Keeps, by_edges, keeps, own_failure};
use super::results::skips;
use super::tried::try_each;

/// Conditions that are tried in one graph for this.
const MOST: usize = 200_000;

/// How a node has ended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ending {
    /// It has succeeded, or was skipped.
    Well,
    /// It has failed.
    Badly(ErrorKind),
}

/// Conditional forward edges of a node, and the sets of them that may hold together. Where a loop edge turns its loop, nothing
/// has ended yet.
#[derive(Debug)]
pub(super) struct Together {
    pub(super) edges: Vec<EdgeIx>,
    pub(super) sets: Vec<Vec<EdgeIx>>,
}

impl Together {
    /// The parts that some of its edges have in the sets which agree with `chosen` about the others.
    pub(super) fn beside(&self, chosen: &[EdgeIx], some: &[EdgeIx]) -> Vec<Vec<EdgeIx>> {
        let others = || self.edges.iter().filter(|edge| !some.contains(edge));
        let agrees = |set: &&Vec<EdgeIx>| others().all(|edge| set.contains(edge) == chosen.contains(edge));
        parts(self.sets.iter().filter(agrees), some)
    }

    /// The parts that some of its edges have in all sets.
    pub(super) fn alone(&self, some: &[EdgeIx]) -> Vec<Vec<EdgeIx>> {
        parts(self.sets.iter(), some)
    }
}

fn parts<'s>(sets: impl Iterator<Item = &'s Vec<EdgeIx>>, some: &[EdgeIx]) -> Vec<Vec<EdgeIx>> {
    let part = |set: &Vec<EdgeIx>| set.iter().copied().filter(|edge| some.contains(edge)).collect();
    let mut parts: Vec<Vec<EdgeIx>> = sets.map(part).collect();
    parts.sort();
    parts.dedup();
    parts
}

/// By node and ending, where all that the conditions tell apart could be tried.
#[derive(Debug, Default)]
pub(super) struct Endings(BTreeMap<(NodeIx, Ending), Together>);

impl Endings {
    pub(super) fn of(places: &Places<'_, '_>) -> Self {
        let plan = places.plan;
        let mut endings = Self::default();
        let mut left = MOST;
        for (at, node) in (0..).map(NodeIx).zip(&plan.nodes) {
            let edges = || node.outgoing.iter().map(|edge| plan.edge(*edge));
            let after_failure = |edge: &PlanEdge| {
                edge.when.is_some() && matches!(edge.outcome, EdgeOutcome::Always | EdgeOutcome::Catch(_))
            };
            if !edges().any(after_failure) {
                continue;
            }
            let caught = edges().flat_map(|edge| match &edge.outcome {
                EdgeOutcome::Catch(kinds) => &kinds[..],
                _ => &[],
            });
            let mut ends = vec![Ending::Well];
            ends.extend(caught.cloned().map(Ending::Badly));
            ends.sort();
            ends.dedup();
            for ending in ends {
                let found = Ended { places, at, ending: &ending }.together(&mut left);
                if let Some(together) = found {
                    endings.0.insert((at, ending), together);
                }
            }
        }
        endings
    }

    pub(super) fn get(&self, at: NodeIx, ending: &Ending) -> Option<&Together> {
        self.0.get(&(at, ending.clone()))
    }
}

/// A node that has ended.
struct Ended<'e, 'a, 'd> {
    places: &'e Places<'a, 'd>,
    at: NodeIx,
    ending: &'e Ending,
}

impl Ended<'_, '_, '_> {
    fn together(&self, left: &mut usize) -> Option<Together> {
        let plan = self.places.plan;
        let asked = |edge: &EdgeIx| plan.edge(*edge).when.is_some() && self.asks(plan.edge(*edge));
        let all: Vec<EdgeIx> = plan.node(self.at).outgoing.iter().copied().filter(asked).collect();
        let always = |edge: &EdgeIx| plan.edge(*edge).outcome == EdgeOutcome::Always;
        let some: Vec<EdgeIx> = all.iter().copied().filter(always).collect();
        // where the others are too many to be tried, what holds beside them is not known
        [all, some].into_iter().filter(|edges| !edges.is_empty()).find_map(|edges| self.tried(edges, left))
    }

    /// Is the condition of an edge asked after this end?
    fn asks(&self, edge: &PlanEdge) -> bool {
        match (&edge.outcome, self.ending) {
            (EdgeOutcome::Always, _) | (EdgeOutcome::Success, Ending::Well) => true,
            (EdgeOutcome::Catch(kinds), Ending::Badly(kind)) => kinds.contains(kind),
            _ => false,
        }
    }

    fn tried(&self, edges: Vec<EdgeIx>, left: &mut usize) -> Option<Together> {
        let plan = self.places.plan;
        let own = plan.node(self.at).id.as_str();
        let result = self.result();
        let part = |name: &str| result.at(&[Step::Field(name.to_owned())]).unwrap_or(Field::ANY);
        let mut subjects = Subjects::with_absent();
        let mut conditions: Vec<&Expression> = Vec::with_capacity(edges.len());
        for &edge in &edges {
            let when = plan.edge(edge).when.as_ref()?;
            let mut known = |root: &Root| match root {
                Root::Node(id) if id == own => result.clone(),
                Root::Output => part("output"),
                Root::Error => part("error"),
                root => self.places.known_behind(Place::Edge(edge), &Facts::new(), root),
            };
            if !when.tells_apart(&mut subjects, Some(own), &mut known) {
                return None;
            }
            conditions.push(when);
        }
        // once a condition without a value has failed the node, or its loop has run out, one is simply not true
        let lenient = matches!(self.ending, Ending::Badly(kind) if by_edges(kind));
        let mut sets = Vec::new();
        try_each(self.places, own, &subjects, &conditions, &mut |_, holds| {
            *left = left.saturating_sub(holds.len());
            if lenient || holds.iter().all(Option::is_some) {
                let held = edges.iter().zip(&holds).filter(|(_, holds)| **holds == Some(true));
                sets.push(held.map(|(edge, _)| *edge).collect());
            }
        })?;
        if *left == 0 {
            return None;
        }
        let forward = |edge: &EdgeIx| plan.edge(*edge).turns.is_none();
        let turns = |edge: &EdgeIx| !forward(edge) && !leaves_when_run_out(plan, *edge);
        sets.retain(|set: &Vec<EdgeIx>| !set.iter().any(turns));
        for set in &mut sets {
            set.retain(forward);
        }
        sets.sort();
        sets.dedup();
        let edges = edges.into_iter().filter(forward).collect();
        (!sets.is_empty()).then_some(Together { edges, sets })
    }

    /// `nodes.ID` after this end.
    fn result(&self) -> Field {
        let plan: &Plan = self.places.plan;
        let node = plan.node(self.at);
        let mut remains = Remains::of(node);
        let (outcomes, kind) = match self.ending {
            Ending::Well => {
                let skipped = skips(node);
                (Outcomes { succeeded: true, skipped, ..Outcomes::default() }, Type::TEXT)
            }
            Ending::Badly(kind) => {
                let shaky = self.places.shaky(self.at);
                remains.lacks = own_failure(plan, self.at, &[kind], shaky);
                let left = keeps(plan, self.at, kind, shaky.is_steady());
                let outcomes = Outcomes {
                    failed: left != Keeps::Surely,
                    kept: left != Keeps::Never,
                    ..Outcomes::default()
                };
                (outcomes, Type::words([kind.as_str()]))
            }
        };
        let error = || error_of(kind, remains);
        outcomes.result(&self.places.wholes[self.at.0 as usize], error, skips(node))
    }
}
