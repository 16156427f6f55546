//! The error kinds of an author's own that a node can fail with.

use std::collections::BTreeSet;

use crate::effect::ErrorKind;
use crate::model::Uses;
use crate::plan::{Action, Plan};

use super::draft::{Draft, DraftNode};

/// What a `fail` node fails with unless it names a kind.
pub(super) const FAILED: &str = "failed";

/// The author's own kinds that a node can fail with; `None` where that cannot be known, because something about it
/// is wrong already.
pub(super) fn own(draft: &Draft<'_>, node: &DraftNode<'_>) -> Option<BTreeSet<String>> {
    match node.uses()? {
        Uses::Fail => match node.parameter("kind") {
            None => Some(BTreeSet::from([FAILED.to_owned()])),
            Some(kind) => Some(BTreeSet::from([kind.value.as_str()?.to_owned()])),
        },
        Uses::Graph => {
            let name = node.parameter("graph")?.value.as_str()?;
            let plan = draft.parts.subgraphs.get(name)?.as_ref()?;
            Some(of_plan(plan))
        }
        _ => Some(BTreeSet::new()),
    }
}

fn of_plan(plan: &Plan) -> BTreeSet<String> {
    let mut kinds = BTreeSet::new();
    for node in &plan.nodes {
        match &node.action {
            Action::Fail { kind: ErrorKind::Custom(kind), .. } => {
                kinds.insert(kind.clone());
            }
            Action::Graph { plan, .. } => kinds.extend(of_plan(plan)),
            _ => {}
        }
    }
    kinds
}
