//! `rollback` to a node that comes later, or that changes nothing: there is nothing to take back in any run. And to `start`
//! where a node is named so: what is meant is the run's, and the node cannot be.

use std::collections::BTreeSet;

use crate::compile::draft::{Draft, DraftNode};
use crate::compile::literal;
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::model::Uses;

/// The parameter.
const TO: &str = "to";
/// The start of the run.
const START: &str = "start";

/// Nodes from which ways are looked for, at most: of more nothing is said.
const WALKS: usize = 64;

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    let mut onward = draft.is_whole().then_some(Onward { draft, after: None, left: WALKS });
    for (at, node) in (0..).zip(&draft.nodes).filter(|(_, node)| node.uses() == Some(Uses::Rollback)) {
        let Some(to) = node.parameter(TO).and_then(|field| literal::word(&field.value)) else { continue };
        // that there is no such node is reported elsewhere
        let Some(found) = draft.find(&to.value) else { continue };
        let target = &draft.nodes[found as usize];
        if to.value == START {
            // what changes nothing is not meant
            if !may_change(target) {
                continue;
            }
            let message = format!("`{START}` is the start of the run here, and a node has this name as well");
            diagnostics.push(
                Diagnostic::new(codes::BAD_VALUE, to.span, message)
                    .label(target.node.id.span, "the node")
                    .help("give the node another name"),
            );
            continue;
        }
        let why = if !may_change(target) {
            "never changes the workspace"
        } else if onward.as_mut().is_some_and(|onward| !onward.lead(found, at)) {
            "never comes before it"
        } else {
            continue;
        };
        let (id, other) = (node.id(), target.id());
        let message = format!("`{id}` can take nothing of `{other}` back: that {why}");
        diagnostics.push(
            Diagnostic::new(codes::BAD_VALUE, to.span, message)
                .label(target.node.id.span, "the node")
                .help(format!("name a node before `{id}` that changes the workspace, or write `{START}`")),
        );
    }
}

/// What a command changes may be carried over, and what others do is not known.
fn may_change(node: &DraftNode<'_>) -> bool {
    match node.uses() {
        None
        | Some(
            Uses::ApplyPatch
            | Uses::Rollback
            | Uses::Exec
            | Uses::Mcp
            | Uses::Batch
            | Uses::Llm
            | Uses::Graph,
        ) => true,
        Some(
            Uses::ReadFile
            | Uses::ListFiles
            | Uses::SearchFiles
            | Uses::RepoContext
            | Uses::WorkspaceDiff
            | Uses::Http
            | Uses::Approval
            | Uses::Render
            | Uses::Values
            | Uses::ParseReport
            | Uses::Fail,
        ) => false,
    }
}

/// Where edges lead, loop edges too.
struct Onward<'w, 'a> {
    draft: &'w Draft<'a>,
    /// By node: what its edges lead to; made where it is asked for.
    after: Option<Vec<Vec<u32>>>,
    left: usize,
}

impl Onward<'_, '_> {
    /// Does a way lead from one node to the other? `true` where that would be too much to look at.
    fn lead(&mut self, from: u32, to: u32) -> bool {
        let Some(left) = self.left.checked_sub(1) else { return true };
        self.left = left;
        let draft = self.draft;
        let after = self.after.get_or_insert_with(|| {
            let mut after = vec![Vec::new(); draft.nodes.len()];
            draft.links.iter().for_each(|link| after[link.from as usize].push(link.to));
            after
        });
        let mut seen = BTreeSet::new();
        let mut open = vec![from];
        while let Some(at) = open.pop() {
            for &next in &after[at as usize] {
                if next == to {
                    return true;
                }
                if seen.insert(next) {
                    open.push(next);
                }
            }
        }
        false
    }
}
