//! `idle-kind`: error kinds that are caught or tried again, and that the node can never fail with.

use std::collections::BTreeSet;

use crate::compile::draft::{Draft, DraftNode};
use crate::compile::kinds;
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::effect::ErrorKind;
use crate::model::Uses;
use crate::source::{Located, Span};

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    for link in &draft.links {
        let node = &draft.nodes[link.from as usize];
        // what a `fail` node fails with is written there
        if node.uses() != Some(Uses::Fail)
            && let Some(span) = idle(draft, node, &link.edge.catch)
        {
            diagnostics.push(found(node, span, "catches", "remove the edge, or catch what it can fail with"));
        }
    }
    // what stands in the defaults stands there once
    let mut told = BTreeSet::new();
    for node in draft.nodes.iter().filter(|node| node.uses() != Some(Uses::Fail)) {
        let Some(retry) = &node.modifiers.retry else { continue };
        let span = match &retry.kinds {
            Some(kinds) => idle(draft, node, kinds),
            None => {
                let never =
                    ErrorKind::RETRIED.iter().all(|kind| !kinds::may_fail_with(draft, node, kind.as_str()));
                never.then_some(retry.attempts.span)
            }
        };
        // asking again is refused elsewhere
        if let Some(span) = span.filter(|_| node.uses() != Some(Uses::Approval))
            && told.insert(span)
        {
            diagnostics.push(found(node, span, "is tried again for", "remove `retry`"));
        }
    }
}

/// The place of kinds none of which the node can fail with.
fn idle(draft: &Draft<'_>, node: &DraftNode<'_>, kinds: &[Located<String>]) -> Option<Span> {
    let first = kinds.first()?;
    kinds.iter().all(|kind| !kinds::may_fail_with(draft, node, &kind.value)).then_some(first.span)
}

fn found(node: &DraftNode<'_>, span: Span, does: &str, help: &str) -> Diagnostic {
    let uses = node.uses().map_or("node", |uses| uses.as_str());
    let message = match does {
        "catches" => format!(
            "this edge never catches anything: `{}` is a node of `{uses}`, and does not fail so",
            node.id()
        ),
        does => format!("`{}` {does} nothing: it is a node of `{uses}`, and does not fail so", node.id()),
    };
    let found = Diagnostic::new(codes::IDLE_KIND, span, message);
    let found = match &node.node.uses {
        Some(uses) => found.label(uses.span, "the kind of node"),
        None => found,
    };
    found.help(help)
}
