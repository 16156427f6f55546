//! What became another between two plans of one graph, in the words of its author.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use super::Plan;

/// One difference of two plans.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlanChange {
    /// A node that was not there.
    NodeAdded(String),
    /// A node that is there no more.
    NodeRemoved(String),
    /// A node that does something else, or otherwise.
    NodeChanged(String),
    /// An edge that was not there.
    EdgeAdded(String),
    /// An edge that is there no more.
    EdgeRemoved(String),
    /// A whole section: inputs, channels, outputs, budgets, …
    SectionChanged(String),
}

impl fmt::Display for PlanChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanChange::NodeAdded(node) => write!(f, "node `{node}` is new"),
            PlanChange::NodeRemoved(node) => write!(f, "node `{node}` is gone"),
            PlanChange::NodeChanged(node) => write!(f, "node `{node}` changed"),
            PlanChange::EdgeAdded(edge) => write!(f, "edge `{edge}` is new"),
            PlanChange::EdgeRemoved(edge) => write!(f, "edge `{edge}` is gone"),
            PlanChange::SectionChanged(section) => write!(f, "`{section}` changed"),
        }
    }
}

/// What became another from `before` to `after`; nothing where they mean the same.
pub fn plan_changes(before: &Plan, after: &Plan) -> Vec<PlanChange> {
    if before.digest == after.digest {
        return Vec::new();
    }
    let (old, new) = (before.document(), after.document());
    let mut changes = nodes(&old["nodes"], &new["nodes"]);
    let (old_edges, new_edges) = (edges(before, &old), edges(after, &new));
    let differ = |these: &BTreeMap<String, String>, those: &BTreeMap<String, String>| {
        let only = these.iter().filter(|(key, _)| !those.contains_key(*key));
        only.map(|(_, shown)| shown.clone()).collect::<BTreeSet<_>>()
    };
    changes.extend(differ(&old_edges, &new_edges).into_iter().map(PlanChange::EdgeRemoved));
    changes.extend(differ(&new_edges, &old_edges).into_iter().map(PlanChange::EdgeAdded));
    let sections = old.as_object().into_iter().flatten();
    let told = ["nodes", "edges", "digest", "order", "loops"];
    for (name, section) in sections.filter(|(name, _)| !told.contains(&name.as_str())) {
        if new[name] != *section {
            changes.push(PlanChange::SectionChanged(name.clone()));
        }
    }
    changes
}

fn nodes(old: &Value, new: &Value) -> Vec<PlanChange> {
    let (Some(old), Some(new)) = (old.as_object(), new.as_object()) else { return Vec::new() };
    let gone = old.keys().filter(|id| !new.contains_key(*id)).cloned().map(PlanChange::NodeRemoved);
    let here = new.iter().filter_map(|(id, node)| match old.get(id) {
        None => Some(PlanChange::NodeAdded(id.clone())),
        Some(before) if before != node => Some(PlanChange::NodeChanged(id.clone())),
        Some(_) => None,
    });
    gone.chain(here).collect()
}

/// Each edge as it is told, by all that it says.
fn edges(plan: &Plan, document: &Value) -> BTreeMap<String, String> {
    let told = plan.edges.iter().map(|edge| {
        let (from, to) = (&plan.node(edge.from).id, &plan.node(edge.to).id);
        let when = edge.when.as_ref().map(|when| format!(" when {}", when.source())).unwrap_or_default();
        format!("{from} -> {to}{when}")
    });
    let documents = document["edges"].as_array().into_iter().flatten();
    documents.map(Value::to_string).zip(told).collect()
}
