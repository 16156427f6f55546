//! How nodes have ended, as a place of the graph sees them, and what `nodes.ID` is there.

use std::collections::BTreeSet;

use crate::effect::ErrorKind;
use crate::plan::{EdgeIx, EdgeOutcome, NodeIx, Plan, PlanEdge, PlanNode};
use crate::types::{Field, Type};

use super::outcome::{Outcomes, Remains, error_of};
use super::outputs;
use super::places::{Place, Places};
use super::remainder::{Keeps, keeps, own_failure};
use super::search::{Done, Ways, leads, on_every_way};

impl Places<'_, '_> {
    /// `nodes.ID` at a place; any value, where it is never seen.
    pub(super) fn result(&self, place: Place, node: NodeIx) -> Field {
        let Some(outcomes) = self.outcomes(place, node) else { return Field::ANY };
        let kinds =
            if outcomes.failed || outcomes.kept { self.kinds(place, node, outcomes) } else { Vec::new() };
        let own = matches!(place, Place::Edge(edge) if self.plan.edge(edge).from == node);
        let found = || {
            let error = || self.error(node, &kinds);
            outcomes.result(&self.wholes[node.0 as usize], error, skips(self.plan.node(node)))
        };
        // what its own edges see is not all known while they are looked at
        if own || !kinds.is_empty() {
            return found();
        }
        let mut ended = self.ended.borrow_mut();
        let ended = &mut ended[node.0 as usize];
        if let Some((_, known)) = ended.iter().find(|(known, _)| *known == outcomes) {
            return known.clone();
        }
        let found = found();
        ended.push((outcomes, found.clone()));
        found
    }

    /// How a node may have ended, as a place sees it; `None` where its result is never seen.
    pub(super) fn outcomes(&self, place: Place, node: NodeIx) -> Option<Outcomes> {
        match place {
            Place::Update(at) if at == node => Some(Outcomes { succeeded: true, ..Outcomes::default() }),
            Place::Node(at) | Place::Update(at) => self.before(at, node),
            Place::Edge(edge) => {
                let edge = self.plan.edge(edge);
                if edge.from == node {
                    return Some(self.just_ended(node, &edge.outcome));
                }
                let before = self.before(edge.from, node)?;
                // it is followed also where its source never started
                Some(match edge.outcome {
                    EdgeOutcome::Always => Outcomes { open: true, ..Outcomes::ENDED },
                    _ => before,
                })
            }
            Place::Outputs => {
                let surely = self.surely.get(&node).copied().unwrap_or(true);
                // also where its failure, with its output, was caught
                let good = Outcomes { kept: self.flow.handled[node.0 as usize], ..self.good(node) };
                Some(if surely { good } else { Outcomes::ENDED })
            }
        }
    }

    /// How a node has ended whose edge is decided.
    fn just_ended(&self, node: NodeIx, outcome: &EdgeOutcome) -> Outcomes {
        let skips = skips(self.plan.node(node));
        match outcome {
            EdgeOutcome::Success | EdgeOutcome::Otherwise => {
                Outcomes { succeeded: true, skipped: skips, ..Outcomes::default() }
            }
            EdgeOutcome::Catch(kinds) => {
                let kept = |kind: &ErrorKind| self.keeps(node, kind);
                Outcomes {
                    failed: kinds.iter().any(|kind| kept(kind) != Keeps::Surely),
                    kept: kinds.iter().any(|kind| kept(kind) != Keeps::Never),
                    ..Outcomes::default()
                }
            }
            EdgeOutcome::Always => Outcomes::ENDED,
        }
    }

    fn keeps(&self, node: NodeIx, kind: &ErrorKind) -> Keeps {
        keeps(self.plan, node, kind, self.shaky(node).is_steady())
    }

    /// The edges that catch a failure of one of these nodes which leaves it its output.
    pub(super) fn keeping(&self, nodes: &[NodeIx]) -> BTreeSet<EdgeIx> {
        let edges = nodes.iter().flat_map(|node| self.plan.node(*node).outgoing.iter().copied());
        let keeping = edges.filter(|edge| {
            let edge = self.plan.edge(*edge);
            let kept = |kind: &ErrorKind| self.keeps(edge.from, kind) == Keeps::Surely;
            matches!(&edge.outcome, EdgeOutcome::Catch(kinds) if kinds.iter().all(kept))
        });
        keeping.collect()
    }

    /// Behind an edge that catches: may the source have its output, and may it have none?
    pub(super) fn caught_with_output(&self, at: EdgeIx) -> (bool, bool) {
        let edge = self.plan.edge(at);
        let ended = self.just_ended(edge.from, &edge.outcome);
        (ended.kept, ended.failed)
    }

    fn before(&self, at: NodeIx, node: NodeIx) -> Option<Outcomes> {
        if self.flow.follows(at, node) {
            return Some(self.good(node));
        }
        let key = (at, node);
        if let Some(&known) = self.seen.borrow().get(&key) {
            return known;
        }
        let found = self.search(at, node);
        self.seen.borrow_mut().insert(key, found);
        found
    }

    fn good(&self, node: NodeIx) -> Outcomes {
        Outcomes { succeeded: true, skipped: skips(self.plan.node(node)), ..Outcomes::default() }
    }

    fn search(&self, at: NodeIx, node: NodeIx) -> Option<Outcomes> {
        let plan = self.plan;
        let later = plan.rank[node.0 as usize] >= plan.rank[at.0 as usize];
        if later || leads(plan, node, at) == Some(false) {
            return None;
        }
        let succeeded = on_every_way(plan, at, &mut Done::succeeded(plan, self.flow, at, &[node]));
        if succeeded == Some(true) {
            return Some(self.good(node));
        }
        if on_every_way(plan, at, &mut Done::failed(plan, node)) == Some(true) {
            return Some(self.caught(at, node));
        }
        // with its output, whether it has succeeded or not
        let keeping = self.keeping(&[node]);
        let mut given = Some(false);
        if !keeping.is_empty() {
            let mut done = Done::succeeded(plan, self.flow, at, &[node]).or_taken(keeping);
            given = on_every_way(plan, at, &mut done);
            if given == Some(true) {
                return Some(Outcomes { kept: true, ..self.good(node) });
            }
        }
        // one of its edges was taken, and so it has ended as they say
        if on_every_way(plan, at, &mut Ended { plan, node }) == Some(true) {
            let led = self.leading(at, node, |edge| edge.outcome != EdgeOutcome::Always);
            return Some(
                led.fold(Outcomes::default(), |all, edge| all.or(self.just_ended(node, &edge.outcome))),
            );
        }
        let too_far = succeeded.is_none() || given.is_none();
        Some(if too_far { Outcomes::UNKNOWN } else { Outcomes { open: true, ..Outcomes::ENDED } })
    }

    /// A node that failed on every way here: with its output, where no other failure leads here.
    fn caught(&self, at: NodeIx, node: NodeIx) -> Outcomes {
        let outcomes = self.catching(at, node).map(|edge| self.just_ended(node, &edge.outcome));
        let all = outcomes.fold(Outcomes::default(), Outcomes::or);
        // where it is too far to tell which
        if all == Outcomes::default() { Outcomes { failed: true, kept: true, ..all } } else { all }
    }

    /// The edges that catch a failure of `node`, and lead to `at` in any case.
    fn catching(&self, at: NodeIx, node: NodeIx) -> impl Iterator<Item = &PlanEdge> {
        self.leading(at, node, |edge| matches!(edge.outcome, EdgeOutcome::Catch(_)))
    }

    /// The `wanted` edges of `node` by which a way may lead to `at`.
    fn leading(
        &self,
        at: NodeIx,
        node: NodeIx,
        wanted: impl Fn(&PlanEdge) -> bool,
    ) -> impl Iterator<Item = &PlanEdge> {
        let edges = self.plan.node(node).outgoing.iter().map(|edge| self.plan.edge(*edge));
        edges.filter(move |edge| {
            wanted(edge) && (edge.to == at || leads(self.plan, edge.to, at) != Some(false))
        })
    }

    /// The kinds of failures of a node that lead to a place.
    fn kinds(&self, place: Place, node: NodeIx, outcomes: Outcomes) -> Vec<&ErrorKind> {
        let none = outcomes.unreached || outcomes.open;
        let edges: Vec<&PlanEdge> = match place {
            _ if none => Vec::new(),
            Place::Edge(edge) if self.plan.edge(edge).from == node => vec![self.plan.edge(edge)],
            Place::Edge(edge) => self.catching(self.plan.edge(edge).from, node).collect(),
            Place::Node(at) | Place::Update(at) => self.catching(at, node).collect(),
            Place::Outputs => Vec::new(),
        };
        let mut kinds: Vec<&ErrorKind> = Vec::new();
        for edge in &edges {
            if let EdgeOutcome::Catch(caught) = &edge.outcome {
                kinds.extend(caught);
            }
        }
        kinds
    }

    /// `nodes.ID.error` where failures of some kinds lead; of any, where they are none.
    fn error(&self, node: NodeIx, kinds: &[&ErrorKind]) -> Type {
        let own = own_failure(self.plan, node, kinds, self.shaky(node));
        let node = self.plan.node(node);
        let mut remains = Remains { lacks: own, ..Remains::of(node) };
        if kinds.is_empty() {
            return error_of(Type::TEXT, remains);
        }
        if kinds.iter().all(|kind| **kind == ErrorKind::Exit) {
            remains.output = remains.output.map(|_| outputs::of_failed(node));
        }
        remains.limit &= kinds.contains(&&ErrorKind::Limit);
        error_of(Type::words(kinds.iter().map(|kind| kind.as_str())), remains)
    }
}

/// May the node itself be skipped? In a `for_each` its items are.
pub(super) fn skips(node: &PlanNode) -> bool {
    node.skip_when.is_some() && node.for_each.is_none()
}

/// Is an edge of a node passed that is only taken when it has ended?
struct Ended<'p> {
    plan: &'p Plan,
    node: NodeIx,
}

impl Ways for Ended<'_> {
    fn edge(&mut self, at: EdgeIx) -> Option<bool> {
        let edge = self.plan.edge(at);
        let rank = |node: NodeIx| self.plan.rank[node.0 as usize];
        match edge.outcome {
            // it is followed also where its source never started
            EdgeOutcome::Always => Some(false),
            _ if edge.from == self.node => Some(true),
            // a way that has come past it
            _ => (rank(edge.from) < rank(self.node)).then_some(false),
        }
    }

    fn entry(&mut self, _: NodeIx) -> bool {
        false
    }
}
