//! `illegal-modifier`: modifiers that mean nothing, or something wrong, for a kind of node.

use crate::compile::draft::{Draft, DraftNode};
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::model::Uses;
use crate::source::Span;

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    for node in &draft.nodes {
        let Some(uses) = node.uses() else { continue };
        for (word, span, why) in illegal(node, uses) {
            let message = format!("`{word}` may not stand on `{}`: {why}", uses.as_str());
            let mut found = Diagnostic::new(codes::ILLEGAL_MODIFIER, span, message);
            if let Some(uses) = &node.node.uses {
                found = found.label(uses.span, "the kind of node");
            }
            diagnostics.push(found.help(format!("remove `{word}`")));
        }
    }
}

fn illegal(node: &DraftNode<'_>, uses: Uses) -> Vec<(&'static str, Span, &'static str)> {
    let modifiers = &node.modifiers;
    let mut found = Vec::new();
    if let Some(cache) = modifiers.cache.as_ref().filter(|flag| flag.value && writes(node)) {
        found.push(("cache", cache.span, "only a `GET` may be answered from an earlier call"));
    }
    if uses == Uses::Fail {
        let why = "it always fails, at once";
        found.extend(modifiers.retry.as_ref().map(|retry| ("retry", retry.attempts.span, why)));
        found.extend(modifiers.update.first().map(|field| ("update", field.name.span, why)));
        found.extend(modifiers.timeout.as_ref().map(|timeout| ("timeout", timeout.span, why)));
    }
    if uses == Uses::Approval {
        let why = "a person is asked once";
        found.extend(modifiers.retry.as_ref().map(|retry| ("retry", retry.attempts.span, why)));
    }
    if matches!(uses, Uses::Graph | Uses::Approval)
        && let Some(group) = &modifiers.group
    {
        found.push(("group", group.span, "only calls take a slot, so that nesting cannot block itself"));
    }
    found
}

/// Does it send something? A method that is none is reported as that.
fn writes(node: &DraftNode<'_>) -> bool {
    const WRITE: [&str; 5] = ["HEAD", "POST", "PUT", "PATCH", "DELETE"];
    let method = node.parameter("method").and_then(|field| field.value.as_str());
    node.uses() == Some(Uses::Http) && method.is_some_and(|method| WRITE.contains(&method))
}
