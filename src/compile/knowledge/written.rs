//! What is written to a `replace` channel: on which ways is it surely there, and not null?

use crate::expr::{Root, Subject, ValueTemplate};
use crate::model::Reduce;
use crate::plan::{ChannelIx, EdgeIx, EdgeOutcome, NodeIx, PlanEdge};
use crate::types::{Chance, Field, Type};

use super::doubt::settles;
use super::places::{Facts, Place, Places};
use super::results::skips;
use super::search::{leads, may_see};

/// What the nodes of a graph do to a doubt about a channel.
pub(super) struct Written {
    subject: Subject,
    missing: bool,
    /// The node where the doubt is; none where it is in the outputs.
    reader: Option<NodeIx>,
    /// Nodes that write what the doubt is about.
    pub(super) writers: Vec<NodeIx>,
    /// None of them may run beside the reader: what was written before it is there.
    alone: bool,
    /// The channel begins without doubt, and none of them comes before the reader.
    pub(super) calm: bool,
}

impl Written {
    /// `None`: the doubt is about no channel.
    pub(super) fn of(
        places: &Places<'_, '_>,
        subject: &Subject,
        missing: bool,
        reader: Option<NodeIx>,
    ) -> Option<Self> {
        let plan = places.plan;
        if !matches!(subject.root, Root::Channel(_)) {
            return None;
        }
        let unsettles = |node: &NodeIx| unsettles(places, *node, subject, missing);
        let writers: Vec<NodeIx> = plan.order.iter().copied().filter(unsettles).collect();
        let never_before = |at: NodeIx| {
            let turns = |writer: &NodeIx| {
                plan.node(*writer).loops.iter().any(|turned| plan.node(at).loops.contains(turned))
            };
            !writers.iter().any(|writer| may_see(plan, at, *writer) || turns(writer))
        };
        let alone = reader.is_none_or(|at| {
            writers.iter().all(|writer| *writer == at || is_never_beside(places, *writer, at))
        });
        let before = reader.map_or(writers.is_empty(), never_before);
        let mut written = Self { subject: subject.clone(), missing, reader, writers, alone, calm: false };
        written.calm = alone && before && written.is_good_at_first(places);
        Some(written)
    }

    /// Does the channel begin without doubt?
    fn is_good_at_first(&self, places: &Places<'_, '_>) -> bool {
        let name = |name: &str| matches!(&self.subject.root, Root::Channel(known) if known == name);
        let channel = places.plan.channels.iter().find(|channel| name(channel.name.as_str()));
        channel.filter(|channel| channel.reduce == Reduce::Replace).is_some_and(|channel| {
            let start = Field::sure(Type::of_value(&channel.start));
            start.at(&self.subject.path).is_some() && settles(&start, &self.subject.path, self.missing)
        })
    }

    /// Is it settled where a way to the reader begins?
    pub(super) fn begins(&self, places: &Places<'_, '_>) -> bool {
        self.alone
            && !self.writers.iter().any(|writer| self.comes_before_reader(places, *writer))
            && self.is_good_at_first(places)
    }

    /// What the source of an edge, where it has written, has left there.
    pub(super) fn by(&self, places: &Places<'_, '_>, at: EdgeIx) -> Option<bool> {
        let edge = places.plan.edge(at);
        replaces(places, edge.from, &self.subject)?;
        if !is_good(&edge.outcome) && !places.keeping(&[edge.from]).contains(&at) {
            return None;
        }
        if self.writers.contains(&edge.from) {
            return Some(false);
        }
        // on another way what it wrote may have been replaced
        let kept = |writer: &NodeIx| {
            leads(places.plan, edge.from, *writer) == Some(false)
                || !self.comes_before_reader(places, *writer)
        };
        let settled = self.alone && self.writers.iter().all(kept) && self.settled_by(places, edge.from);
        settled.then_some(true)
    }

    fn comes_before_reader(&self, places: &Places<'_, '_>, writer: NodeIx) -> bool {
        self.reader.is_some_and(|reader| leads(places.plan, writer, reader) != Some(false))
    }

    /// Is what a node writes, where it has succeeded, what is there in the end?
    pub(super) fn is_last(&self, places: &Places<'_, '_>, node: NodeIx) -> bool {
        let plan = places.plan;
        let before = |writer: &NodeIx| {
            let around = &plan.node(*writer).loops;
            leads(plan, *writer, node) == Some(true)
                && !plan.node(node).loops.iter().any(|turned| around.contains(turned))
        };
        self.settled_by(places, node) && self.writers.iter().all(before)
    }

    /// Does a node write, where it succeeds, what leaves no doubt?
    fn settled_by(&self, places: &Places<'_, '_>, node: NodeIx) -> bool {
        let Some((to, value)) = replaces(places, node, &self.subject) else { return false };
        let writer = places.plan.node(node);
        // of no items none writes
        if skips(writer) || writer.for_each.is_some() {
            return false;
        }
        let written = Field::sure(what_is_written(places, node, to, value));
        written.at(&self.subject.path).is_some() && settles(&written, &self.subject.path, self.missing)
    }
}

/// Does a node write to the channel what the doubt is about?
fn unsettles(places: &Places<'_, '_>, node: NodeIx, subject: &Subject, missing: bool) -> bool {
    let Some((to, value)) = replaces(places, node, subject) else { return false };
    let written = what_is_written(places, node, to, value);
    match Field::sure(written).at(&subject.path) {
        Some(field) if missing => field.missing == Chance::Known,
        Some(field) => field.ty.null == Chance::Known,
        None => missing,
    }
}

/// What a node puts in the place of what the channel held that the doubt is about.
pub(super) fn replaces<'p>(
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

fn what_is_written(places: &Places<'_, '_>, node: NodeIx, to: ChannelIx, value: &ValueTemplate) -> Type {
    // what comes later in a loop has not been looked at yet
    let written = places.written.get(&(node, to)).cloned();
    written.unwrap_or_else(|| as_written(places, node, value))
}

/// What a value is, of what it is made from nothing being known but inputs and channels.
pub(super) fn as_written(places: &Places<'_, '_>, node: NodeIx, value: &ValueTemplate) -> Type {
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

pub(super) fn is_good(outcome: &EdgeOutcome) -> bool {
    matches!(outcome, EdgeOutcome::Success | EdgeOutcome::Otherwise)
}

/// Has one of two nodes ended before the other starts, or do they lie behind edges of one node that decide between them?
fn is_never_beside(places: &Places<'_, '_>, one: NodeIx, other: NodeIx) -> bool {
    let plan = places.plan;
    let decides = |edge: &PlanEdge| edge.when.is_some() || edge.outcome == EdgeOutcome::Otherwise;
    let apart = |(a, b): (EdgeIx, EdgeIx)| {
        let (a, b) = (plan.edge(a), plan.edge(b));
        match (is_good(&a.outcome), is_good(&b.outcome)) {
            _ if a.outcome == EdgeOutcome::Always || b.outcome == EdgeOutcome::Always => false,
            (true, true) | (false, false) => decides(a) && decides(b),
            _ => true,
        }
    };
    leads(plan, one, other) != Some(false)
        || leads(plan, other, one) != Some(false)
        || places.flow.parting(one, other).is_some_and(apart)
}
