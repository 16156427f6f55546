//! Calls that a `batch` node writes out, instead of computing them: each names one of the node's `tools`, and gives it
//! values that it takes, and they are no more than its `max_calls`. The codes are those of the schema: `bad-value`, `wrong-type`.

use crate::compile::draft::{Draft, DraftNode};
use crate::compile::literal;
use crate::diag::{Diagnostic, Diagnostics, codes, suggestion};
use crate::document::Tree;
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
        let input = call.get("input").map(Tree::entries).unwrap_or_default();
        let input = input.iter().map(|entry| (&entry.key, &entry.value));
        schema::check_parameters(&tool.value, input, diagnostics);
    } else if allowed.iter().all(|allowed| Uses::parse(&allowed.value).is_some()) {
        // a wrong word among the `tools` is reported there
        diagnostics.push(stranger(node, &tool, &allowed, tools));
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
