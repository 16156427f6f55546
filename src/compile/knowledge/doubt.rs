//! Is a doubt about a value settled by the conditions that lead to its place?

use std::collections::{BTreeMap, BTreeSet};

use crate::expr::{Doubt, Expression, Root, Subject, ValueTemplate};
use crate::model::Reduce;
use crate::plan::{ChannelIx, EdgeIx, EdgeOutcome, NodeIx, PlanEdge};
use crate::types::{Chance, Field, Step, Type};

use super::courses::{Must, Question};
use super::places::{Facts, Place, Places};
use super::results::skips;
use super::search::{Done, FARTHEST, Ways, leads, on_every_way};
use super::tried::exclude;

pub(super) fn is_settled(places: &Places<'_, '_>, place: Place, facts: &Facts, doubt: &Doubt) -> bool {
    // a misspelt guard may be about anything
    if places.misread.is_around(places.plan, place) {
        return true;
    }
    if doubt.subjects.len() > 1 {
        return one_is_there(places, place, doubt);
    }
    let Some(subject) = doubt.subjects.first() else { return false };
    if known_in(facts, subject, doubt.missing) {
        return true;
    }
    match place {
        Place::Node(at) | Place::Update(at) => led_by_condition(places, at, subject, doubt.missing),
        Place::Edge(edge) => {
            // its edges see what it wrote
            let edge = places.plan.edge(edge);
            let written = is_good(&edge.outcome) && unsettles(places, edge.from, subject, doubt.missing);
            !written && led_by_condition(places, edge.from, subject, doubt.missing)
        }
        Place::Outputs => always_asked(places, subject, doubt.missing),
    }
}

/// Does every run that succeeds pass a condition that settles it?
fn always_asked(places: &Places<'_, '_>, subject: &Subject, missing: bool) -> bool {
    let Some(courses) = &places.courses else { return true };
    let owner = owner(places, subject);
    let ways = Conditions { places, subject, missing, owner, reader: None };
    let plan = places.plan;
    let asks =
        |edge: &PlanEdge| edge.when.as_ref().is_some_and(|when| mentions(places, edge.from, when, subject));
    let beside = |edge: &PlanEdge| plan.node(edge.from).outgoing.iter().any(|other| asks(plan.edge(*other)));
    let edges = (0..).map(EdgeIx).zip(&plan.edges);
    let settling = edges.filter(|(at, edge)| {
        (asks(edge) || (edge.outcome == EdgeOutcome::Otherwise && beside(edge))) && ways.settled_by(*at)
    });
    // what is written behind it may be another value
    let writes = |node: &NodeIx| unsettles(places, *node, subject, missing);
    let writers: Vec<NodeIx> = plan.order.iter().copied().filter(writes).collect();
    let stays =
        |to: NodeIx| !writers.iter().any(|writer| *writer == to || leads(plan, to, *writer) == Some(true));
    let settling = settling.filter(|(_, edge)| stays(edge.to));
    // that there is no output at all is one doubt, what is in it another
    let whole = missing && matches!(&subject.path[..], [Step::Field(part)] if part == "output");
    let question = Question {
        settles: settling.map(|(at, _)| at).collect(),
        gives: owner.filter(|node| whole && !skips(plan.node(*node))).into_iter().collect(),
        must: owner.filter(|_| !whole).map(Must::Give),
        ..Question::default()
    };
    courses.holds(&question).unwrap_or(true)
}

/// Does a node write to the channel what the doubt is about?
fn unsettles(places: &Places<'_, '_>, node: NodeIx, subject: &Subject, missing: bool) -> bool {
    let Some((to, value)) = replaces(places, node, subject) else { return false };
    // what comes later in a loop has not been looked at yet
    let written = places.written.get(&(node, to)).cloned();
    let written = written.unwrap_or_else(|| as_written(places, node, value));
    match Field::sure(written).at(&subject.path) {
        Some(field) if missing => field.missing == Chance::Known,
        Some(field) => field.ty.null == Chance::Known,
        None => missing,
    }
}

/// What a node puts in the place of what the channel held that the doubt is about.
fn replaces<'p>(
    places: &Places<'p, '_>,
    node: NodeIx,
    subject: &Subject,
) -> Option<(ChannelIx, &'p ValueTemplate)> {
    let Root::Channel(name) = &subject.root else { return None };
    places.plan.node(node).update.iter().find_map(|(to, value)| {
        let channel = &places.plan.channels[to.0 as usize];
        let replaced = channel.reduce == Reduce::Replace && channel.name.as_str() == name;
        replaced.then_some((*to, value))
    })
}

/// What a value is, of what it is made from nothing being known but inputs and channels.
fn as_written(places: &Places<'_, '_>, node: NodeIx, value: &ValueTemplate) -> Type {
    match value {
        ValueTemplate::Literal(value) => Type::of_value(value),
        ValueTemplate::Expression(expression) => {
            let known = &mut |root: &Root| match root {
                Root::Input(_) | Root::Channel(_) => places.known(Place::Update(node), &Facts::new(), root),
                _ => Field::ANY,
            };
            expression.infer(known).ty
        }
        ValueTemplate::Text(_) | ValueTemplate::List(_) | ValueTemplate::Object(_) => Type::ANY,
    }
}

fn is_good(outcome: &EdgeOutcome) -> bool {
    matches!(outcome, EdgeOutcome::Success | EdgeOutcome::Otherwise)
}

fn led_by_condition(places: &Places<'_, '_>, at: NodeIx, subject: &Subject, missing: bool) -> bool {
    let owner = owner(places, subject);
    let mut ways = Conditions { places, subject, missing, owner, reader: Some(at) };
    on_every_way(places.plan, at, &mut ways).unwrap_or(true)
}

/// The node whose result it is.
fn owner(places: &Places<'_, '_>, subject: &Subject) -> Option<NodeIx> {
    match &subject.root {
        Root::Node(id) => places.index.get(id.as_str()).copied(),
        _ => None,
    }
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
    let Some(mut nodes) = doubt.subjects.iter().map(of_node).collect::<Option<Vec<NodeIx>>>() else {
        return true;
    };
    // one that was skipped has no output
    nodes.retain(|node| !skips(places.plan.node(*node)));
    let before = |at: NodeIx| {
        let done = Done::succeeded(places.plan, places.flow, at, &nodes);
        let mut done = done.or_taken(places.keeping(&nodes));
        on_every_way(places.plan, at, &mut done).unwrap_or(true)
    };
    match place {
        Place::Node(at) | Place::Update(at) => before(at),
        Place::Edge(ix) => {
            let edge = places.plan.edge(ix);
            let own = nodes.contains(&edge.from);
            match &edge.outcome {
                EdgeOutcome::Success | EdgeOutcome::Otherwise if own => true,
                EdgeOutcome::Catch(_) if places.keeping(&nodes).contains(&ix) => true,
                // it is followed also where its source never started
                EdgeOutcome::Always => false,
                _ => before(edge.from),
            }
        }
        Place::Outputs => places.courses.as_ref().is_none_or(|courses| {
            courses.holds(&Question { gives: nodes, ..Question::default() }).unwrap_or(true)
        }),
    }
}

/// Conditions on each way that settle the doubt.
struct Conditions<'c, 'a, 'd> {
    places: &'c Places<'a, 'd>,
    subject: &'c Subject,
    missing: bool,
    owner: Option<NodeIx>,
    /// The node where the doubt is; none where it is in the outputs.
    reader: Option<NodeIx>,
}

impl Ways for Conditions<'_, '_, '_> {
    fn edge(&mut self, at: EdgeIx) -> Option<bool> {
        let edge = self.places.plan.edge(at);
        if self.settled_by(at) {
            return Some(true);
        }
        // what was asked before it was written says nothing of what was written
        if is_good(&edge.outcome) && unsettles(self.places, edge.from, self.subject, self.missing) {
            return Some(false);
        }
        // before the node itself nobody can have asked about it
        (self.owner == Some(edge.from)).then_some(false)
    }

    fn entry(&mut self, _: NodeIx) -> bool {
        false
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

    /// May the loop around the reader turn after the value was written anew, with nothing asked about it since?
    fn comes_back(&self, target: NodeIx) -> bool {
        let plan = self.places.plan;
        // of those around its target, a loop is the innermost
        let turned = plan.node(target).loops.last().copied();
        let turned = turned.filter(|turned| plan.loops[turned.0 as usize].target == target);
        let (Some(turned), Root::Channel(_)) = (turned, &self.subject.root) else { return false };
        let within = |node: NodeIx| plan.node(node).loops.contains(&turned);
        let body = &plan.loops[turned.0 as usize].body;
        if body.len() > FARTHEST || !self.reader.is_some_and(within) {
            return false;
        }
        let writes = |node: NodeIx| unsettles(self.places, node, self.subject, self.missing);
        let mut open: Vec<NodeIx> = body.iter().copied().filter(|node| writes(*node)).collect();
        let mut seen: BTreeSet<NodeIx> = open.iter().copied().collect();
        while let Some(at) = open.pop() {
            for (ix, edge) in plan.node(at).outgoing.iter().map(|ix| (*ix, plan.edge(*ix))) {
                // what has failed has written nothing
                if self.settled_by(ix) || (writes(at) && !is_good(&edge.outcome)) {
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

/// Does a condition look at the value, or at what is around it or in it?
fn mentions(places: &Places<'_, '_>, from: NodeIx, when: &Expression, subject: &Subject) -> bool {
    let names: BTreeMap<NodeIx, &str> = BTreeMap::from([(from, places.plan.node(from).id.as_str())]);
    let own = names.get(&from).is_some_and(|id| subject.root == Root::Node((*id).to_owned()));
    when.roots()
        .iter()
        .any(|root| *root == subject.root || (own && matches!(root, Root::Output | Root::Error)))
}
