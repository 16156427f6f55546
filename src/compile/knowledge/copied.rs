//! A write of what a channel held: it leaves the doubt that there was where the channel was read.

use crate::expr::{Expression, Root, Subject, ValueTemplate};
use crate::plan::{Action, ChannelIx, NodeIx};
use crate::types::{Field, Step};

use super::places::{Place, Places};

/// Nodes that a value is handed on by.
const FARTHEST: usize = 64;

/// Where a part of what a node writes comes from.
pub(super) enum Source {
    /// It is made there, or nothing is known of it but what it may be.
    Made,
    /// It is nothing but a part of a channel, read at this node.
    Channel(Place, Subject),
    /// It is handed on by more nodes than are looked at.
    TooFar,
}

/// Where does it come from, if it is nothing but what was named?
pub(super) fn source(places: &Places<'_, '_>, node: NodeIx, value: &ValueTemplate, path: &[Step]) -> Source {
    let mut names = names(places, node, value, path);
    let channel = |(_, name): &(Place, Subject)| matches!(name.root, Root::Channel(_));
    match names.by_ref().take(FARTHEST).find(channel) {
        Some((place, name)) => Source::Channel(place, name),
        None if names.next().is_some() => Source::TooFar,
        None => Source::Made,
    }
}

/// What it is called where the node reads it, and what the nodes call it that have handed it on, each where it reads it.
fn names<'p, 'a, 'd>(
    places: &'p Places<'a, 'd>,
    node: NodeIx,
    value: &ValueTemplate,
    path: &[Step],
) -> impl Iterator<Item = (Place, Subject)> + use<'p, 'a, 'd> {
    let first = named(value, path).map(|name| (Place::Update(node), name));
    std::iter::successors(first, move |(place, name)| handed_on(places, node, *place, name))
}

/// The names of what a node writes to a channel, by which conditions behind it may ask for exactly that value. Nothing, where
/// it writes for each item.
pub(super) fn other_names(places: &Places<'_, '_>, node: NodeIx, subject: &Subject) -> Vec<Subject> {
    let plan = places.plan;
    let writer = plan.node(node);
    let is_channel = |at: ChannelIx| matches!(&subject.root, Root::Channel(name) if plan.channels[at.0 as usize].name.as_str() == name);
    let Some((_, value)) = writer.update.iter().find(|(to, _)| is_channel(*to)) else { return Vec::new() };
    if writer.for_each.is_some() {
        return Vec::new();
    }
    // what is in a loop that the writer is not in may have come to something else since
    let lasts = |name: &Subject| match &name.root {
        Root::Input(_) => true,
        Root::Node(id) => places
            .index
            .get(id.as_str())
            .is_some_and(|by| plan.node(*by).loops.iter().all(|around| writer.loops.contains(around))),
        _ => false,
    };
    let names = names(places, node, value, &subject.path).take(FARTHEST);
    names.map(|(_, name)| name.of_node(Some(writer.id.as_str()))).take_while(lasts).collect()
}

/// What a `values` node before was given for it.
fn handed_on(
    places: &Places<'_, '_>,
    node: NodeIx,
    place: Place,
    subject: &Subject,
) -> Option<(Place, Subject)> {
    let (by, rest) = match (&subject.root, subject.path.split_first()) {
        (Root::Output, _) if place == Place::Update(node) => (node, &subject.path[..]),
        (Root::Node(id), Some((Step::Field(part), rest))) if part == "output" => {
            (*places.index.get(id.as_str())?, rest)
        }
        _ => return None,
    };
    let giver = places.plan.node(by);
    let Action::Values(values) = &giver.action else { return None };
    if giver.for_each.is_some() {
        return None;
    }
    Some((Place::Node(by), named(values, rest)?))
}

/// What a part of a value does nothing but name.
fn named(value: &ValueTemplate, path: &[Step]) -> Option<Subject> {
    match (value, path.split_first()) {
        (ValueTemplate::Expression(expression), _) => {
            let mut subject = name_of(expression)?;
            subject.path.extend_from_slice(path);
            Some(subject)
        }
        (ValueTemplate::Object(fields), Some((Step::Field(name), rest))) => {
            let (_, value) = fields.iter().find(|(known, _)| known == name)?;
            named(value, rest)
        }
        _ => None,
    }
}

fn name_of(expression: &Expression) -> Option<Subject> {
    expression.infer(&mut |_| Field::ANY).subject
}
