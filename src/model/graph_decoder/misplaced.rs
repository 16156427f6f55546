//! Keys of the graph that stand deeper: in TOML a key behind a `[table]` header belongs to that table, in YAML one
//! that is indented too far. They are named, and read as if they stood where they belong.

use crate::diag::{Diagnostic, codes};
use crate::document::{Entry, Parsed, Syntax, Tree, Value};
use crate::model::decode::Decoder;
use crate::model::{PACK_PREFIX, Uses};

use super::modifiers::DEFAULT_KEYS;
use super::node::NODE_KEYS;
use super::root::ROOT_KEYS;
use super::section::BUDGET_KEYS;

/// The tree with misplaced keys at the top; `None` where there are none.
pub(super) fn put_right(decoder: &mut Decoder<'_>, parsed: &Parsed) -> Option<Tree> {
    let tree = &parsed.tree;
    if !may_be_misplaced(tree) {
        return None;
    }
    let mut search = Search { root: tree, syntax: parsed.syntax, found: Vec::new() };
    let sections: Vec<Entry> = tree.entries().iter().map(|entry| search.section(entry)).collect();
    if search.found.is_empty() {
        return None;
    }
    let mut entries = sections;
    for (entry, place) in search.found {
        let key = &entry.key.value;
        let message = format!("`{key}` is a key of the graph, and stands in {place}");
        let help = format!("move `{key}` to the top level; in TOML, above the first `[table]`");
        decoder.report(Diagnostic::new(codes::MISPLACED_KEY, entry.key.span, message).help(help));
        entries.push(entry);
    }
    Some(Tree { value: Value::Map(entries), span: tree.span })
}

/// Does a key that the graph lacks stand anywhere that the search looks? Of most graphs, none does, and nothing needs
/// to be copied.
fn may_be_misplaced(tree: &Tree) -> bool {
    /// In a section, in an entry of one, in that entry's parameters.
    const DEPTH: usize = 3;
    fn holds(tree: &Tree, lacking: &[&str], depth: usize) -> bool {
        tree.entries().iter().any(|entry| {
            lacking.contains(&entry.key.value.as_str())
                || (depth > 1 && holds(&entry.value, lacking, depth - 1))
        })
    }
    let lacking: Vec<&str> = ROOT_KEYS.iter().copied().filter(|key| tree.get(key).is_none()).collect();
    tree.entries().iter().any(|section| holds(&section.value, &lacking, DEPTH))
}

struct Search<'t> {
    root: &'t Tree,
    syntax: Syntax,
    found: Vec<(Entry, String)>,
}

impl Search<'_> {
    fn section(&mut self, section: &Entry) -> Entry {
        let name = section.key.value.as_str();
        let keep = |search: &mut Self, entry: &Entry| {
            if search.belongs_to_root(entry)
                && (misfits(name, entry) || search.is_behind_own_table(name, entry))
            {
                search.found.push((entry.clone(), format!("`{name}`")));
                return None;
            }
            Some(search.member(name, entry))
        };
        self.filtered(section, keep)
    }

    /// An entry of a section: a node, a model, ….
    fn member(&mut self, section: &str, member: &Entry) -> Entry {
        let known: &[&str] = match section {
            "nodes" => NODE_KEYS,
            "defaults" => DEFAULT_KEYS,
            "models" => &["use"],
            "prompts" => &["file", "text"],
            "inputs" | "state" => &["description"],
            _ => return member.clone(),
        };
        let uses = match section {
            "nodes" => member.value.get("uses").and_then(Tree::as_str).and_then(Uses::parse),
            "defaults" => Uses::parse(&member.key.value),
            _ => None,
        };
        let place = format!("`{section}.{}`", member.key.value);
        let keep = |search: &mut Self, entry: &Entry| {
            let key = entry.key.value.as_str();
            if search.belongs_to_root(entry) && !known.contains(&key) {
                search.found.push((entry.clone(), place.clone()));
                return None;
            }
            Some(match key {
                "with" => search.parameters(uses, entry, &place),
                "retry" | "for_each" | "update" => search.modifier(entry, &place),
                _ => entry.clone(),
            })
        };
        self.filtered(member, keep)
    }

    fn parameters(&mut self, uses: Option<Uses>, with: &Entry, place: &str) -> Entry {
        let keep = |search: &mut Self, entry: &Entry| {
            let key = entry.key.value.as_str();
            let known = uses.and_then(|uses| uses.parameters().names);
            let stranger = known.map_or_else(|| means_the_graph(entry), |names| !names.contains(&key));
            if search.belongs_to_root(entry) && stranger {
                search.found.push((entry.clone(), format!("the parameters of {place}")));
                return None;
            }
            Some(entry.clone())
        };
        self.filtered(with, keep)
    }

    /// A modifier that is a mapping of its own; the keys of `update` are channels.
    fn modifier(&mut self, modifier: &Entry, place: &str) -> Entry {
        let name = modifier.key.value.as_str();
        let channels = self.root.get("state");
        let keep = |search: &mut Self, entry: &Entry| {
            let is_channel = channels.is_some_and(|channels| channels.get(&entry.key.value).is_some());
            let stranger = name != "update" || !is_channel && means_the_graph(entry);
            if search.belongs_to_root(entry) && stranger {
                search.found.push((entry.clone(), format!("`{name}` of {place}")));
                return None;
            }
            Some(entry.clone())
        };
        self.filtered(modifier, keep)
    }

    fn filtered(&mut self, entry: &Entry, keep: impl Fn(&mut Self, &Entry) -> Option<Entry>) -> Entry {
        let Value::Map(entries) = &entry.value.value else { return entry.clone() };
        let entries = entries.iter().filter_map(|entry| keep(self, entry)).collect();
        let value = Tree { value: Value::Map(entries), span: entry.value.span };
        Entry { key: entry.key.clone(), value }
    }

    /// Does a key stand in an author's own table that was hardly meant for it? In TOML alone, where every key behind a header
    /// belongs to that table; elsewhere it was put there.
    fn is_behind_own_table(&self, table: &str, entry: &Entry) -> bool {
        self.syntax == Syntax::Toml && table.starts_with("x-") && means_the_graph(entry)
    }

    /// Is it a key of the graph that the graph lacks?
    fn belongs_to_root(&self, entry: &Entry) -> bool {
        let key = entry.key.value.as_str();
        ROOT_KEYS.contains(&key)
            && self.root.get(key).is_none()
            && self.found.iter().all(|(other, _)| other.key.value != key)
    }
}

/// Can an entry of this name mean nothing in the section itself?
fn misfits(section: &str, entry: &Entry) -> bool {
    let is_map = matches!(entry.value.value, Value::Map(_));
    match section {
        "budgets" | "concurrency" | "defaults" => true,
        "nodes" => entry.value.get("uses").is_none(),
        "inputs" | "models" | "prompts" | "graphs" | "state" => !is_map,
        "outputs" => means_the_graph(entry),
        _ => false,
    }
}

/// Among data of any name: is it written as the graph's own key is, so that it can hardly be data?
fn means_the_graph(entry: &Entry) -> bool {
    looks_like_edges(entry) || looks_like_policies(entry) || looks_like_budgets(entry)
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
