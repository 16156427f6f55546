//! How long the list of a `for_each` can be, where a schema, another `for_each` or a tool's own `max` says so.

use serde_json::Value;

use crate::expr::{Expression, Root, Subject, ValueTemplate};
use crate::model::Uses;
use crate::plan::{Action, PlanNode};
use crate::types::Step;

use super::places::{Facts, Place, Places};

/// The most items that an expression at a place can come to; `None` where that is not known.
pub(super) fn longest(
    places: &Places<'_, '_>,
    place: Place,
    facts: &Facts,
    list: &Expression,
) -> Option<usize> {
    list.longest(&mut |subject| {
        let ty = places.known_behind(place, facts, &subject.root).at(&subject.path).map(|field| field.ty);
        ty.and_then(|ty| ty.lists.length()).or_else(|| bounded(places, subject))
    })
}

fn bounded(places: &Places<'_, '_>, subject: &Subject) -> Option<usize> {
    match &subject.root {
        Root::Input(name) => {
            let input = places.plan.inputs.iter().find(|input| input.name.as_str() == name)?;
            most(&input.schema, &subject.path)
        }
        Root::Channel(name) => {
            let channel = places.plan.channels.iter().find(|channel| channel.name.as_str() == name)?;
            // of lists that are added to, the schema speaks of each write
            let replaced = channel.reduce == crate::model::Reduce::Replace;
            most(&channel.schema, &subject.path).filter(|_| replaced)
        }
        Root::Node(id) => {
            let node = places.plan.node(*places.index.get(id.as_str())?);
            let (first, rest) = subject.path.split_first()?;
            if *first == Step::Field("output".to_owned()) { given(node, rest) } else { None }
        }
        Root::Loop(_) | Root::Run | Root::Output | Root::Error | Root::Local(_) => None,
    }
}

/// What a node gives.
fn given(node: &PlanNode, path: &[Step]) -> Option<usize> {
    if let Some(rule) = &node.for_each {
        return path.is_empty().then_some(rule.max as usize);
    }
    let of = |name: &str| matches!(path, [Step::Field(field)] if field == name);
    match (&node.action, node.uses) {
        (Action::Llm(conversation), _) => most(conversation.output_schema.as_ref()?, path),
        (Action::Call { with }, Uses::ListFiles) if of("files") => parameter(with, "max"),
        (Action::Call { with }, Uses::SearchFiles) if of("matches") => parameter(with, "max"),
        (Action::Batch { max_calls, .. }, _) if of("results") => Some(*max_calls as usize),
        _ => None,
    }
}

fn parameter(with: &ValueTemplate, name: &str) -> Option<usize> {
    let value = match with {
        ValueTemplate::Literal(value) => value.get(name)?.as_u64(),
        ValueTemplate::Object(fields) => match fields.iter().find(|(known, _)| known == name)? {
            (_, ValueTemplate::Literal(value)) => value.as_u64(),
            _ => None,
        },
        _ => None,
    };
    value.and_then(|value| usize::try_from(value).ok())
}

/// `maxItems` of what is at a path.
fn most(schema: &Value, path: &[Step]) -> Option<usize> {
    let mut here = schema;
    for step in path {
        let Step::Field(name) = step else { return None };
        here = here.get("properties")?.get(name)?;
    }
    here.get("maxItems")?.as_u64().and_then(|most| usize::try_from(most).ok())
}
