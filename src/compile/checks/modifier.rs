//! `illegal-modifier`: modifiers that mean nothing, or something wrong, for a kind of node.

use crate::compile::draft::{Draft, DraftNode};
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::document::Tree;
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
    if let Some(cache) = modifiers.cache.as_ref().filter(|flag| flag.value)
        && let Some(why) = done_each_time(node, uses)
    {
        found.push(("cache", cache.span, why));
    }
    if let (Some(on_crash), Some(why)) = (&modifiers.on_crash, whole_through_a_crash(node, uses)) {
        found.push(("on_crash", on_crash.span, why));
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

/// Why nothing is open about a node whose call a crash has cut off. A command, and what others do, may have done anything.
fn whole_through_a_crash(node: &DraftNode<'_>, uses: Uses) -> Option<&'static str> {
    let is_open = |word: &str| matches!(Uses::parse(word), Some(Uses::Exec | Uses::Http | Uses::Mcp));
    let tools = || node.parameter("tools").map(|field| field.value.items()).unwrap_or_default();
    match uses {
        Uses::Exec | Uses::Http | Uses::Mcp => None,
        Uses::Batch | Uses::Llm if tools().iter().filter_map(Tree::as_str).any(is_open) => None,
        Uses::Batch => Some("none of its `tools` is one of whose end nothing could be known"),
        Uses::ReadFile
        | Uses::ListFiles
        | Uses::SearchFiles
        | Uses::RepoContext
        | Uses::WorkspaceDiff
        | Uses::Llm => Some("what only reads is made again"),
        Uses::ApplyPatch | Uses::Rollback => Some("a change of the workspace is brought to before or after"),
        Uses::Graph => Some("the nodes in it say it themselves"),
        Uses::Approval => Some("its question stays open"),
        Uses::Render | Uses::Values | Uses::ParseReport | Uses::Fail => Some("it makes no call"),
    }
}

/// Why its call is never answered with the result of an earlier one. A method that is none is reported as that.
fn done_each_time(node: &DraftNode<'_>, uses: Uses) -> Option<&'static str> {
    const WRITE: [&str; 5] = ["HEAD", "POST", "PUT", "PATCH", "DELETE"];
    let written = |name: &str| node.parameter(name).map(|field| &field.value);
    let method = || written("method").and_then(Tree::as_str);
    let headers = || written("headers").map(Tree::entries).unwrap_or_default();
    match uses {
        Uses::Http if method().is_some_and(|method| WRITE.contains(&method)) => {
            Some("only a `GET` may be answered from an earlier call")
        }
        Uses::Http if headers().iter().any(|header| header.value.get("$secret").is_some()) => {
            Some("what is said to the holder of a secret is not kept")
        }
        Uses::Llm if written("tools").is_some_and(|tools| !tools.items().is_empty()) => {
            Some("what the model asks for is done each time")
        }
        _ => None,
    }
}
