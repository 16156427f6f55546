//! `forgotten-edge`: a node without incoming edges starts with the run. Where it reads what another node gives, or
//! can only make sense after one, an edge to it was most likely forgotten.

use crate::compile::draft::{Draft, DraftNode};
use crate::compile::references;
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::expr::Root;
use crate::model::Uses;
use crate::plan::PlanNode;

pub(super) fn check(draft: &Draft<'_>, nodes: &[Option<PlanNode>], diagnostics: &mut Diagnostics) {
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
        let read = nodes[at].as_ref().and_then(|built| read_node(draft, at, built));
        if let Some(other) = read {
            let why = format!("reads `nodes.{other}`");
            diagnostics.push(finding(node, &why, &format!("add `{other} -> {}`", node.id())));
        } else if entries.len() > 1 && matches!(node.uses(), Some(Uses::Fail | Uses::Rollback)) {
            let why = "only makes sense after another node";
            diagnostics.push(finding(node, why, &format!("add an edge to `{}`", node.id())));
        }
    }
}

/// Another node that a node's own expressions read.
fn read_node<'d>(draft: &Draft<'d>, at: usize, built: &PlanNode) -> Option<&'d str> {
    let roots = references::of_node(built);
    roots.into_iter().find_map(|root| match root {
        Root::Node(id) => draft.find(&id).filter(|&other| other as usize != at).map(|other| draft.id(other)),
        _ => None,
    })
}

fn finding(node: &DraftNode<'_>, why: &str, help: &str) -> Diagnostic {
    let message = format!("`{}` has no incoming edge, so it starts with the run, and it {why}", node.id());
    Diagnostic::new(codes::FORGOTTEN_EDGE, node.node.id.span, message).help(help)
}
