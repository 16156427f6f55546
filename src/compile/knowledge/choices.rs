//! The ways in which a node may end in a run that succeeds, and the edges that each of them takes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::effect::ErrorKind;
use crate::expr::{Expression, Root};
use crate::plan::{Action, EdgeIx, EdgeOutcome, LoopIx, NodeIx, Plan, PlanNode};

use super::conditions::{Decisions, leaves_when_run_out};
use super::endings::{Ending, Endings};
use super::remainder::{Keeps, Shaky, keeps};

/// One way in which a node may end, in the last iteration of the loops around it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Choice {
    /// Has it an output, or was it skipped?
    pub(super) gives: bool,
    /// The forward edges that it takes, ascending.
    pub(super) taken: Vec<EdgeIx>,
}

/// By node: no way at all, where the run fails in any case once the node runs.
pub(super) fn of(plan: &Plan, decisions: &Decisions, endings: &Endings, shaky: &[Shaky]) -> Vec<Vec<Choice>> {
    let mut all: Vec<Vec<Choice>> = vec![Vec::new(); plan.nodes.len()];
    let mut doomed = Doomed::default();
    for &at in plan.order.iter().rev() {
        let fails = doomed.never_succeeds(plan.node(at));
        let steady = shaky[at.0 as usize].is_steady();
        let mut choices = Choices { plan, at, fails, steady, endings }.all(decisions);
        // what leads to a node that can only end in failure is no way to succeed
        let ends_badly = |edge: &EdgeIx| {
            let to = plan.edge(*edge).to;
            all[to.0 as usize].is_empty() && starts_by_one(plan, plan.node(to))
        };
        choices.retain(|choice| !choice.taken.iter().any(ends_badly));
        all[at.0 as usize] = choices;
    }
    all
}

/// Does one taken edge start the node?
fn starts_by_one(plan: &Plan, node: &PlanNode) -> bool {
    let first = node.incoming.first().map(|edge| plan.edge(*edge).from);
    node.join == crate::model::Join::Some
        || node.incoming.iter().all(|edge| Some(plan.edge(*edge).from) == first)
}

/// Graphs that can only fail, each looked at once.
#[derive(Default)]
struct Doomed(BTreeMap<*const Plan, bool>);

impl Doomed {
    /// Does a node that runs fail, whatever happens? Of no items none fails, and one that is skipped does not.
    fn never_succeeds(&mut self, node: &PlanNode) -> bool {
        let runs = node.for_each.is_none() && node.skip_when.is_none();
        runs && match &node.action {
            Action::Fail { .. } => true,
            Action::Graph { plan, .. } => {
                let key = Arc::as_ptr(plan);
                if let Some(&known) = self.0.get(&key) {
                    return known;
                }
                let doomed = self.is_doomed(plan);
                self.0.insert(key, doomed);
                doomed
            }
            _ => false,
        }
    }

    /// Does something start in any case that leads to a failure in any case, and nothing catches it?
    fn is_doomed(&mut self, plan: &Plan) -> bool {
        let mut doomed = vec![false; plan.nodes.len()];
        for &at in plan.order.iter().rev() {
            let node = plan.node(at);
            let edges = || node.outgoing.iter().map(|edge| plan.edge(*edge));
            let caught = edges().any(|edge| matches!(edge.outcome, EdgeOutcome::Catch(_)));
            let leads = edges().any(|edge| {
                let plain =
                    edge.outcome == EdgeOutcome::Success && edge.when.is_none() && edge.turns.is_none();
                plain && doomed[edge.to.0 as usize] && starts_by_one(plan, plan.node(edge.to))
            });
            doomed[at.0 as usize] = !caught && (leads || self.never_succeeds(node));
        }
        plan.order.iter().any(|at| doomed[at.0 as usize] && plan.node(*at).incoming.is_empty())
    }
}

/// The edges of one node.
struct Choices<'p> {
    plan: &'p Plan,
    at: NodeIx,
    /// Does it fail in any case?
    fails: bool,
    /// Has all that it is given, and all that it writes, a value?
    steady: bool,
    endings: &'p Endings,
}

impl Choices<'_> {
    fn all(&self, decisions: &Decisions) -> Vec<Choice> {
        let mut choices = self.good(decisions);
        choices.extend(self.bad());
        choices.sort();
        choices.dedup();
        choices
    }

    fn edges(&self, wanted: impl Fn(&EdgeOutcome) -> bool, conditional: bool) -> Vec<EdgeIx> {
        let node = self.plan.node(self.at);
        let fits = |edge: &&EdgeIx| {
            let edge = self.plan.edge(**edge);
            edge.turns.is_none() && edge.when.is_some() == conditional && wanted(&edge.outcome)
        };
        node.outgoing.iter().filter(fits).copied().collect()
    }

    /// With what is taken whatever happened, and with what may be. `chosen` are the conditional edges among those taken.
    fn with_always(
        &self,
        gives: bool,
        ending: &Ending,
        chosen: &[EdgeIx],
        taken: Vec<EdgeIx>,
    ) -> Vec<Choice> {
        let always = |outcome: &EdgeOutcome| *outcome == EdgeOutcome::Always;
        let perhaps = self.edges(always, true);
        let sets = match self.endings.get(self.at, ending) {
            _ if perhaps.is_empty() => vec![Vec::new()],
            Some(together) => {
                let beside = together.beside(chosen, &perhaps);
                if beside.is_empty() { together.alone(&perhaps) } else { beside }
            }
            None => vec![Vec::new(), perhaps],
        };
        let mut taken = taken;
        taken.extend(self.edges(always, false));
        let choice = |set: Vec<EdgeIx>| {
            let mut taken: Vec<EdgeIx> = taken.iter().copied().chain(set).collect();
            taken.sort_unstable();
            Choice { gives, taken }
        };
        sets.into_iter().map(choice).collect()
    }

    fn good(&self, decisions: &Decisions) -> Vec<Choice> {
        // a loop edge without a condition turns, or fails the node
        let turns = |at: &EdgeIx| {
            let edge = self.plan.edge(*at);
            let bare = edge.outcome == EdgeOutcome::Success && edge.when.is_none();
            bare && edge.turns.is_some() && !leaves_when_run_out(self.plan, *at)
        };
        if self.fails || self.plan.node(self.at).outgoing.iter().any(turns) {
            return Vec::new();
        }
        let plain = self.edges(|outcome| *outcome == EdgeOutcome::Success, false);
        let otherwise = self.edges(|outcome| *outcome == EdgeOutcome::Otherwise, false);
        let sets = self.chosen(decisions, !otherwise.is_empty());
        let with_rest = |chosen: Vec<EdgeIx>| {
            let mut taken = chosen.clone();
            if plain.is_empty() && chosen.is_empty() {
                taken.clone_from(&otherwise);
            }
            taken.extend(&plain);
            self.with_always(true, &Ending::Well, &chosen, taken)
        };
        sets.into_iter().flat_map(with_rest).collect()
    }

    /// Of the edges that decide by conditions, those that may be taken together.
    fn chosen(&self, decisions: &Decisions, otherwise: bool) -> Vec<Vec<EdgeIx>> {
        let Some((edges, table)) = decisions.conditional(self.at) else { return vec![Vec::new()] };
        let forward = |edge: &EdgeIx| self.plan.edge(*edge).turns.is_none();
        let chosen: Vec<EdgeIx> = edges.iter().copied().filter(forward).collect();
        // one condition alone is an optional step, also beside a loop that turns for reasons of its own
        let optional = chosen[..].iter().any(|edge| chosen.len() == 1 && self.is_apart(*edge, edges));
        let Some(table) = table else {
            // what the conditions come to is not known: each may hold alone, and one alone may not hold
            let mut sets: Vec<Vec<EdgeIx>> = chosen.iter().map(|edge| vec![*edge]).collect();
            let leaves = edges.iter().any(|edge| leaves_when_run_out(self.plan, *edge));
            if otherwise || leaves || optional || chosen.is_empty() {
                sets.push(Vec::new());
            }
            sets.push(chosen);
            return sets;
        };
        // another iteration begins, or the node fails
        let turns: Vec<bool> =
            edges.iter().map(|edge| !forward(edge) && !leaves_when_run_out(self.plan, *edge)).collect();
        // where there may be fewer values than were tried, that none holds is no news of several conditions
        let none = optional || otherwise || chosen.is_empty() || table.surely_leaves_out(&turns);
        let mut sets = Vec::new();
        for row in &table.rows {
            let turning = row.holds.iter().zip(&turns).any(|(holds, turns)| *holds && *turns);
            let held = edges.iter().zip(&row.holds).filter(|(_, holds)| **holds).map(|(edge, _)| *edge);
            if !turning && (none || row.holds.contains(&true)) {
                sets.push(held.filter(forward).collect());
            }
        }
        if sets.is_empty() && table.is_loose() {
            sets.push(Vec::new());
        }
        sets.sort();
        sets.dedup();
        sets
    }

    /// Does the condition of an edge look at nothing that those of the others look at?
    fn is_apart(&self, edge: EdgeIx, all: &[EdgeIx]) -> bool {
        let own = Root::Node(self.plan.node(self.at).id.to_string());
        let roots = |edge: &EdgeIx| {
            let roots = self.plan.edge(*edge).when.iter().flat_map(Expression::roots);
            roots
                .map(
                    |root| {
                        if matches!(root, Root::Output | Root::Error) { own.clone() } else { root.clone() }
                    },
                )
                .collect::<BTreeSet<Root>>()
        };
        let looks = roots(&edge);
        all.iter().filter(|other| **other != edge).all(|other| looks.is_disjoint(&roots(other)))
    }

    /// Failures that an edge catches.
    fn bad(&self) -> Vec<Choice> {
        let node = self.plan.node(self.at);
        let mut kinds: Vec<&ErrorKind> = Vec::new();
        for edge in node.outgoing.iter().map(|edge| self.plan.edge(*edge)) {
            if let EdgeOutcome::Catch(caught) = &edge.outcome {
                kinds.extend(caught);
            }
        }
        kinds.sort();
        kinds.dedup();
        let mut choices: Vec<Choice> = kinds.into_iter().flat_map(|kind| self.caught(kind)).collect();
        choices.sort();
        choices.dedup();
        choices
    }

    fn caught(&self, kind: &ErrorKind) -> Vec<Choice> {
        let catches =
            |outcome: &EdgeOutcome| matches!(outcome, EdgeOutcome::Catch(kinds) if kinds.contains(kind));
        let turns = self.plan.node(self.at).outgoing.iter().any(|at| {
            let edge = self.plan.edge(*at);
            edge.turns.is_some()
                && edge.when.is_none()
                && catches(&edge.outcome)
                && !leaves_when_run_out(self.plan, *at)
        });
        if turns {
            return Vec::new();
        }
        let (plain, perhaps) = (self.edges(catches, false), self.edges(catches, true));
        let ending = Ending::Badly(kind.clone());
        let known = self.endings.get(self.at, &ending);
        let known = known.filter(|known| perhaps.iter().all(|edge| known.edges.contains(edge)));
        let sets: Vec<Vec<EdgeIx>> = match known {
            Some(together) => together.alone(&perhaps),
            // what the conditions come to is not known
            None if plain.is_empty() => {
                perhaps.iter().map(|edge| vec![*edge]).chain([perhaps.clone()]).collect()
            }
            None => vec![Vec::new(), perhaps],
        };
        let gives: &[bool] = match keeps(self.plan, self.at, kind, self.steady) {
            Keeps::Never => &[false],
            Keeps::Perhaps => &[false, true],
            Keeps::Surely => &[true],
        };
        gives.iter().flat_map(|gives| self.caught_so(kind, *gives, &ending, &plain, &sets)).collect()
    }

    /// The same, where the node has its output, or has none.
    fn caught_so(
        &self,
        kind: &ErrorKind,
        gives: bool,
        ending: &Ending,
        plain: &[EdgeIx],
        sets: &[Vec<EdgeIx>],
    ) -> Vec<Choice> {
        let catches =
            |outcome: &EdgeOutcome| matches!(outcome, EdgeOutcome::Catch(kinds) if kinds.contains(kind));
        let caught = sets.iter().filter(|chosen| !(plain.is_empty() && chosen.is_empty()));
        let choices: Vec<Choice> = caught
            .flat_map(|chosen| {
                let taken = plain.iter().chain(chosen).copied().collect();
                self.with_always(gives, ending, chosen, taken)
            })
            .collect();
        let past = self.over(kind).into_iter().flat_map(|over| {
            let goes_on =
                move |edge: &EdgeIx| over.iter().all(|left| self.plan.edge(*edge).leaves.contains(left));
            choices.iter().map(move |choice| Choice {
                gives,
                taken: choice.taken.iter().copied().filter(goes_on).collect(),
            })
        });
        let handled = |choice: &Choice| choice.taken.iter().any(|at| catches(&self.plan.edge(*at).outcome));
        let past: Vec<Choice> = past.filter(handled).collect();
        choices.into_iter().chain(past).collect()
    }

    /// The loops that may be over when the node fails so: that one around them has run out is known only then, and an edge
    /// that stays in them is past.
    fn over(&self, kind: &ErrorKind) -> Vec<&[LoopIx]> {
        let ends =
            |at: &&EdgeIx| self.plan.edge(**at).turns.is_some() && !leaves_when_run_out(self.plan, **at);
        let ending = self.plan.node(self.at).outgoing.iter().filter(ends);
        let over = ending.map(|at| &self.plan.edge(*at).leaves[..]).filter(|left| !left.is_empty());
        over.filter(|_| *kind == ErrorKind::Exhausted).collect()
    }
}
