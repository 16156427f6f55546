//! `first_of`: is one of its arguments there, whichever way leads to it?

use std::collections::BTreeSet;
use std::rc::Rc;

use crate::expr::Subject;
use crate::plan::{EdgeIx, EdgeOutcome, NodeIx};
use crate::types::{Chance, Field, Step};

use super::courses::Question;
use super::doubt::{is_asked_for, known_in, owner};
use super::outcome::Outcomes;
use super::places::{Facts, Place, Places};
use super::results::skips;
use super::search::{Done, Ways, on_every_way};
use super::stands::Stands;
use super::tried::{exclude, some_never_all};

/// Nodes that may be skipped, of which pairs are looked at.
const SKIPPING: usize = 16;

/// Does each way bring one of some values, by what it passes or by what it asks?
pub(super) fn is_there(places: &Places<'_, '_>, place: Place, facts: &Facts, subjects: &[Subject]) -> bool {
    let plan = places.plan;
    let own = match place {
        Place::Edge(edge) => Some(plan.node(plan.edge(edge).from).id.as_str()),
        Place::Node(_) | Place::Update(_) | Place::Outputs => None,
    };
    let subjects: Vec<Subject> = subjects.iter().map(|subject| subject.clone().of_node(own)).collect();
    if subjects.iter().any(|subject| known_in(facts, subject, true)) {
        return true;
    }
    let one = OneOf::of(places, &subjects);
    if one.is_never_skipped(place) {
        return true;
    }
    let holds = |channel: &Rc<Stands>| channel.is_settled(places, place);
    if place != Place::Outputs && one.channels.iter().any(holds) {
        return true;
    }
    match place {
        Place::Node(at) | Place::Update(at) => one.leads_to(at, place),
        Place::Edge(at) => match plan.edge(at).outcome {
            _ if one.brings.contains(&at) => true,
            // it is followed also where its source never started
            EdgeOutcome::Always => false,
            _ => one.leads_to(plan.edge(at).from, place),
        },
        Place::Outputs => places.courses.as_ref().is_none_or(|courses| {
            let asking = (0..plan.edges.len() as u32).map(EdgeIx).filter(|edge| one.is_asked(*edge));
            let settles = one.brings.iter().copied().chain(asking).collect();
            let gives = one.nodes.clone();
            courses.holds(&Question { gives, settles, ..Question::default() }).unwrap_or(true)
        }),
    }
}

struct OneOf<'o, 'a, 'd> {
    places: &'o Places<'a, 'd>,
    subjects: &'o [Subject],
    /// Nodes whose success brings one.
    nodes: Vec<NodeIx>,
    /// The same, where they are not skipped.
    skipping: Vec<NodeIx>,
    /// Edges behind which one is there, by how their source has ended.
    brings: BTreeSet<EdgeIx>,
    /// Channels of which one is.
    channels: Vec<Rc<Stands>>,
}

impl<'o, 'a, 'd> OneOf<'o, 'a, 'd> {
    fn of(places: &'o Places<'a, 'd>, subjects: &'o [Subject]) -> Self {
        let is_sure = |field: Option<Field>| field.is_some_and(|field| field.missing != Chance::Known);
        let (mut nodes, mut skipping, mut brings) = (Vec::new(), Vec::new(), BTreeSet::new());
        let channels = subjects.iter().filter_map(|subject| places.stands(subject, true)).collect();
        for subject in subjects {
            let Some(node) = owner(places, subject) else { continue };
            let behind = |edge: &EdgeIx| is_sure(places.result(Place::Edge(*edge), node).at(&subject.path));
            brings.extend(places.plan.node(node).outgoing.iter().copied().filter(behind));
            let Some((Step::Field(part), rest)) = subject.path.split_first() else { continue };
            let given = Field::sure(places.wholes[node.0 as usize].clone());
            // one that was skipped has no output
            if part == "output" && is_sure(given.at(rest)) {
                if skips(places.plan.node(node)) { &mut skipping } else { &mut nodes }.push(node);
            }
        }
        skipping.truncate(SKIPPING);
        Self { places, subjects, nodes, skipping, brings, channels }
    }

    /// Are there nodes that have run or were skipped, which conditions on what does not change never skip all at once?
    fn is_never_skipped(&self, place: Place) -> bool {
        let skipped = |node: &NodeIx| {
            let ended = self.places.outcomes(place, *node);
            ended.is_some_and(|ended| {
                ended == Outcomes { succeeded: true, skipped: true, ..Outcomes::default() }
            })
        };
        let nodes: Vec<NodeIx> = self.skipping.iter().copied().filter(skipped).collect();
        let condition =
            |node: NodeIx| Some((Place::Node(node), self.places.plan.node(node).skip_when.as_ref()?));
        let two = nodes.iter().enumerate().any(|(at, a)| {
            nodes[..at].iter().any(|b| {
                let both = condition(*a).zip(condition(*b));
                both.is_some_and(|(one, other)| exclude(self.places, one, other, *a))
            })
        });
        let all: Vec<_> = nodes.iter().filter_map(|node| condition(*node)).collect();
        two || nodes.last().is_some_and(|last| all.len() > 2 && some_never_all(self.places, &all, *last))
    }

    fn leads_to(&self, at: NodeIx, place: Place) -> bool {
        let plan = self.places.plan;
        let done = Done::succeeded(plan, self.places.flow, at, &self.nodes);
        on_every_way(plan, at, &mut Asked { one: self, place, done }).unwrap_or(true)
    }

    fn is_asked(&self, at: EdgeIx) -> bool {
        self.places.misread.asks(self.places.plan, at)
            || self.subjects.iter().any(|subject| is_asked_for(self.places, at, subject, true))
    }
}

/// What a way passes, and what it asks.
struct Asked<'w, 'o, 'a, 'd> {
    one: &'w OneOf<'o, 'a, 'd>,
    /// Where they are read.
    place: Place,
    done: Done<'a>,
}

impl Ways for Asked<'_, '_, '_, '_> {
    fn edge(&mut self, at: EdgeIx) -> Option<bool> {
        let holds = |channel: &Rc<Stands>| channel.is_settled_from(self.one.places, at, self.place);
        if self.one.brings.contains(&at) || self.one.is_asked(at) || self.one.channels.iter().any(holds) {
            Some(true)
        } else {
            self.done.edge(at)
        }
    }

    fn entry(&mut self, at: NodeIx) -> bool {
        self.done.entry(at)
    }
}
