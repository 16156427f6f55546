//! Calls whose verdict depends on values: whether they may do more can't be told once something changed that decides
//! about them. What can't be told counts as more.

use std::collections::BTreeSet;

use serde_json::Value;

use super::calls::{Told, Untold};
use super::compare::Difference;

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
        self.have_other_sources(node, &after.depends_on).then_some(Untold::Values)
    }

    fn has_other_parameters(&self, node: &str) -> bool {
        let parts = self.difference.nodes.iter().filter(|changed| changed.node == node);
        let mut names = parts.flat_map(|changed| &changed.parts).map(|part| part.part.as_str());
        names.any(|name| ["with", "for_each"].iter().any(|of| is_of(name, of)))
    }

    /// Is something another that the values are made from, near or far?
    fn have_other_sources(&self, node: &str, on: &[String]) -> bool {
        let other_data = |section: &str| ["inputs", "channels"].iter().any(|of| is_of(section, of));
        if node.contains('/') {
            // what a graph is given is made around it
            let data = |section: &str| other_data(section.rsplit('/').next().unwrap_or_default());
            return !self.difference.nodes.is_empty()
                || self.difference.sections.iter().any(|part| data(&part.part));
        }
        let sources = self.sources(on);
        let is_source = |name: String| sources.contains(&name);
        self.difference.nodes.iter().any(|changed| {
            let outermost = changed.node.split('/').next().unwrap_or_default();
            is_source(format!("nodes.{outermost}"))
        }) || self.difference.sections.iter().filter(|part| other_data(&part.part)).any(|part| {
            let named = part.part.split(['.', '[']).nth(1).unwrap_or_default();
            is_source(format!("inputs.{named}")) || is_source(format!("state.{named}"))
        })
    }

    /// `inputs.x`, `nodes.y` and `state.z` behind these, as their texts name them.
    fn sources(&self, on: &[String]) -> BTreeSet<String> {
        let mut found: BTreeSet<String> = BTreeSet::new();
        let mut open: Vec<String> = on.to_vec();
        while let Some(name) = open.pop() {
            if found.insert(name.clone()) {
                open.extend(self.named_by(&name));
            }
        }
        found
    }

    fn named_by(&self, name: &str) -> Vec<String> {
        let nodes = self.after["nodes"].as_object();
        let text = match name.split_once('.') {
            Some(("nodes", id)) => self.after["nodes"][id].to_string(),
            Some(("state", channel)) => {
                let writers =
                    nodes.into_iter().flatten().filter(|(_, node)| node["update"].get(channel).is_some());
                return writers.map(|(id, _)| format!("nodes.{id}")).collect();
            }
            _ => return Vec::new(),
        };
        let all = [("nodes", "nodes"), ("inputs", "inputs"), ("channels", "state")];
        let named = all.iter().flat_map(|(section, root)| {
            let names = self.after[*section].as_object().into_iter().flatten();
            names.map(move |(name, _)| format!("{root}.{name}"))
        });
        named.filter(|name| text.contains(name.as_str())).collect()
    }
}

/// `with.argv[1]` is of `with`.
fn is_of(part: &str, whole: &str) -> bool {
    part.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}
