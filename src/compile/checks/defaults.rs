//! `bad-default`: the default of an input, or the start of a channel, that its own schema refuses.

use serde_json::Value;

use crate::compile::draft::Draft;
use crate::compile::pointer;
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::document::Tree;
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
        }
    }
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
