//! `unconnected-node`: a node without any edge would start with the run, beside everything else. In a graph that has
//! edges that is most likely a forgotten one.

use crate::compile::draft::Draft;
use crate::diag::{Diagnostic, Diagnostics, codes};

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    if draft.links.is_empty() || !draft.is_whole() {
        return;
    }
    let mut connected = vec![false; draft.nodes.len()];
    for link in &draft.links {
        connected[link.from as usize] = true;
        connected[link.to as usize] = true;
    }
    for (at, node) in draft.nodes.iter().enumerate().filter(|&(at, _)| !connected[at]) {
        let message = format!("the node `{}` has no edge, in a graph that has some", node.id());
        let neighbour = if at == 0 { draft.nodes.get(1) } else { draft.nodes.get(at - 1) };
        let help =
            neighbour.map(|other| format!("add `{} -> {}`, or remove the node", other.id(), node.id()));
        let span = node.node.id.span;
        diagnostics.push(Diagnostic::new(codes::UNCONNECTED_NODE, span, message).maybe_help(help));
    }
}
