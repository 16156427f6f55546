//! Is a doubt about a value settled by the conditions that lead to its place?

use std::collections::{BTreeMap, BTreeSet};

use crate::expr::{Doubt, Expression, Root, Subject};
use crate::plan::{EdgeIx, EdgeOutcome, NodeIx, PlanEdge};
use crate::types::{Chance, Field, Step};

use super::courses::{Must, Question};
use super::one_of;
use super::places::{Facts, Place, Places};
use super::results::skips;
use super::search::{FARTHEST, Ways, leads, on_every_way};
use super::tried::exclude;
use super::written::{Written, replaces};

pub(super) fn is_settled(places: &Places<'_, '_>, place: Place, facts: &Facts, doubt: &Doubt) -> bool {
    // a misspelt guard may be about anything
    if places.misread.is_around(places.plan, place) {
        return true;
    }
    if doubt.subjects.len() > 1 {
        return one_of::is_there(places, place, facts, &doubt.subjects);
    }
    let Some(subject) = doubt.subjects.first() else { return false };
    if known_in(facts, subject, doubt.missing) {
        return true;
    }
    match place {
        Place::Node(at) | Place::Update(at) => {
            Conditions::of(places, subject, doubt.missing, Some(at)).lead_to(at)
        }
        Place::Edge(at) => {
            let edge = places.plan.edge(at);
            let ways = Conditions::of(places, subject, doubt.missing, Some(edge.from));
            // its edges see what it wrote
            ways.written_by(at).unwrap_or_else(|| ways.lead_to(edge.from))
        }
        Place::Outputs => always_asked(places, subject, doubt.missing),
    }
}

/// Does every run that succeeds pass a condition that settles it?
fn always_asked(places: &Places<'_, '_>, subject: &Subject, missing: bool) -> bool {
    let Some(courses) = &places.courses else { return true };
    let owner = owner(places, subject);
    let ways = Conditions::of(places, subject, missing, None);
    if ways.written.as_ref().is_some_and(|written| written.calm) {
        return true;
    }
    let plan = places.plan;
    let edges = (0..).map(EdgeIx).zip(&plan.edges);
    let settling = edges.filter(|(at, _)| asks(places, *at, subject) && ways.settled_by(*at));
    // what is written behind it may be another value
    let writers = ways.written.as_ref().map_or(&[][..], |written| &written.writers);
    let stays =
        |to: NodeIx| !writers.iter().any(|writer| *writer == to || leads(plan, to, *writer) == Some(true));
    let settling = settling.filter(|(_, edge)| stays(edge.to));
    // that there is no output at all is one doubt, what is in it another
    let whole = missing && matches!(&subject.path[..], [Step::Field(part)] if part == "output");
    let given = owner.filter(|node| whole && !skips(plan.node(*node)));
    let last = plan
        .order
        .iter()
        .copied()
        .filter(|node| ways.written.as_ref().is_some_and(|written| written.is_last(places, *node)));
    let question = Question {
        settles: settling.map(|(at, _)| at).collect(),
        gives: given.into_iter().chain(last).collect(),
        must: owner.filter(|_| !whole).map(Must::Give),
        ..Question::default()
    };
    courses.holds(&question).unwrap_or(true)
}

/// The node whose result it is.
pub(super) fn owner(places: &Places<'_, '_>, subject: &Subject) -> Option<NodeIx> {
    match &subject.root {
        Root::Node(id) => places.index.get(id.as_str()).copied(),
        _ => None,
    }
}

/// Is it known of a value, by what is known of its root?
pub(super) fn known_in(facts: &Facts, subject: &Subject, missing: bool) -> bool {
    facts.get(&subject.root).is_some_and(|field| settles(field, &subject.path, missing))
}

pub(super) fn settles(field: &Field, path: &[Step], missing: bool) -> bool {
    // what can't be at all is of no way that is taken
    let Some(found) = field.at(path) else { return true };
    if missing { found.missing != Chance::Known } else { found.ty.null != Chance::Known }
}

/// Conditions on each way that settle the doubt.
struct Conditions<'c, 'a, 'd> {
    places: &'c Places<'a, 'd>,
    subject: &'c Subject,
    missing: bool,
    owner: Option<NodeIx>,
    /// The node where the doubt is; none where it is in the outputs.
    reader: Option<NodeIx>,
    /// What is written, where the doubt is about a channel.
    written: Option<Written>,
}

impl<'c, 'a, 'd> Conditions<'c, 'a, 'd> {
    /// Whatever has been written.
    fn asked(places: &'c Places<'a, 'd>, subject: &'c Subject, missing: bool) -> Self {
        let owner = owner(places, subject);
        Self { places, subject, missing, owner, reader: None, written: None }
    }

    fn of(places: &'c Places<'a, 'd>, subject: &'c Subject, missing: bool, reader: Option<NodeIx>) -> Self {
        let written = Written::of(places, subject, missing, reader);
        Self { reader, written, ..Self::asked(places, subject, missing) }
    }

    /// Does every way to a node settle it?
    fn lead_to(mut self, at: NodeIx) -> bool {
        self.written.as_ref().is_some_and(|written| written.calm)
            || on_every_way(self.places.plan, at, &mut self).unwrap_or(true)
    }

    /// What the source of an edge, where it has written, has left there.
    fn written_by(&self, at: EdgeIx) -> Option<bool> {
        self.written.as_ref()?.by(self.places, at)
    }
}

impl Ways for Conditions<'_, '_, '_> {
    fn edge(&mut self, at: EdgeIx) -> Option<bool> {
        let edge = self.places.plan.edge(at);
        if self.settled_by(at) {
            return Some(true);
        }
        // what was asked before it was written says nothing of what was written
        if let Some(settled) = self.written_by(at) {
            return Some(settled);
        }
        // it is followed also where its source never started
        if edge.outcome == EdgeOutcome::Always && self.written.is_some() {
            return Some(false);
        }
        // before the node itself nobody can have asked about it, nor on a way that has come past it
        let rank = |node: NodeIx| self.places.plan.rank[node.0 as usize];
        self.owner.is_some_and(|owner| rank(edge.from) <= rank(owner)).then_some(false)
    }

    fn entry(&mut self, _: NodeIx) -> bool {
        self.written.as_ref().is_some_and(|written| written.begins(self.places))
    }

    fn turn(&mut self, target: NodeIx) -> bool {
        !self.comes_back(target)
    }
}

impl Conditions<'_, '_, '_> {
    /// Is the doubt whether there is an output at all?
    fn whole(&self) -> bool {
        self.missing && matches!(&self.subject.path[..], [Step::Field(part)] if part == "output")
    }

    /// May the loop, which is around the reader or has led to it, turn after the value was written anew, with nothing asked about it
    /// since?
    fn comes_back(&self, target: NodeIx) -> bool {
        let plan = self.places.plan;
        // of those around its target, a loop is the innermost
        let turned = plan.node(target).loops.last().copied();
        let turned = turned.filter(|turned| plan.loops[turned.0 as usize].target == target);
        let (Some(turned), Root::Channel(_)) = (turned, &self.subject.root) else { return false };
        let within = |node: NodeIx| plan.node(node).loops.contains(&turned);
        let body = &plan.loops[turned.0 as usize].body;
        if body.len() > FARTHEST || self.reader.is_none() {
            return false;
        }
        let writers = self.written.as_ref().map_or(&[][..], |written| &written.writers);
        let writes = |node: NodeIx| writers.contains(&node);
        let mut open: Vec<NodeIx> = body.iter().copied().filter(|node| writes(*node)).collect();
        let mut seen: BTreeSet<NodeIx> = open.iter().copied().collect();
        while let Some(at) = open.pop() {
            for (ix, edge) in plan.node(at).outgoing.iter().map(|ix| (*ix, plan.edge(*ix))) {
                // what has failed has written nothing
                let failed = matches!(edge.outcome, EdgeOutcome::Catch(_));
                let unwritten = failed && !self.places.keeping(&[at]).contains(&ix);
                if self.settled_by(ix) || (writes(at) && unwritten) {
                    continue;
                }
                if edge.turns == Some(turned) {
                    return true;
                }
                let again = replaces(self.places, edge.to, self.subject).is_some() && !writes(edge.to);
                if edge.turns.is_none() && within(edge.to) && !again && seen.insert(edge.to) {
                    open.push(edge.to);
                }
            }
        }
        false
    }

    /// Is the edge never taken where its source was skipped, for what both conditions look at?
    fn was_not_skipped(&self, at: EdgeIx) -> bool {
        let (edge, plan) = (self.places.plan.edge(at), self.places.plan);
        let good = matches!(edge.outcome, EdgeOutcome::Success);
        let conditions = plan.node(edge.from).skip_when.as_ref().zip(edge.when.as_ref());
        conditions.is_some_and(|(skip, when)| {
            let (skip, when) = ((Place::Node(edge.from), skip), (Place::Edge(at), when));
            good && exclude(self.places, skip, when, edge.from)
        })
    }

    fn settled_by(&self, at: EdgeIx) -> bool {
        let plan = self.places.plan;
        if self.places.misread.asks(plan, at) {
            return true;
        }
        let edge = plan.edge(at);
        let facts = self.places.asked_by(at);
        if known_in(&facts, self.subject, self.missing) {
            return true;
        }
        // the source's own result has a second name there
        if self.owner != Some(edge.from) {
            return false;
        }
        if self.whole() && self.was_not_skipped(at) {
            return true;
        }
        let own = match self.subject.path.split_first() {
            Some((Step::Field(name), rest)) if name == "output" => Some((Root::Output, rest)),
            Some((Step::Field(name), rest)) if name == "error" => Some((Root::Error, rest)),
            _ => None,
        };
        own.is_some_and(|(root, rest)| {
            facts.get(&root).is_some_and(|field| settles(field, rest, self.missing))
        })
    }
}

/// Does what an edge asks settle that a value may be missing?
pub(super) fn is_asked_for(places: &Places<'_, '_>, at: EdgeIx, subject: &Subject) -> bool {
    asks(places, at, subject) && Conditions::asked(places, subject, true).settled_by(at)
}

/// Is something asked on an edge, or for an `otherwise` beside it, that looks at the value?
fn asks(places: &Places<'_, '_>, at: EdgeIx, subject: &Subject) -> bool {
    let plan = places.plan;
    let edge = plan.edge(at);
    let asks =
        |edge: &PlanEdge| edge.when.as_ref().is_some_and(|when| mentions(places, edge.from, when, subject));
    let beside = || plan.node(edge.from).outgoing.iter().any(|other| asks(plan.edge(*other)));
    asks(edge) || (edge.outcome == EdgeOutcome::Otherwise && beside())
}

/// Does a condition look at the value, or at what is around it or in it?
fn mentions(places: &Places<'_, '_>, from: NodeIx, when: &Expression, subject: &Subject) -> bool {
    let names: BTreeMap<NodeIx, &str> = BTreeMap::from([(from, places.plan.node(from).id.as_str())]);
    let own = names.get(&from).is_some_and(|id| subject.root == Root::Node((*id).to_owned()));
    when.roots()
        .iter()
        .any(|root| *root == subject.root || (own && matches!(root, Root::Output | Root::Error)))
}
