//! `loop-list`: a loop edge goes from one node to one node.

use crate::compile::draft::Draft;
use crate::diag::{Diagnostic, Diagnostics, codes};

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    let edges = &draft.graph.edges;
    let mut last = None;
    for pair in edges.windows(2) {
        let [first, second] = pair else { continue };
        let Some(clause) = &first.repeat else { continue };
        if first.span != second.span || second.repeat.is_none() || last.replace(first.span) == Some(first.span) {
            continue;
        }
        let message = "a loop edge with a list of nodes: a loop goes back from one node to one node";
        diagnostics.push(
            Diagnostic::new(codes::LOOP_LIST, first.span, message)
                .label(clause.span, "makes it a loop edge")
                .help("write one loop edge for each node"),
        );
    }
}
