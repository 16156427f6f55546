//! Calls that a `batch` node writes out, instead of computing them: each names one of the node's `tools`, and gives it
//! parameters and values that it takes, and they are no more than its `max_calls`. The codes are those of a node's own parameters.

use crate::compile::draft::{Draft, DraftNode};
use crate::compile::literal;
use crate::diag::{Diagnostic, Diagnostics, codes, nearest, suggestion};
use crate::document::{Tree, Value};
use crate::model::{Field, Uses};
use crate::schema;
use crate::source::Located;

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    for node in draft.nodes.iter().filter(|node| node.uses() == Some(Uses::Batch)) {
        let (Some(calls), Some(tools)) = (node.parameter("calls"), node.parameter("tools")) else { continue };
        for call in calls.value.items() {
            check_call(node, call, tools, diagnostics);
        }
        check_count(node, calls, diagnostics);
    }
}

/// More calls than the node may make: it would fail in every run.
fn check_count(node: &DraftNode<'_>, calls: &Field, diagnostics: &mut Diagnostics) {
    let Some(bound) = node.parameter("max_calls") else { return };
    let written = calls.value.items().len();
    if literal::count(&bound.value).is_some_and(|most| usize::try_from(most).is_ok_and(|most| written > most))
    {
        let message =
            format!("`{}` writes out {written} calls, which is more than its `max_calls`", node.id());
        diagnostics.push(
            Diagnostic::new(codes::BAD_VALUE, bound.value.span, message)
                .label(calls.name.span, "the calls")
                .help(format!("write `{written}`")),
        );
    }
}

fn check_call(node: &DraftNode<'_>, call: &Tree, tools: &Field, diagnostics: &mut Diagnostics) {
    let Some(tool) = call.get("tool").and_then(literal::word) else { return };
    let allowed = literal::words(&tools.value);
    if allowed.iter().any(|allowed| allowed.value == tool.value) {
        if let Some(uses) = Uses::parse(&tool.value) {
            check_names(uses, call, diagnostics);
        }
        let input = call.get("input").map(Tree::entries).unwrap_or_default();
        let input = input.iter().map(|entry| (&entry.key, &entry.value));
        schema::check_parameters(&tool.value, input, diagnostics);
    } else if allowed.iter().all(|allowed| Uses::parse(&allowed.value).is_some()) {
        // a wrong word among the `tools` is reported there
        diagnostics.push(stranger(node, &tool, &allowed, tools));
    }
}

/// The names of its parameters: as a node of that kind has them.
fn check_names(uses: Uses, call: &Tree, diagnostics: &mut Diagnostics) {
    let parameters = uses.parameters();
    let Some(input) = call.get("input").filter(|input| matches!(input.value, Value::Map(_))) else { return };
    let Some(names) = parameters.names else { return };
    let (known, unknown): (Vec<_>, Vec<_>) =
        input.entries().iter().partition(|entry| names.contains(&entry.key.value.as_str()));
    let mut meant = Vec::new();
    for entry in unknown {
        let written = entry.key.value.as_str();
        let absent = names.iter().copied().filter(|name| known.iter().all(|entry| entry.key.value != *name));
        meant.extend(nearest(written, absent));
        let message = format!("unknown parameter `{written}` of `{}`", uses.as_str());
        let found = Diagnostic::new(codes::UNKNOWN_KEY, entry.key.span, message);
        diagnostics.push(found.maybe_help(suggestion(written, names.iter().copied())));
    }
    // a null stands for what is left out
    let given: Vec<_> = known.into_iter().filter(|entry| entry.value.value != Value::Null).collect();
    for group in parameters.required {
        let there: Vec<_> = given.iter().filter(|entry| group.contains(&entry.key.value.as_str())).collect();
        match there.as_slice() {
            [] if group.iter().all(|name| !meant.contains(name)) => {
                let all = group.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
                let message = format!("`{}` needs the parameter {all}", uses.as_str());
                let found = Diagnostic::new(codes::MISSING_KEY, input.span, message);
                diagnostics.push(found.help(format!("add `{}: …`", group[0])));
            }
            [one, other, ..] => {
                let (key, other_key) = (&other.key.value, &one.key.value);
                let message = format!("`{key}` cannot stand beside `{other_key}` in `{}`", uses.as_str());
                diagnostics.push(
                    Diagnostic::new(codes::CONFLICTING_KEYS, other.key.span, message)
                        .help(format!("remove `{key}` or `{other_key}`"))
                        .label(one.key.span, "the other key"),
                );
            }
            _ => {}
        }
    }
}

fn stranger(
    node: &DraftNode<'_>,
    tool: &Located<String>,
    allowed: &[Located<String>],
    tools: &Field,
) -> Diagnostic {
    let message = format!("`{}` is none of the `tools` that `{}` may call", tool.value, node.id());
    Diagnostic::new(codes::BAD_VALUE, tool.span, message)
        .label(tools.name.span, "what it may call")
        .maybe_help(suggestion(&tool.value, allowed.iter().map(|allowed| allowed.value.as_str())))
}
