//! `misplaced-secret`, `bad-value`: `{$secret: NAME}` is a reference that only the runner resolves, for the tools that take one.
//! Anywhere else it would end in a prompt, a message, a channel or an output.

use crate::compile::draft::{Draft, DraftNode};
use crate::compile::literal::is_template;
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::document::{Tree, Value};
use crate::model::{Field, Uses};
use crate::source::Span;

const KEY: &str = "$secret";

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    for node in &draft.nodes {
        let open: Vec<&Field> =
            node.with.iter().copied().filter(|field| !takes_secrets(node, field)).collect();
        report(&open, "a parameter that is no place for one", diagnostics);
        let places = node.with.iter().filter(|field| takes_secrets(node, field));
        places.for_each(|field| named(&field.value, diagnostics));
        let update: Vec<&Field> = node.modifiers.update.iter().collect();
        report(&update, "a channel", diagnostics);
    }
    let outputs: Vec<&Field> = draft.graph.outputs.iter().collect();
    report(&outputs, "an output", diagnostics);
    for channel in &draft.graph.state {
        if let Some(span) = channel.default.as_ref().and_then(find) {
            diagnostics.push(finding(span, "a channel"));
        }
    }
}

fn takes_secrets(node: &DraftNode<'_>, field: &Field) -> bool {
    match node.uses() {
        None | Some(Uses::Mcp) => true,
        Some(Uses::Http) => field.name.value == "headers",
        Some(_) => false,
    }
}

fn report(fields: &[&Field], place: &str, diagnostics: &mut Diagnostics) {
    for span in fields.iter().filter_map(|field| find(&field.value)) {
        diagnostics.push(finding(span, place));
    }
}

fn finding(span: Span, place: &str) -> Diagnostic {
    let message = format!("a secret in {place} could be read by whoever sees it");
    Diagnostic::new(codes::MISPLACED_SECRET, span, message)
        .help("remove it; secrets go to the headers of `http` and to `mcp` alone")
}

/// Which secret it is decides whether a call may be made, so each is named by its author.
fn named(tree: &Tree, diagnostics: &mut Diagnostics) {
    match &tree.value {
        Value::Map(entries) => {
            for entry in entries {
                if entry.key.value == KEY && entry.value.as_str().is_some_and(is_template) {
                    let message =
                        "the name of a secret cannot be a template: it must be known before the run";
                    let found = Diagnostic::new(codes::BAD_VALUE, entry.value.span, message);
                    diagnostics.push(found.help("write the name itself"));
                }
                named(&entry.value, diagnostics);
            }
        }
        Value::List(items) => items.iter().for_each(|item| named(item, diagnostics)),
        _ => {}
    }
}

/// Where the first secret in a value stands. The depth of a document is limited, and so is the recursion.
pub(super) fn find(tree: &Tree) -> Option<Span> {
    match &tree.value {
        Value::Map(entries) => entries
            .iter()
            .find_map(|entry| if entry.key.value == KEY { Some(entry.key.span) } else { find(&entry.value) }),
        Value::List(items) => items.iter().find_map(find),
        _ => None,
    }
}
