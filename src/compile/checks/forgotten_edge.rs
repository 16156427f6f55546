//! `forgotten-edge`: a node without incoming edges starts with the run. Where it can only make sense after another, an
//! edge to it was most likely forgotten.

use crate::compile::draft::{Draft, DraftNode};
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::model::Uses;

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    if draft.links.is_empty() || !draft.is_whole() {
        return;
    }
    let mut entry = vec![true; draft.nodes.len()];
    let mut connected = vec![false; draft.nodes.len()];
    for link in &draft.links {
        connected[link.from as usize] = true;
        connected[link.to as usize] = true;
        entry[link.to as usize] &= link.turns();
    }
    let entries: Vec<usize> = (0..draft.nodes.len()).filter(|&at| entry[at] && connected[at]).collect();
    for &at in &entries {
        let node = &draft.nodes[at];
        if entries.len() > 1 && matches!(node.uses(), Some(Uses::Fail | Uses::Rollback)) {
            let why = "only makes sense after another node";
            diagnostics.push(finding(node, why, &format!("add an edge to `{}`", node.id())));
        }
    }
}

fn finding(node: &DraftNode<'_>, why: &str, help: &str) -> Diagnostic {
    let message = format!("`{}` has no incoming edge, so it starts with the run, and it {why}", node.id());
    Diagnostic::new(codes::FORGOTTEN_EDGE, node.node.id.span, message).help(help)
}
