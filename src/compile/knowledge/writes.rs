//! What is written to a channel, where it is known before the run: as a run would judge it.

use serde_json::{Map, Value};

use crate::compile::pointer;
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::document::Tree;
use crate::expr::ValueTemplate;
use crate::model::Reduce;
use crate::plan::{ChannelIx, NodeIx, PlanChannel};
use crate::schema::Validator;

use super::places::Places;

/// A fault of a write: where in it, what, and what helps.
struct Fault {
    pointer: String,
    what: String,
    help: Option<String>,
}

pub(super) fn check(
    places: &Places<'_, '_>,
    at: NodeIx,
    channel: ChannelIx,
    value: &ValueTemplate,
    diagnostics: &mut Diagnostics,
) {
    let channel = &places.plan.channels[channel.0 as usize];
    let node = &places.draft.nodes[at.0 as usize];
    let mut updates = node.modifiers.update.iter();
    let Some(written) = updates.find(|field| field.name.value == channel.name.as_str()) else { return };
    let found = match known(value) {
        Some(value) => whole(channel, &value),
        None => {
            let schema = element(channel);
            schema.and_then(|schema| part(schema, value, ""))
        }
    };
    diagnostics.extend(found.map(|fault| diagnostic(places, channel, &written.value, fault)));
}

fn diagnostic(places: &Places<'_, '_>, channel: &PlanChannel, written: &Tree, fault: Fault) -> Diagnostic {
    let span = pointer::find(written, &fault.pointer).map_or(written.span, |tree| tree.span);
    let message =
        format!("what is written to the channel `{}` does not fit it: {}", channel.name, fault.what);
    let found = Diagnostic::new(codes::WRONG_WRITE, span, message).maybe_help(fault.help);
    let declared = places.draft.graph.state.iter().find(|known| known.name.value == channel.name);
    match declared {
        Some(known) => found.label(known.name.span, "the channel"),
        None => found,
    }
}

/// The schema that a write has to satisfy.
fn element(channel: &PlanChannel) -> Option<&Value> {
    match channel.reduce {
        Reduce::Append => channel.schema.get("items"),
        Reduce::Replace | Reduce::Extend | Reduce::Merge | Reduce::Sum => Some(&channel.schema),
    }
}

/// A value that is the same in every run.
fn known(value: &ValueTemplate) -> Option<Value> {
    if !value.roots().is_empty() {
        return None;
    }
    value.evaluate(&mut |_| None).ok()
}

fn whole(channel: &PlanChannel, value: &Value) -> Option<Fault> {
    let wanted = match channel.reduce {
        Reduce::Extend if !value.is_array() => {
            Some(("`extend` adds the elements of a list", "write a list, or declare `reduce: append`"))
        }
        Reduce::Merge if !value.is_object() => {
            Some(("`merge` takes an object", "write an object: `{ key: … }`"))
        }
        Reduce::Sum if !value.is_number() => Some(("`sum` adds a number", "write a number")),
        _ => None,
    };
    if let Some((what, help)) = wanted {
        let what = format!("{what}, and this is {}", kind(value));
        return Some(Fault { pointer: String::new(), what, help: Some(help.to_owned()) });
    }
    fault(element(channel)?, value, "")
}

fn fault(schema: &Value, value: &Value, place: &str) -> Option<Fault> {
    // a schema that cannot be used was reported while decoding
    let validator = Validator::new(schema).ok()?;
    let error = validator.errors(value).into_iter().next()?;
    let pointer = format!("{place}{}", error.pointer);
    let what = format!("{} {}", named(&pointer), error.message);
    Some(Fault { pointer, what, help: error.help.clone() })
}

/// The parts that are the same in every run, of a value that is not.
fn part(schema: &Value, value: &ValueTemplate, place: &str) -> Option<Fault> {
    if let Some(value) = known(value) {
        return fault(schema, &value, place);
    }
    match value {
        ValueTemplate::Object(fields) => object(schema.as_object()?, fields, place),
        ValueTemplate::List(items) => {
            let schema = schema.get("items")?;
            let mut items = items.iter().enumerate();
            items.find_map(|(at, item)| part(schema, item, &format!("{place}/{at}")))
        }
        ValueTemplate::Literal(_) | ValueTemplate::Expression(_) | ValueTemplate::Text(_) => None,
    }
}

fn object(schema: &Map<String, Value>, fields: &[(String, ValueTemplate)], place: &str) -> Option<Fault> {
    let empty = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
    let patterns = schema.contains_key("patternProperties");
    for (name, value) in fields {
        let here = format!("{place}/{}", name.replace('~', "~0").replace('/', "~1"));
        let schema = match properties.get(name) {
            Some(schema) => Some(schema),
            None if patterns => None,
            None => schema.get("additionalProperties"),
        };
        if schema == Some(&Value::Bool(false)) {
            let what = format!("{} is no field that it may have", named(&here));
            let names: Vec<&str> = properties.keys().map(String::as_str).collect();
            return Some(Fault { pointer: here, what, help: crate::diag::suggestion(name, names) });
        }
        if let Some(found) = schema.and_then(|schema| part(schema, value, &here)) {
            return Some(found);
        }
    }
    let required = schema.get("required").and_then(Value::as_array)?;
    let missing = required
        .iter()
        .filter_map(Value::as_str)
        .find(|name| !fields.iter().any(|(known, _)| known == name))?;
    let help = Some(format!("add `{missing}`"));
    let what = format!("{} lacks the field `{missing}`", named(place));
    Some(Fault { pointer: place.to_owned(), what, help })
}

fn named(pointer: &str) -> String {
    if pointer.is_empty() { "it".to_owned() } else { format!("`{pointer}`") }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
