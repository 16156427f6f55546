//! Calls whose verdict depends on values: whether they may do more can't be told once something changed that decides
//! about them. What can't be told counts as more.

use serde_json::Value;

use super::calls::{Told, Untold};
use super::compare::Difference;
use super::sources::Sources;

/// A compared plan, and what differs besides its calls.
pub(super) struct Values<'v> {
    pub(super) after: &'v Value,
    pub(super) difference: &'v Difference,
}

impl Values<'_> {
    /// Why it can't be told that a call may do no more than before.
    pub(super) fn untold(&self, node: &str, before: &Told, after: &Told) -> Option<Untold> {
        if after.depends_on.is_empty() || after.may() == 0 || after.may() < before.may() {
            return None;
        }
        if !self.difference.layers.is_empty() {
            return Some(Untold::Policy);
        }
        // a model, or data, could choose any call of the tool before as well
        if before.may_be_any_call() {
            return None;
        }
        if before.differs_from(after) || self.has_other_parameters(node) {
            return Some(Untold::Parameters);
        }
        Sources::of(self.after, node, &after.depends_on).differ(self.difference).then_some(Untold::Values)
    }

    fn has_other_parameters(&self, node: &str) -> bool {
        let parts = self.difference.nodes.iter().filter(|changed| changed.node == node);
        let mut names = parts.flat_map(|changed| &changed.parts).map(|part| part.part.as_str());
        names.any(|name| ["with", "for_each"].iter().any(|of| is_of(name, of)))
    }
}

/// `with.argv[1]` is of `with`.
pub(super) fn is_of(part: &str, whole: &str) -> bool {
    part.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}
