//! `bad-value`: a channel whose schema says something that folding does not keep. What a schema says of a channel holds
//! of what the channel holds, at any time and in any order of writes that run at once; so of a channel that folds its
//! writes it may say only what holds of the whole because it holds of the start and of each write.

use crate::compile::draft::Draft;
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::document::{Entry, Value};
use crate::model::{Channel, Reduce};

/// What says nothing of a value.
const NOTES: [&str; 13] = [
    "type",
    "title",
    "description",
    "default",
    "examples",
    "reduce",
    "$defs",
    "definitions",
    "$comment",
    "deprecated",
    "readOnly",
    "writeOnly",
    "format",
];
/// What a list keeps that only grows.
const OF_LISTS: [&str; 4] = ["items", "minItems", "contains", "minContains"];
/// What an object keeps whose keys are only added or replaced.
const OF_OBJECTS: [&str; 7] = [
    "properties",
    "patternProperties",
    "additionalProperties",
    "propertyNames",
    "required",
    "minProperties",
    "dependentRequired",
];

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    for channel in &draft.graph.state {
        let lost = channel.schema.tree.entries().iter().filter(|entry| !is_kept(channel.reduce.value, entry));
        diagnostics.extend(lost.map(|entry| diagnostic(channel, entry)));
    }
}

fn is_kept(reduce: Reduce, entry: &Entry) -> bool {
    let key = entry.key.value.as_str();
    let own = match reduce {
        Reduce::Replace => return true,
        Reduce::Append | Reduce::Extend => {
            OF_LISTS.contains(&key)
                || (key == "uniqueItems" && matches!(entry.value.value, Value::Bool(false)))
        }
        Reduce::Merge => OF_OBJECTS.contains(&key),
        Reduce::Sum => match key {
            "minimum" | "exclusiveMinimum" => number(entry).is_some_and(|bound| bound >= 0.0),
            "maximum" | "exclusiveMaximum" => number(entry).is_some_and(|bound| bound <= 0.0),
            "multipleOf" => number(entry).is_some_and(|of| of.fract() == 0.0),
            _ => false,
        },
    };
    own || NOTES.contains(&key) || key.starts_with("x-")
}

fn number(entry: &Entry) -> Option<f64> {
    match entry.value.value {
        #[expect(clippy::cast_precision_loss, reason = "whether it is above or below 0 is all that counts")]
        Value::Int(number) => Some(number as f64),
        Value::Float(number) => Some(number),
        _ => None,
    }
}

fn diagnostic(channel: &Channel, entry: &Entry) -> Diagnostic {
    let (name, key) = (&channel.name.value, &entry.key.value);
    let (word, how) = match channel.reduce.value {
        Reduce::Append | Reduce::Extend => ("append", "gets longer with each write"),
        Reduce::Merge => ("merge", "takes in each write"),
        Reduce::Sum | Reduce::Replace => ("sum", "adds up its writes"),
    };
    let word = if channel.reduce.value == Reduce::Extend { "extend" } else { word };
    let message = format!(
        "the channel `{name}` {how} (`{word}`), which does not keep `{key}`: each write may satisfy it, and the whole not"
    );
    let help = format!("remove `{key}`, and ask for it where it matters: `when: …` on an edge, or `fail`");
    Diagnostic::new(codes::BAD_VALUE, entry.key.span, message)
        .label(channel.reduce.span, "so it is folded")
        .help(help)
}
