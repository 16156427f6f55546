//! A write of what a channel held: it leaves the doubt that there was where the channel was read.

use crate::expr::{Doubt, Expression, Root, Subject, ValueTemplate};
use crate::plan::{Action, NodeIx};
use crate::types::{Field, Step};

use super::doubt;
use super::places::{Facts, Place, Places};

/// Nodes that a value is handed on by.
const FARTHEST: usize = 8;

/// Is a part of what a node writes nothing but a part of a channel, of which there was no doubt where it was read? `None`: it
/// is, and whether there was is just being asked.
pub(super) fn is_settled(
    places: &Places<'_, '_>,
    node: NodeIx,
    value: &ValueTemplate,
    path: &[Step],
    missing: bool,
) -> Option<bool> {
    let Some((place, subject)) = source(places, node, value, path) else { return Some(false) };
    if places.asking(&subject, missing) {
        return None;
    }
    let doubt = Doubt { subjects: vec![subject], missing };
    Some(doubt::is_settled(places, place, &Facts::new(), &doubt))
}

/// The channel that the value comes from, and where it was read.
fn source(
    places: &Places<'_, '_>,
    node: NodeIx,
    value: &ValueTemplate,
    path: &[Step],
) -> Option<(Place, Subject)> {
    let mut place = Place::Update(node);
    let mut subject = named(value, path)?;
    for _ in 0..FARTHEST {
        let (by, rest) = match (&subject.root, subject.path.split_first()) {
            (Root::Channel(_), _) => return Some((place, subject)),
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
        (place, subject) = (Place::Node(by), named(values, rest)?);
    }
    None
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
