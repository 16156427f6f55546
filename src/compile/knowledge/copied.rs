//! A write of what a channel held: it leaves the doubt that there was where the channel was read.

use crate::expr::{Expression, Root, Subject, ValueTemplate};
use crate::plan::{Action, NodeIx};
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
    let mut place = Place::Update(node);
    let Some(mut subject) = named(value, path) else { return Source::Made };
    for _ in 0..FARTHEST {
        if matches!(subject.root, Root::Channel(_)) {
            return Source::Channel(place, subject);
        }
        let Some(before) = handed_on(places, node, place, &subject) else { return Source::Made };
        (place, subject) = before;
    }
    Source::TooFar
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
