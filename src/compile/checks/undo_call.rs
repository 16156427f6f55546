//! `undo` of `apply_patch`, which takes back another run: it stands in the graph that `lgflow runs undo` makes, and in any
//! other the call would be refused when it is made.

use crate::compile::draft::{Draft, DraftNode};
use crate::compile::shipped::is_shipped;
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::model::Uses;
use crate::source::Span;

/// The parameter.
const UNDO: &str = "undo";

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    // what a run has kept of it, or a copy of it, is what a replay of such a run is given
    if is_shipped(draft.file()) {
        return;
    }
    // what stands in the defaults stands there once
    let mut said = Vec::new();
    for node in &draft.nodes {
        for place in places(node) {
            if !said.contains(&place) {
                said.push(place);
                diagnostics.push(finding(node, place));
            }
        }
    }
}

/// Where a node, or a call that it writes out, names it.
fn places(node: &DraftNode<'_>) -> Vec<Span> {
    match node.uses() {
        Some(Uses::ApplyPatch) => node.parameter(UNDO).map(|field| field.name.span).into_iter().collect(),
        Some(Uses::Batch) => {
            let calls = node.parameter("calls").map(|calls| calls.value.items()).unwrap_or_default();
            let patches = calls.iter().filter(|call| {
                call.get("tool").and_then(|tool| tool.as_str()) == Some(Uses::ApplyPatch.as_str())
            });
            let inputs = patches.filter_map(|call| call.get("input"));
            let keys = inputs.flat_map(|input| input.entries().iter().map(|entry| &entry.key));
            keys.filter(|key| key.value == UNDO).map(|key| key.span).collect()
        }
        _ => Vec::new(),
    }
}

fn finding(node: &DraftNode<'_>, place: Span) -> Diagnostic {
    let message = format!(
        "`{}` takes back the changes of another run, which `lgflow runs undo` does and no graph of an author's may",
        node.id()
    );
    Diagnostic::new(codes::BAD_VALUE, place, message)
        .help("write `uses: rollback` with `to: start` for the changes of this run; for another one's: `lgflow runs undo RUN`")
}
