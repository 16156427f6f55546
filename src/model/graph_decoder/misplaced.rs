//! Keys of the graph that stand deeper: in TOML a key behind a `[table]` header belongs to that table, in YAML one
//! that is indented too far. They are named, and read as if they stood where they belong.

use crate::diag::{Diagnostic, codes};
use crate::document::{Entry, Parsed, Syntax, Tree, Value};
use crate::model::Uses;
use crate::model::decode::Decoder;

use super::edge::EDGE_KEYS;
use super::meant::{defines, means_the_graph};
use super::modifiers::DEFAULT_KEYS;
use super::node::NODE_KEYS;
use super::root::{INLINE_KEYS, ROOT_KEYS};

/// The tree with misplaced keys at the top, of the graph and of each that is written in it; `None` where there are none.
pub(super) fn put_right(decoder: &mut Decoder<'_>, parsed: &Parsed) -> Option<Tree> {
    level(decoder, parsed.syntax, &parsed.tree, None)
}

/// One graph; `table` is where one is written that stands in another (`graphs.a`).
fn level(decoder: &mut Decoder<'_>, syntax: Syntax, tree: &Tree, table: Option<&str>) -> Option<Tree> {
    let inner = within(decoder, syntax, tree, table);
    let tree = inner.as_ref().unwrap_or(tree);
    let keys = if table.is_some() { INLINE_KEYS } else { ROOT_KEYS };
    if !may_be_misplaced(tree, keys) {
        return inner;
    }
    let mut search = Search { root: tree, keys, syntax, found: Vec::new() };
    let mut entries: Vec<Entry> = tree.entries().iter().map(|entry| search.section(entry)).collect();
    if search.found.is_empty() {
        return inner;
    }
    for (entry, place) in search.found {
        let key = &entry.key.value;
        let (message, help) = match table {
            None => (
                format!("`{key}` is a key of the graph, and stands in {place}"),
                format!("move `{key}` to the top level; in TOML, above the first `[table]`"),
            ),
            Some(table) => {
                let name = table.rsplit("graphs.").next().unwrap_or_default();
                (
                    format!("`{key}` is a key of the graph `{name}`, and stands in {place} of it"),
                    format!("move `{key}` to the graph; in TOML, to `[{table}]`"),
                )
            }
        };
        decoder.report(Diagnostic::new(codes::MISPLACED_KEY, entry.key.span, message).help(help));
        entries.push(entry);
    }
    Some(Tree { value: Value::Map(entries), span: tree.span })
}

/// The same of the graphs that are written in this one.
fn within(decoder: &mut Decoder<'_>, syntax: Syntax, tree: &Tree, table: Option<&str>) -> Option<Tree> {
    let graphs = tree.get("graphs")?;
    let mut right = |entry: &Entry| {
        entry.value.get("nodes")?;
        let above = table.map_or_else(String::new, |table| format!("{table}."));
        level(decoder, syntax, &entry.value, Some(&format!("{above}graphs.{}", entry.key.value)))
    };
    let right: Vec<Option<Tree>> = graphs.entries().iter().map(&mut right).collect();
    if right.iter().all(Option::is_none) {
        return None;
    }
    let with = |entry: &Entry, value: Option<Tree>| Entry {
        key: entry.key.clone(),
        value: value.unwrap_or_else(|| entry.value.clone()),
    };
    let entries = graphs.entries().iter().zip(right).map(|(entry, right)| with(entry, right)).collect();
    let graphs = Tree { value: Value::Map(entries), span: graphs.span };
    let put = |entry: &Entry| with(entry, (entry.key.value == "graphs").then(|| graphs.clone()));
    Some(Tree { value: Value::Map(tree.entries().iter().map(put).collect()), span: tree.span })
}

/// Does a key that the graph lacks stand anywhere that the search looks? Of most graphs, none does, and nothing needs
/// to be copied.
fn may_be_misplaced(tree: &Tree, keys: &[&str]) -> bool {
    fn holds(tree: &Tree, lacking: &[&str], depth: usize) -> bool {
        depth > 0
            && (tree.items().iter().any(|item| holds(item, lacking, depth - 1))
                || tree.entries().iter().any(|entry| {
                    lacking.contains(&entry.key.value.as_str()) || holds(&entry.value, lacking, depth - 1)
                }))
    }
    let lacking: Vec<&str> = keys.iter().copied().filter(|key| tree.get(key).is_none()).collect();
    tree.entries().iter().any(|section| holds(&section.value, &lacking, DEEPEST))
}

/// How deep a table may stand among data, and be looked at.
const DEEPEST: usize = 6;

struct Search<'t> {
    root: &'t Tree,
    keys: &'static [&'static str],
    syntax: Syntax,
    found: Vec<(Entry, String)>,
}

impl Search<'_> {
    fn section(&mut self, section: &Entry) -> Entry {
        let name = section.key.value.as_str();
        if name.starts_with("x-") {
            return self.data(section, &format!("`{name}`"), DEEPEST);
        }
        if let ("edges", Value::List(edges)) = (name, &section.value.value) {
            let edges = edges.iter().map(|edge| self.edge(edge)).collect();
            let value = Tree { value: Value::List(edges), span: section.value.span };
            return Entry { key: section.key.clone(), value };
        }
        let keep = |search: &mut Self, entry: &Entry| {
            if search.belongs_to_root(entry) && misfits(name, entry) {
                search.found.push((entry.clone(), format!("`{name}`")));
                return None;
            }
            Some(search.member(name, entry))
        };
        self.filtered(section, keep)
    }

    /// An edge: in TOML it is a table as well. A name and a description were meant for it.
    fn edge(&mut self, edge: &Tree) -> Tree {
        let Value::Map(entries) = &edge.value else { return edge.clone() };
        let keep = |entry: &Entry| {
            let key = entry.key.value.as_str();
            let stranger = !EDGE_KEYS.contains(&key) && !["name", "description"].contains(&key);
            if self.syntax == Syntax::Toml && stranger && self.belongs_to_root(entry) {
                self.found.push((entry.clone(), "an edge".to_owned()));
                return None;
            }
            Some(self.table(entry, "an edge"))
        };
        Tree { value: Value::Map(entries.iter().filter_map(keep).collect()), span: edge.span }
    }

    /// An entry of a section: a node, a model, ….
    fn member(&mut self, section: &str, member: &Entry) -> Entry {
        let known: &[&str] = match section {
            "nodes" => NODE_KEYS,
            "defaults" => DEFAULT_KEYS,
            "models" => &["use"],
            "prompts" => &["file", "text"],
            "inputs" | "state" => &["description"],
            "concurrency" | "budgets" => return self.table(member, &format!("`{section}`")),
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
            // what a subgraph is given, unless it is written as a graph's inputs are
            let given = uses == Some(Uses::Graph) && key == "inputs" && !defines(entry, &["inputs"]);
            if search.belongs_to_root(entry) && !known.contains(&key) && !given {
                search.found.push((entry.clone(), place.clone()));
                return None;
            }
            Some(match key {
                "with" => search.parameters(uses, entry, &place),
                "retry" | "for_each" | "update" => search.modifier(entry, &place),
                _ => search.table(entry, &place),
            })
        };
        self.filtered(member, keep)
    }

    fn parameters(&mut self, uses: Option<Uses>, with: &Entry, place: &str) -> Entry {
        let braced = self.is_braced(&with.value);
        let keep = |search: &mut Self, entry: &Entry| {
            let key = entry.key.value.as_str();
            let known = uses.and_then(|uses| uses.parameters().names);
            let meant = || !braced && means_the_graph(entry);
            let stranger = known.map_or_else(meant, |names| !names.contains(&key));
            if search.belongs_to_root(entry) && stranger {
                search.found.push((entry.clone(), format!("the parameters of {place}")));
                return None;
            }
            Some(search.table(entry, place))
        };
        self.filtered(with, keep)
    }

    /// A modifier that is a mapping of its own; the keys of `update` are channels.
    fn modifier(&mut self, modifier: &Entry, place: &str) -> Entry {
        let name = modifier.key.value.as_str();
        let channels = self.root.get("state");
        if name == "update" && self.is_braced(&modifier.value) {
            return modifier.clone();
        }
        let keep = |search: &mut Self, entry: &Entry| {
            let is_channel = channels.is_some_and(|channels| channels.get(&entry.key.value).is_some());
            let meant =
                || means_the_graph(entry) || defines(entry, &["state", "inputs", "models", "prompts"]);
            let stranger = name != "update" || !is_channel && meant();
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

    /// A table of data that stands in something.
    fn table(&mut self, entry: &Entry, place: &str) -> Entry {
        let place = format!("`{}` of {place}", entry.key.value);
        self.data(entry, &place, DEEPEST)
    }

    /// Data of any name, or an author's own table: a key of the graph that stands there was hardly meant for it. In TOML alone,
    /// where every key behind a header belongs to that table; elsewhere it was put there.
    fn data(&mut self, data: &Entry, place: &str, depth: usize) -> Entry {
        if self.syntax != Syntax::Toml || depth == 0 || self.is_braced(&data.value) {
            return data.clone();
        }
        let keep = |search: &mut Self, entry: &Entry| {
            let meant = means_the_graph(entry) || defines(entry, &["models", "prompts"]);
            if search.belongs_to_root(entry) && meant {
                search.found.push((entry.clone(), place.to_owned()));
                return None;
            }
            Some(search.data(entry, place, depth - 1))
        };
        self.filtered(data, keep)
    }

    /// Is it a table of TOML in braces? No key falls into one; whatever stands there was put there. The place of a table
    /// with a header is that of the header.
    fn is_braced(&self, table: &Tree) -> bool {
        let within =
            |entry: &Entry| table.span.start < entry.key.span.start && entry.key.span.end <= table.span.end;
        let entries = table.entries();
        self.syntax == Syntax::Toml && !entries.is_empty() && entries.iter().all(within)
    }

    /// Is it a key of the graph that the graph lacks?
    fn belongs_to_root(&self, entry: &Entry) -> bool {
        let key = entry.key.value.as_str();
        self.keys.contains(&key)
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
