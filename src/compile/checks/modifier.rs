//! `illegal-modifier`: modifiers that mean nothing, or something wrong, for a kind of node.

use std::collections::BTreeSet;

use crate::compile::draft::{Draft, DraftNode};
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::document::Tree;
use crate::model::{Defaults, Field, Modifiers, Uses};
use crate::source::{Located, Span};

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    let nodes = draft.nodes.iter().filter_map(Bearer::of_node);
    // what stands in the defaults stands there once, also where no node has it
    let mut told = BTreeSet::new();
    for bearer in nodes.chain(draft.graph.defaults.iter().map(Bearer::of_defaults)) {
        for (word, span, why) in illegal(&bearer) {
            if !told.insert(span) {
                continue;
            }
            let message = format!("`{word}` may not stand on `{}`: {why}", bearer.uses.value.as_str());
            diagnostics.push(
                Diagnostic::new(codes::ILLEGAL_MODIFIER, span, message)
                    .label(bearer.uses.span, "the kind of node")
                    .help(format!("remove `{word}`")),
            );
        }
    }
}

/// What bears modifiers: a node, or the defaults of a kind.
struct Bearer<'d> {
    uses: &'d Located<Uses>,
    with: Vec<&'d Field>,
    modifiers: &'d Modifiers,
    /// Are all its parameters known? Of those of defaults a node may have more.
    is_node: bool,
}

impl<'d> Bearer<'d> {
    fn of_node(node: &'d DraftNode<'_>) -> Option<Self> {
        let uses = node.node.uses.as_ref()?;
        Some(Self { uses, with: node.with.clone(), modifiers: &node.modifiers, is_node: true })
    }

    fn of_defaults(defaults: &'d Defaults) -> Self {
        let with = defaults.with.iter().collect();
        Self { uses: &defaults.uses, with, modifiers: &defaults.modifiers, is_node: false }
    }

    fn parameter(&self, name: &str) -> Option<&'d Field> {
        self.with.iter().copied().find(|field| field.name.value == name)
    }
}

fn illegal(bearer: &Bearer<'_>) -> Vec<(&'static str, Span, &'static str)> {
    let (uses, modifiers) = (bearer.uses.value, bearer.modifiers);
    let mut found = Vec::new();
    if let Some(cache) = modifiers.cache.as_ref().filter(|flag| flag.value)
        && let Some(why) = done_each_time(bearer)
    {
        found.push(("cache", cache.span, why));
    }
    if let (Some(on_crash), Some(why)) = (&modifiers.on_crash, whole_through_a_crash(bearer)) {
        found.push(("on_crash", on_crash.span, why));
    }
    if uses == Uses::Fail {
        let why = "it always fails, at once";
        found.extend(modifiers.retry.as_ref().map(|retry| ("retry", retry.attempts.span, why)));
        found.extend(modifiers.update.first().map(|field| ("update", field.name.span, why)));
    }
    if uses == Uses::Approval {
        let why = "a person is asked once";
        found.extend(modifiers.retry.as_ref().map(|retry| ("retry", retry.attempts.span, why)));
    }
    if uses.computes() {
        let why = "it makes no call, and is over at once";
        found.extend(modifiers.timeout.as_ref().map(|timeout| ("timeout", timeout.span, why)));
    }
    if let Some((group, why)) = modifiers.group.as_ref().zip(takes_no_slot(uses)) {
        found.push(("group", group.span, why));
    }
    found
}

/// Why a kind of node can be in no group.
pub(super) fn takes_no_slot(uses: Uses) -> Option<&'static str> {
    match uses {
        Uses::Graph | Uses::Approval => Some("only calls take a slot, so that nesting cannot block itself"),
        uses if uses.computes() => Some("only calls take a slot, and it makes none"),
        _ => None,
    }
}

/// Why nothing is open about a node whose call a crash has cut off. A command, and what others do, may have done anything.
fn whole_through_a_crash(bearer: &Bearer<'_>) -> Option<&'static str> {
    let is_open = |word: &str| matches!(Uses::parse(word), Some(Uses::Exec | Uses::Http | Uses::Mcp));
    let tools = || bearer.parameter("tools").map(|field| field.value.items()).unwrap_or_default();
    match bearer.uses.value {
        Uses::Exec | Uses::Http | Uses::Mcp => None,
        // its node may name them
        Uses::Batch | Uses::Llm if !bearer.is_node && bearer.parameter("tools").is_none() => None,
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
fn done_each_time(bearer: &Bearer<'_>) -> Option<&'static str> {
    const WRITE: [&str; 5] = ["HEAD", "POST", "PUT", "PATCH", "DELETE"];
    let written = |name: &str| bearer.parameter(name).map(|field| &field.value);
    let method = || written("method").and_then(Tree::as_str);
    let headers = || written("headers").map(Tree::entries).unwrap_or_default();
    match bearer.uses.value {
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
