//! `bad-default`: the default of an input, or the start of a channel, that its own schema refuses.

use serde_json::{Value, json};

use crate::compile::draft::Draft;
use crate::compile::pointer;
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::document::Tree;
use crate::model::{Channel, Reduce};
use crate::schema::Validator;

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    for input in &draft.graph.inputs {
        if let Some(default) = input.schema.tree.get("default") {
            judge("input", input.name.value.as_str(), &input.schema.tree, default, diagnostics);
        }
    }
    for channel in &draft.graph.state {
        if let Some(default) = &channel.default {
            judge("channel", channel.name.value.as_str(), &channel.schema.tree, default, diagnostics);
        } else {
            diagnostics.extend(begins_badly(channel));
        }
    }
}

/// A channel without a default begins empty, or with 0: is that a value of its own?
fn begins_badly(channel: &Channel) -> Option<Diagnostic> {
    let (start, kinds): (Value, &[&str]) = match channel.reduce.value {
        Reduce::Replace => return None,
        Reduce::Append | Reduce::Extend => (json!([]), &["array"]),
        Reduce::Merge => (json!({}), &["object"]),
        Reduce::Sum => (json!(0), &["integer", "number"]),
    };
    // another type can't be folded so, and that is told
    let ty = channel.schema.tree.get("type").and_then(Tree::as_str)?;
    if !kinds.contains(&ty) {
        return None;
    }
    let mut schema = channel.schema.tree.to_json();
    if channel.reduce.value == Reduce::Merge
        && let Value::Object(keys) = &mut schema
    {
        // what each write has is not there at the start
        keys.remove("required");
    }
    let error = Validator::new(&schema).ok()?.errors(&start).into_iter().next()?;
    let name = &channel.name;
    let message = format!(
        "the channel `{}` begins with `{start}`, which does not satisfy its schema: it {}",
        name.value, error.message
    );
    let mut found = Diagnostic::new(codes::BAD_DEFAULT, name.span, message);
    if let Some(keyword) = pointer::find(&channel.schema.tree, &error.keyword) {
        found = found.label(keyword.span, "the schema says so");
    }
    Some(found.help("give the channel a `default` that satisfies it, or take less away in its schema"))
}

fn judge(what: &str, name: &str, schema: &Tree, default: &Tree, diagnostics: &mut Diagnostics) {
    let mut json = schema.to_json();
    if let Value::Object(keys) = &mut json {
        keys.remove("default");
    }
    // a schema that cannot be used was reported while decoding
    let Ok(validator) = Validator::new(&json) else { return };
    for error in validator.errors(&default.to_json()) {
        let place = if error.pointer.is_empty() { "it".to_owned() } else { format!("`{}`", error.pointer) };
        let message = format!(
            "the default of the {what} `{name}` does not satisfy its schema: {place} {}",
            error.message
        );
        let span = pointer::find(default, &error.pointer).map_or(default.span, |tree| tree.span);
        let mut found = Diagnostic::new(codes::BAD_DEFAULT, span, message).maybe_help(error.help.clone());
        if let Some(keyword) = pointer::find(schema, &error.keyword) {
            found = found.label(keyword.span, "the schema says so");
        }
        diagnostics.push(found);
    }
}
