//! Is a doubt about a value settled by the conditions that lead to its place?

use std::collections::BTreeMap;

use crate::expr::{Doubt, Expression, Root, Subject};
use crate::plan::{EdgeIx, EdgeOutcome, NodeIx};
use crate::types::{Chance, Field, Step};

use super::places::{Facts, Place, Places};
use super::search::{Done, Ways, on_every_way};

pub(super) fn is_settled(places: &Places<'_, '_>, place: Place, facts: &Facts, doubt: &Doubt) -> bool {
    if doubt.subjects.len() > 1 {
        return one_is_there(places, place, doubt);
    }
    let Some(subject) = doubt.subjects.first() else { return false };
    if known_in(facts, subject, doubt.missing) {
        return true;
    }
    match place {
        Place::Node(at) | Place::Update(at) => led_by_condition(places, at, subject, doubt.missing),
        Place::Edge(edge) => led_by_condition(places, places.plan.edge(edge).from, subject, doubt.missing),
        // a run succeeds on many ways; where a condition asks about it, the author knows of it
        Place::Outputs => places
            .plan
            .edges
            .iter()
            .any(|edge| edge.when.as_ref().is_some_and(|when| mentions(places, edge.from, when, subject))),
    }
}

fn led_by_condition(places: &Places<'_, '_>, at: NodeIx, subject: &Subject, missing: bool) -> bool {
    let owner = match &subject.root {
        Root::Node(id) => places.index.get(id.as_str()).copied(),
        _ => None,
    };
    let mut ways = Conditions { places, subject, missing, owner };
    on_every_way(places.plan, at, &mut ways).unwrap_or(true)
}

fn known_in(facts: &Facts, subject: &Subject, missing: bool) -> bool {
    facts.get(&subject.root).is_some_and(|field| settles(field, &subject.path, missing))
}

fn settles(field: &Field, path: &[Step], missing: bool) -> bool {
    // what can't be at all is of no way that is taken
    let Some(found) = field.at(path) else { return true };
    if missing { found.missing != Chance::Known } else { found.ty.null != Chance::Known }
}

/// `first_of`: each way brings one of its arguments.
fn one_is_there(places: &Places<'_, '_>, place: Place, doubt: &Doubt) -> bool {
    let of_node = |subject: &Subject| match (&subject.root, subject.path.first()) {
        (Root::Node(id), Some(Step::Field(part))) if part == "output" => {
            places.index.get(id.as_str()).copied()
        }
        _ => None,
    };
    let Some(nodes) = doubt.subjects.iter().map(of_node).collect::<Option<Vec<NodeIx>>>() else {
        return true;
    };
    match place {
        Place::Node(at) | Place::Update(at) => {
            let mut done = Done::succeeded(places.plan, places.flow, at, &nodes);
            on_every_way(places.plan, at, &mut done).unwrap_or(true)
        }
        Place::Edge(_) | Place::Outputs => true,
    }
}

/// Conditions on each way that settle the doubt.
struct Conditions<'c, 'a, 'd> {
    places: &'c Places<'a, 'd>,
    subject: &'c Subject,
    missing: bool,
    owner: Option<NodeIx>,
}

impl Ways for Conditions<'_, '_, '_> {
    fn edge(&mut self, at: EdgeIx) -> Option<bool> {
        let edge = self.places.plan.edge(at);
        if self.settled_by(at) {
            return Some(true);
        }
        // before the node itself nobody can have asked about it
        (self.owner == Some(edge.from)).then_some(false)
    }

    fn entry(&mut self, _: NodeIx) -> bool {
        false
    }
}

impl Conditions<'_, '_, '_> {
    fn settled_by(&self, at: EdgeIx) -> bool {
        let plan = self.places.plan;
        let edge = plan.edge(at);
        let mut facts = Facts::new();
        let place = Place::Edge(at);
        if let Some(when) = &edge.when {
            self.places.learn(place, &mut facts, when, &|known| when.assume(true, known));
        }
        if edge.outcome == EdgeOutcome::Otherwise {
            let siblings = plan.node(edge.from).outgoing.iter().map(|edge| plan.edge(*edge));
            for when in siblings
                .filter(|edge| edge.outcome == EdgeOutcome::Success)
                .filter_map(|edge| edge.when.as_ref())
            {
                self.places.learn(place, &mut facts, when, &|known| when.assume(false, known));
            }
        }
        if known_in(&facts, self.subject, self.missing) {
            return true;
        }
        // the source's own result has a second name there
        if self.owner != Some(edge.from) {
            return false;
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

/// Does a condition look at the value, or at what is around it or in it?
fn mentions(places: &Places<'_, '_>, from: NodeIx, when: &Expression, subject: &Subject) -> bool {
    let names: BTreeMap<NodeIx, &str> = BTreeMap::from([(from, places.plan.node(from).id.as_str())]);
    let own = names.get(&from).is_some_and(|id| subject.root == Root::Node((*id).to_owned()));
    when.roots()
        .iter()
        .any(|root| *root == subject.root || (own && matches!(root, Root::Output | Root::Error)))
}
