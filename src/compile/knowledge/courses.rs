//! The courses that a run which succeeds may take: is there one on which something that is wanted does not happen?
//! What runs, and which edges are taken, is chosen node by node; where a search gets long, nothing is known.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::Join;
use crate::plan::{EdgeIx, EdgeOutcome, NodeIx, Plan, PlanNode};

use super::choices::{self, Choice};
use super::conditions::Decisions;
use super::endings::Endings;
use super::flow::by_source;
use super::remainder::Shaky;

/// Nodes that one search looks at.
const FARTHEST: usize = 512;
/// Steps of one search, and of all searches in one graph.
const STEPS: usize = 20_000;
const ALL_STEPS: usize = 1_000_000;

/// What is asked of every course.
#[derive(Debug, Default)]
pub(super) struct Question {
    /// One of these gives its output.
    pub(super) gives: Vec<NodeIx>,
    /// Or one of these edges is taken.
    pub(super) settles: BTreeSet<EdgeIx>,
    /// Or the failure of this node is handled.
    pub(super) heals: Option<NodeIx>,
    /// Courses without it don't count.
    pub(super) must: Option<Must>,
}

/// What happens on every course that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Must {
    /// The node gives its output.
    Give(NodeIx),
    /// The edge is taken.
    Take(EdgeIx),
}

/// Answers for one graph.
pub(super) struct Courses<'p> {
    plan: &'p Plan,
    choices: Vec<Vec<Choice>>,
    /// By node: it starts in every run that succeeds.
    starts: Vec<bool>,
    left: Cell<usize>,
}

impl<'p> Courses<'p> {
    pub(super) fn of(plan: &'p Plan, decisions: &Decisions, endings: &Endings, shaky: &[Shaky]) -> Self {
        let choices = choices::of(plan, decisions, endings, shaky);
        let starts = starts(plan, &choices);
        Self { plan, choices, starts, left: Cell::new(ALL_STEPS) }
    }

    /// Has the node surely succeeded, or was it skipped, where the run has succeeded? `true` where that is not known.
    pub(super) fn surely_gives(&self, node: NodeIx) -> bool {
        let given = || self.choices[node.0 as usize].iter().all(|choice| choice.gives);
        (self.starts[node.0 as usize] && given())
            || self.holds(&Question { gives: vec![node], ..Question::default() }).unwrap_or(true)
    }

    /// Does it happen on every course that counts? `None`: that is too far to tell.
    pub(super) fn holds(&self, question: &Question) -> Option<bool> {
        let nodes = self.relevant(question)?;
        let place = (0..).zip(&nodes).map(|(place, node)| (*node, place)).collect();
        let mut walk = Walk {
            courses: self,
            question,
            nodes,
            place,
            taken: BTreeSet::new(),
            owing: BTreeSet::new(),
            fulfilled: question.must.is_none(),
            barren: BTreeSet::new(),
            left: STEPS.min(self.left.get()),
        };
        let before = walk.left;
        let found = walk.goes_on(0);
        self.left.set(self.left.get() - (before - walk.left));
        found.map(|found| !found)
    }

    /// What leads to what is asked about, in canonical order.
    fn relevant(&self, question: &Question) -> Option<Vec<NodeIx>> {
        let plan = self.plan;
        let mut open: Vec<NodeIx> = question.gives.clone();
        open.extend(question.settles.iter().map(|edge| plan.edge(*edge).from));
        open.extend(match question.must {
            Some(Must::Give(node)) => Some(node),
            Some(Must::Take(edge)) => Some(plan.edge(edge).from),
            None => None,
        });
        if let Some(node) = &question.heals {
            open.extend(plan.node(*node).outgoing.iter().map(|edge| plan.edge(*edge).to));
        }
        let mut seen: BTreeSet<NodeIx> = open.iter().copied().collect();
        while let Some(at) = open.pop() {
            if seen.len() > FARTHEST {
                return None;
            }
            let before = plan.node(at).incoming.iter().map(|edge| plan.edge(*edge).from);
            // a failure that is caught by what then does not start ends the run
            let caught = plan.node(at).outgoing.iter().filter(|edge| is_catch(plan, **edge));
            let waits = |to: &NodeIx| plan.node(*to).join == Join::All;
            let handling = caught.map(|edge| plan.edge(*edge).to).filter(waits);
            open.extend(before.chain(handling).filter(|next| seen.insert(*next)));
        }
        let mut nodes: Vec<NodeIx> = seen.into_iter().collect();
        nodes.sort_unstable_by_key(|node| plan.rank[node.0 as usize]);
        Some(nodes)
    }
}

/// Which nodes start in every run that succeeds, by the edges that are taken in any case.
fn starts(plan: &Plan, choices: &[Vec<Choice>]) -> Vec<bool> {
    let mut starts = vec![false; plan.nodes.len()];
    let mut taken = vec![false; plan.edges.len()];
    for &at in &plan.order {
        let node = plan.node(at);
        let sure = node.incoming.is_empty() || joined(plan, node, &|edge| taken[edge.0 as usize]);
        starts[at.0 as usize] = sure;
        let [first, others @ ..] = &choices[at.0 as usize][..] else { continue };
        for edge in first.taken.iter().filter(|_| sure) {
            taken[edge.0 as usize] = others.iter().all(|other| other.taken.binary_search(edge).is_ok());
        }
    }
    starts
}

/// `some` wants one taken edge, `all` one from each source.
fn joined(plan: &Plan, node: &PlanNode, taken: &dyn Fn(&EdgeIx) -> bool) -> bool {
    match node.join {
        Join::Some => node.incoming.iter().any(taken),
        Join::All => by_source(plan, node).iter().all(|edges| edges.iter().any(taken)),
    }
}

/// A search for a course on which what is wanted does not happen.
struct Walk<'w, 'p> {
    courses: &'w Courses<'p>,
    question: &'w Question,
    nodes: Vec<NodeIx>,
    place: BTreeMap<NodeIx, usize>,
    /// On the course so far.
    taken: BTreeSet<EdgeIx>,
    /// Failed nodes, each of them caught, but by no node yet that has started.
    owing: BTreeSet<NodeIx>,
    /// What must happen has happened.
    fulfilled: bool,
    /// From here nothing was found.
    barren: BTreeSet<Standing>,
    left: usize,
}

/// What the rest of a course depends on.
type Standing = (usize, Vec<EdgeIx>, Vec<NodeIx>, bool);

impl Walk<'_, '_> {
    /// Is there a way on from the node at a place? `None`: that is too far to tell.
    fn goes_on(&mut self, place: usize) -> Option<bool> {
        let Some(&at) = self.nodes.get(place) else { return Some(self.fulfilled && self.owing.is_empty()) };
        self.left = self.left.checked_sub(1)?;
        let standing = self.standing(place);
        if self.barren.contains(&standing) {
            return Some(false);
        }
        let node = self.courses.plan.node(at);
        let reached =
            node.incoming.is_empty() || joined(self.courses.plan, node, &|edge| self.taken.contains(edge));
        let found = if reached { self.runs(place, at)? } else { self.is_left_out(place, at)? };
        if !found {
            self.barren.insert(standing);
        }
        Some(found)
    }

    fn standing(&self, place: usize) -> Standing {
        let plan = self.courses.plan;
        let ahead = |edge: &&EdgeIx| self.place.get(&plan.edge(**edge).to).is_some_and(|to| *to >= place);
        let taken = self.taken.iter().filter(ahead).copied().collect();
        (place, taken, self.owing.iter().copied().collect(), self.fulfilled)
    }

    fn is_left_out(&mut self, place: usize, at: NodeIx) -> Option<bool> {
        if self.question.must == Some(Must::Give(at)) {
            return Some(false);
        }
        let plan = self.courses.plan;
        let later = |edge: &EdgeIx| {
            let to = self.place.get(&plan.edge(*edge).to);
            self.taken.contains(edge) && to.is_none_or(|to| *to > place)
        };
        let is_lost = |failed: &NodeIx| {
            let mut caught = plan.node(*failed).outgoing.iter().filter(|edge| is_catch(plan, **edge));
            !caught.any(later)
        };
        if self.owing.iter().any(is_lost) {
            return Some(false);
        }
        self.goes_on(place + 1)
    }

    fn runs(&mut self, place: usize, at: NodeIx) -> Option<bool> {
        let plan = self.courses.plan;
        let caught = |edge: &&EdgeIx| self.taken.contains(edge) && is_catch(plan, **edge);
        let healed: Vec<NodeIx> =
            plan.node(at).incoming.iter().filter(caught).map(|edge| plan.edge(*edge).from).collect();
        if self.question.heals.is_some_and(|failed| healed.contains(&failed)) {
            return Some(false);
        }
        let owing = self.owing.clone();
        self.owing.retain(|failed| !healed.contains(failed));
        let mut found = false;
        for choice in &self.courses.choices[at.0 as usize] {
            found = self.chooses(place, at, choice)?;
            if found {
                break;
            }
        }
        self.owing = owing;
        Some(found)
    }

    fn chooses(&mut self, place: usize, at: NodeIx, choice: &Choice) -> Option<bool> {
        let question = self.question;
        let happens = (choice.gives && question.gives.contains(&at))
            || choice.taken.iter().any(|edge| question.settles.contains(edge));
        let fulfils = match question.must {
            Some(Must::Give(node)) if node == at => Some(choice.gives),
            Some(Must::Take(edge)) if self.courses.plan.edge(edge).from == at => {
                Some(choice.taken.contains(&edge))
            }
            _ => None,
        };
        if happens || fulfils == Some(false) {
            return Some(false);
        }
        let before = self.fulfilled;
        self.fulfilled |= fulfils == Some(true);
        self.taken.extend(&choice.taken);
        let owes = question.heals != Some(at) && self.owes(choice) && self.owing.insert(at);
        let found = self.goes_on(place + 1);
        if owes {
            self.owing.remove(&at);
        }
        for edge in &choice.taken {
            self.taken.remove(edge);
        }
        self.fulfilled = before;
        found
    }

    /// Is it a failure that only nodes of this search can handle?
    fn owes(&self, choice: &Choice) -> bool {
        let plan = self.courses.plan;
        let mut caught = choice.taken.iter().filter(|edge| is_catch(plan, **edge)).peekable();
        caught.peek().is_some() && caught.all(|edge| self.place.contains_key(&plan.edge(*edge).to))
    }
}

fn is_catch(plan: &Plan, edge: EdgeIx) -> bool {
    matches!(plan.edge(edge).outcome, EdgeOutcome::Catch(_))
}
