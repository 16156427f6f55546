//! Is a doubt about a value settled by the conditions that lead to its place?

use std::collections::BTreeMap;

use crate::expr::{Doubt, Expression, Root, Subject};
use crate::plan::{EdgeIx, EdgeOutcome, NodeIx, PlanEdge};
use crate::types::{Chance, Field, Step};

use super::courses::{Must, Question};
use super::places::{Facts, Place, Places};
use super::results::skips;
use super::search::{Ways, on_every_way};
use super::told::Told;
use super::tried::exclude;
use super::{in_the_end, one_of};

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
    if let Some(stands) = places.stands(subject, doubt.missing) {
        return match place {
            Place::Outputs => in_the_end::is_settled(places, subject, doubt.missing, &stands),
            _ => {
                let seen = stands.at(places, place);
                let told = || Told::of_view(places, seen, subject, doubt.missing);
                seen.bad == 0 || told().is_some_and(|told| told.is_known_in(facts))
            }
        };
    }
    let ways = || Conditions::of(places, subject, doubt.missing);
    match place {
        Place::Node(at) | Place::Update(at) => ways().lead_to(at),
        // what is asked on an edge of the graph is asked behind its source
        Place::Edge(at) => ways().lead_to(places.plan.edge(at).from),
        Place::Outputs => always_asked(places, subject, doubt.missing),
    }
}

/// Does every run that succeeds pass a condition that settles it?
fn always_asked(places: &Places<'_, '_>, subject: &Subject, missing: bool) -> bool {
    let Some(courses) = &places.courses else { return true };
    let owner = owner(places, subject);
    let plan = places.plan;
    let edges = (0..).map(EdgeIx).take(plan.edges.len());
    let settling = edges.filter(|at| is_asked_for(places, *at, subject, missing));
    // that there is no output at all is one doubt, what is in it another
    let whole = missing && matches!(&subject.path[..], [Step::Field(part)] if part == "output");
    let given = owner.filter(|node| whole && !skips(plan.node(*node)));
    let question = Question {
        settles: settling.collect(),
        gives: given.into_iter().collect(),
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
}

impl<'c, 'a, 'd> Conditions<'c, 'a, 'd> {
    fn of(places: &'c Places<'a, 'd>, subject: &'c Subject, missing: bool) -> Self {
        Self { places, subject, missing, owner: owner(places, subject) }
    }

    /// Does every way to a node settle it?
    fn lead_to(mut self, at: NodeIx) -> bool {
        on_every_way(self.places.plan, at, &mut self).unwrap_or(true)
    }
}

impl Ways for Conditions<'_, '_, '_> {
    fn edge(&mut self, at: EdgeIx) -> Option<bool> {
        let edge = self.places.plan.edge(at);
        if self.settled_by(at) {
            return Some(true);
        }
        // before the node itself nobody can have asked about it, nor on a way that has come past it
        let rank = |node: NodeIx| self.places.plan.rank[node.0 as usize];
        self.owner.is_some_and(|owner| rank(edge.from) <= rank(owner)).then_some(false)
    }

    fn entry(&mut self, _: NodeIx) -> bool {
        false
    }
}

impl Conditions<'_, '_, '_> {
    /// Is the doubt whether there is an output at all?
    fn whole(&self) -> bool {
        self.missing && matches!(&self.subject.path[..], [Step::Field(part)] if part == "output")
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

/// Does what an edge asks settle the doubt? A misspelt guard may be about anything.
pub(super) fn is_settled_by(places: &Places<'_, '_>, at: EdgeIx, subject: &Subject, missing: bool) -> bool {
    places.misread.asks(places.plan, at) || is_asked_for(places, at, subject, missing)
}

/// Does what an edge asks of the value settle the doubt?
pub(super) fn is_asked_for(places: &Places<'_, '_>, at: EdgeIx, subject: &Subject, missing: bool) -> bool {
    asks(places, at, subject) && Conditions::of(places, subject, missing).settled_by(at)
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
