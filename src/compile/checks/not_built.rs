//! `not-built`: what the language has and this version does not do yet. A graph that uses it is right, and a run of it
//! would not be what its author expects. Said only where nothing is wrong.

use crate::compile::draft::{Draft, DraftNode};
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::model::Uses;

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    if diagnostics.has_errors() {
        return;
    }
    // what stands in the defaults stands there once
    let mut said = Vec::new();
    for found in draft.nodes.iter().flat_map(findings) {
        if !said.contains(&found.span()) {
            said.push(found.span());
            diagnostics.push(found);
        }
    }
}

fn findings(node: &DraftNode<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if let Some(uses) = node.node.uses.as_ref().filter(|uses| uses.value == Uses::Mcp) {
        let message = format!(
            "`{}` is a `mcp` node, and this version of lgflow makes no such call: the node fails with `not_found`",
            node.id()
        );
        let help = "use `exec` with a program that the policy allows, or catch `not_found`";
        found.push(Diagnostic::new(codes::NOT_BUILT, uses.span, message).help(help));
    }
    found
}
