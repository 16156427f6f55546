//! Is an entry among data of any name written as a key of the graph is, so that it can hardly be data?

use crate::document::{Entry, Syntax, Tree};
use crate::model::PACK_PREFIX;

use super::section::BUDGET_KEYS;

/// Is it?
pub(super) fn means_the_graph(entry: &Entry) -> bool {
    looks_like_edges(entry) || looks_like_policies(entry) || looks_like_budgets(entry)
}

/// Things by name, each with what such a thing has: where no data is written so, or none of that name can stand.
pub(super) fn defines(entry: &Entry, keys: &[&str]) -> bool {
    let has: &[&str] = match entry.key.value.as_str() {
        "state" | "inputs" => &["type", "enum", "reduce", "default", "anyOf", "oneOf", "$ref"],
        "models" => &["use"],
        "prompts" => &["file", "text"],
        _ => return false,
    };
    let is_one = |one: &Entry| one.value.entries().iter().any(|part| has.contains(&part.key.value.as_str()));
    let all = entry.value.entries();
    keys.contains(&entry.key.value.as_str()) && !all.is_empty() && all.iter().all(is_one)
}

/// A list of files, of built-in layers and of packs.
fn looks_like_policies(entry: &Entry) -> bool {
    let is_layer = |item: &Tree| {
        item.as_str().is_some_and(|text| {
            Syntax::of_path(text).is_some() || text.starts_with("builtin:") || text.starts_with(PACK_PREFIX)
        })
    };
    let items = entry.value.items();
    entry.key.value == "policy" && !items.is_empty() && items.iter().all(is_layer)
}

fn looks_like_budgets(entry: &Entry) -> bool {
    let budgets = entry.value.entries();
    let known = |budget: &Entry| BUDGET_KEYS.contains(&budget.key.value.as_str());
    entry.key.value == "budgets" && !budgets.is_empty() && budgets.iter().all(known)
}

fn looks_like_edges(entry: &Entry) -> bool {
    let is_edge =
        |item: &Tree| item.as_str().is_some_and(|text| text.contains("->")) || item.get("from").is_some();
    entry.key.value == "edges" && !entry.value.items().is_empty() && entry.value.items().iter().all(is_edge)
}
