//! What is written to a channel, where it is known before the run: as a run would judge it.

use serde_json::{Map, Value};

use crate::compile::pointer;
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::document::Tree;
use crate::expr::{Root, ValueTemplate};
use crate::model::Reduce;
use crate::plan::{ChannelIx, NodeIx, PlanChannel};
use crate::schema::Validator;
use crate::types::{self, Type, says_more};

use super::outputs;
use super::places::Places;
use super::search::leads;
use super::written::as_written;

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

/// Is what is written there, and does it fit, in every run? `ty` is what it is by its expressions.
pub(super) fn surely_fits(
    places: &Places<'_, '_>,
    channel: ChannelIx,
    value: &ValueTemplate,
    ty: &Type,
) -> bool {
    let declared = &places.plan.channels[channel.0 as usize];
    // what is the same in every run has been judged by the whole schema
    let fits = known(value).is_some()
        || (!element(declared).is_some_and(says_more)
            && types::surely_fits(ty, &outputs::writable(declared)));
    fits && (declared.reduce != Reduce::Sum || sum(places, channel) == Sum::Small)
}

/// Does an expression look at a sum that may be too large for a number? Where it is, it has no value.
pub(super) fn may_overflow(places: &Places<'_, '_>, roots: &[Root]) -> bool {
    roots.iter().any(|root| {
        let Root::Channel(name) = root else { return false };
        let at = places.plan.channels.iter().position(|channel| channel.name.as_str() == name);
        at.is_some_and(|at| sum(places, ChannelIx(at as u32)) == Sum::Overflows)
    })
}

/// How large the sum of a channel may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sum {
    /// It is always a number.
    Small,
    /// Whoever adds too much fails.
    Large,
    /// Writes side by side may come to too much, so that it has no value for those who read it.
    Overflows,
}

fn sum(places: &Places<'_, '_>, at: ChannelIx) -> Sum {
    if let Some(known) = places.sums.borrow().get(&at) {
        return *known;
    }
    let found = added(places, at);
    places.sums.borrow_mut().insert(at, found);
    found
}

fn added(places: &Places<'_, '_>, at: ChannelIx) -> Sum {
    let plan = places.plan;
    let channel = &plan.channels[at.0 as usize];
    if channel.reduce != Reduce::Sum {
        return Sum::Small;
    }
    let writes = |node: &NodeIx| plan.node(*node).update.iter().find(|(to, _)| *to == at);
    let writers: Vec<NodeIx> = plan.order.iter().copied().filter(|node| writes(node).is_some()).collect();
    let few = writers.iter().all(|node| {
        writes(node).is_some_and(|(_, value)| match value {
            ValueTemplate::Literal(value) => is_small(value),
            ValueTemplate::Expression(counted) if counted.counts() => true,
            _ => as_written(places, *node, value).values().is_some_and(|all| all.iter().all(is_small)),
        })
    });
    if few && is_small(&channel.start) {
        return Sum::Small;
    }
    let follows = |one: NodeIx, other: NodeIx| leads(plan, one, other) == Some(true);
    let beside = |one: &NodeIx| {
        plan.node(*one).for_each.is_some()
            || writers.iter().any(|other| other != one && !follows(*one, *other) && !follows(*other, *one))
    };
    if writers.iter().any(beside) { Sum::Overflows } else { Sum::Large }
}

/// A number of which no run adds up too many.
fn is_small(value: &Value) -> bool {
    const SMALL: f64 = 4_294_967_296.0;
    value.as_f64().is_none_or(|number| number.abs() <= SMALL)
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
