//! `not-built`: what the language has and this version does not do yet. A graph that uses it is right, and a run of it
//! would not be what its author expects. Said only where nothing is wrong.

use crate::compile::draft::{Draft, DraftNode};
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::model::Uses;

/// What the one model there is is called.
const BUILT_IN: [&str; 2] = ["default", "deterministic"];

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    if diagnostics.has_errors() {
        return;
    }
    // what stands in the defaults stands there once
    let mut said = Vec::new();
    for found in draft.nodes.iter().flat_map(|node| findings(draft, node)) {
        if !said.contains(&found.span()) {
            said.push(found.span());
            diagnostics.push(found);
        }
    }
}

fn findings(draft: &Draft<'_>, node: &DraftNode<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if let Some(uses) = node.node.uses.as_ref().filter(|uses| uses.value == Uses::Mcp) {
        let message = format!(
            "`{}` is a `mcp` node, and this version of lgflow makes no such call: the node fails with `not_found`",
            node.id()
        );
        let help = "use `exec` with a program that the policy allows, or catch `not_found`";
        found.push(Diagnostic::new(codes::NOT_BUILT, uses.span, message).help(help));
    }
    if node.uses() == Some(Uses::Llm) {
        found.extend(of_model(draft, node));
    }
    let answered = matches!(node.uses(), Some(Uses::Llm | Uses::Http));
    if let Some(cache) = node.modifiers.cache.as_ref().filter(|cache| cache.value && answered) {
        let message = format!(
            "`cache` of `{}` has no effect in this version of lgflow: the call is made each time",
            node.id()
        );
        found.push(Diagnostic::new(codes::NOT_BUILT, cache.span, message).help("leave `cache` out"));
    }
    found
}

/// What an `llm` node wants of its model that the built-in one does not do.
fn of_model(draft: &Draft<'_>, node: &DraftNode<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let named = node.parameter("model").and_then(|model| model.value.as_str());
    let model = draft.graph.models.iter().find(|model| Some(model.name.value.as_str()) == named);
    if let Some(model) = model.filter(|model| !BUILT_IN.contains(&model.uses.value.as_str())) {
        let message = format!(
            "`{}` is a model of the user's configuration, and this version of lgflow has the built-in `deterministic` alone: \
             nodes that use it fail with `not_found`",
            model.uses.value
        );
        let help = "write `use: default`, or catch `not_found`";
        found.push(Diagnostic::new(codes::NOT_BUILT, model.uses.span, message).help(help));
    }
    if let Some(tools) = node.parameter("tools").filter(|tools| !tools.value.items().is_empty()) {
        let message = format!(
            "`tools` of `{}` has no effect in this version of lgflow: the built-in model calls none",
            node.id()
        );
        found.push(Diagnostic::new(codes::NOT_BUILT, tools.name.span, message).help("leave `tools` out"));
    }
    found
}
