//! `no-nodes`: a graph that does nothing.

use crate::compile::draft::Draft;
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::model::Section;

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    if draft.nodes.is_empty() && draft.graph.is_whole(Section::Nodes) {
        let name = &draft.graph.name;
        let message = format!("the graph `{}` has no nodes", name.value);
        diagnostics.push(
            Diagnostic::new(codes::NO_NODES, name.span, message).help("add a node under `nodes`"),
        );
    }
}
