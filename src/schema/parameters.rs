//! The values of a node's parameters against the schema of its kind. Names are judged where they are read; a
//! template is judged by its type, elsewhere.

use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use serde_json::{Map, Value};

use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::document::Tree;
use crate::source::{Located, Span};

use super::fault::Fault;
use super::{SchemaError, Validator, tool_input, tool_names, validate_value};

/// Marks a parameter that must be known before the run: no template can stand there.
const LITERAL: &str = "x-literal";

static VALIDATORS: LazyLock<BTreeMap<&'static str, OnceLock<Option<Validator>>>> =
    LazyLock::new(|| tool_names().map(|name| (name, OnceLock::new())).collect());

/// The compiled schema of a node kind's parameters; made once.
pub fn tool_validator(uses: &str) -> Option<&'static Validator> {
    let (name, cell) = VALIDATORS.get_key_value(uses)?;
    let compile = || Validator::new(&serde_json::from_str(tool_input(name)?).ok()?).ok();
    cell.get_or_init(compile).as_ref()
}

/// Judges the values of parameters, given under their right names. A missing or unknown parameter is no finding
/// here, and neither is a null: the model has reported them.
pub fn check_parameters<'t>(
    uses: &str,
    parameters: impl IntoIterator<Item = (&'t Located<String>, &'t Tree)>,
    diagnostics: &mut Diagnostics,
) {
    let Some(validator) = tool_validator(uses) else { return };
    let parameters: Vec<(&Located<String>, &Tree)> = parameters.into_iter().collect();
    let named = parameters.iter().map(|(name, tree)| (name.value.clone(), tree.to_json()));
    let instance = Value::Object(named.collect::<Map<_, _>>());
    for error in validator.errors(&instance) {
        if error.pointer.is_empty() {
            continue;
        }
        let value = instance.pointer(&error.pointer);
        let literal = is_literal(validator.schema(), &error.keyword);
        if value.is_some_and(|value| value.is_null() || (!literal && is_template(value))) {
            continue;
        }
        if let Some(place) = Place::find(&parameters, &error.pointer) {
            diagnostics.push(place.diagnostic(&error, value.is_some_and(is_template)));
        }
    }
}

/// Is there an `x-literal` on the way to this keyword of the schema?
fn is_literal(schema: &Value, keyword: &str) -> bool {
    let ends = keyword.match_indices('/').map(|(at, _)| at).chain([keyword.len()]);
    ends.into_iter().any(|end| schema.pointer(&keyword[..end]).is_some_and(|at| at.get(LITERAL).is_some()))
}

fn is_template(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.contains("{{") || text.contains("{%"))
}

/// What is wrong with the parameters of a call: what was computed is known when it is made, and not before. A null
/// stands for what is left out.
pub fn call_faults(tool: &str, input: &Value) -> Vec<SchemaError> {
    let Some(validator) = tool_validator(tool) else { return Vec::new() };
    if validator.accepts(input) {
        return Vec::new();
    }
    let mut given = input.clone();
    without_nulls(&mut given);
    validator.errors(&given)
}

/// What is wrong with a part of a call's parameters: no call could hold it. An object may lack what it needs, since the
/// rest is not told; a list is told as a whole.
pub fn part_faults(tool: &str, part: &Value) -> Vec<SchemaError> {
    let Some(validator) = tool_validator(tool) else { return Vec::new() };
    let mut schema = validator.schema().clone();
    without_needs(&mut schema);
    let mut given = part.clone();
    without_nulls(&mut given);
    validate_value(&schema, &given)
}

/// The depth of the schemas of tools is known, and so is the recursion.
fn without_needs(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else { return };
    for need in ["required", "oneOf", "anyOf", "minProperties"] {
        schema.remove(need);
    }
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(without_needs);
    }
}

/// The depth of a call is bounded, and so is the recursion.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// Where a pointer into the parameters leads.
struct Place<'t> {
    /// The key or index that was followed last, for the message.
    name: String,
    /// The key that the value stands under, where it stands under one.
    key: Span,
    tree: &'t Tree,
}

impl<'t> Place<'t> {
    fn find(parameters: &[(&'t Located<String>, &'t Tree)], pointer: &str) -> Option<Self> {
        let mut steps = pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"));
        let first = steps.next()?;
        let (name, tree) = parameters.iter().find(|(name, _)| name.value == first)?;
        let mut place = Place { name: first, key: name.span, tree };
        for step in steps {
            let item = step.parse::<usize>().ok().and_then(|at| place.tree.items().get(at));
            let entry = place.tree.entries().iter().find(|entry| entry.key.value == step);
            place = match (item, entry) {
                (Some(tree), _) => Place { name: format!("{}[{step}]", place.name), key: tree.span, tree },
                (None, Some(entry)) => {
                    Place { name: format!("{}.{step}", place.name), key: entry.key.span, tree: &entry.value }
                }
                (None, None) => return None,
            };
        }
        Some(place)
    }

    fn diagnostic(&self, error: &SchemaError, template: bool) -> Diagnostic {
        let name = &self.name;
        let message = format!("`{name}` {}", error.message);
        let diagnostic = match &error.fault {
            Fault::UnknownKey(key) => {
                let entry = self.tree.entries().iter().find(|entry| entry.key.value == *key);
                let span = entry.map_or(self.tree.span, |entry| entry.key.span);
                Diagnostic::new(codes::UNKNOWN_KEY, span, format!("unknown key `{key}` in `{name}`"))
            }
            Fault::MissingKey(_) => Diagnostic::new(codes::MISSING_KEY, self.key, message),
            _ if template => {
                let message = format!("`{name}` cannot be a template: it must be known before the run");
                Diagnostic::new(codes::BAD_VALUE, self.tree.span, message).help("write the value itself")
            }
            Fault::WrongType => Diagnostic::new(codes::WRONG_TYPE, self.tree.span, message),
            Fault::BadValue => Diagnostic::new(codes::BAD_VALUE, self.tree.span, message),
        };
        diagnostic.maybe_help(error.help.clone())
    }
}
