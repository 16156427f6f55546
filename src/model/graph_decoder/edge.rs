//! Edges: chains taken apart, lists multiplied out, and what may stand beside what.

use crate::diag::{Diagnostic, codes};
use crate::document::{Entry, Text, Tree, Value};
use crate::model::decode::{Fields, OwnKeys, Shape, Slot};
use crate::model::{Edge, ExhaustedRule, LoopClause, Section};
use crate::source::{Located, Span};

use super::Reader;

/// The keys of an edge.
pub(super) const EDGE_KEYS: &[&str] = &["from", "to", "when", "otherwise", "catch", "always", "loop"];

const EDGE: Shape =
    Shape { what: "an edge", keys: EDGE_KEYS, required: &["from", "to"], own: OwnKeys::Extensions };

const LOOP: Shape =
    Shape { what: "`loop`", keys: &["max", "exhausted", "delay"], required: &["max"], own: OwnKeys::Refused };

const EXHAUSTED: [(&str, ExhaustedRule); 2] =
    [("fail", ExhaustedRule::Fail), ("leave", ExhaustedRule::Leave)];

/// Keys of an edge that exclude each other.
const EXCLUSIVE: [(&str, &str); 6] = [
    ("otherwise", "when"),
    ("otherwise", "catch"),
    ("otherwise", "always"),
    ("otherwise", "loop"),
    ("always", "catch"),
    ("always", "loop"),
];

/// Error kinds that no edge catches.
const UNCATCHABLE: [&str; 4] = ["cancelled", "budget", "internal", "unplanned"];

impl Reader<'_, '_> {
    pub(super) fn edges(&mut self, slot: Slot<'_>) -> Vec<Edge> {
        let Some(items) = self.decoder.items(slot) else {
            self.lost.insert(Section::Edges);
            return Vec::new();
        };
        if self.decoder.skipped_something() {
            self.lost.insert(Section::Edges);
        }
        let mut edges = Vec::new();
        for item in items {
            match self.edge_entry(item) {
                Some(entry) => edges.extend(entry),
                None => {
                    self.lost.insert(Section::Edges);
                }
            }
        }
        edges
    }

    fn edge_entry(&mut self, slot: Slot<'_>) -> Option<Vec<Edge>> {
        match &slot.value.value {
            Value::String(chain) => self.chain(chain),
            Value::Map(entries) => {
                let mended = self.out_of_loop(slot, entries);
                let slot = Slot { value: mended.as_ref().unwrap_or(slot.value), ..slot };
                let fields = self.decoder.fields(slot, &EDGE)?;
                self.edge(slot, &fields)
            }
            _ => {
                self.no_edge(slot.value);
                None
            }
        }
    }

    fn no_edge(&mut self, tree: &Tree) {
        let found = format!("`an edge` takes a chain like `a -> b` or a mapping, not {}", tree.kind());
        let chain = tree.items().first().and_then(Tree::as_str).filter(|_| tree.items().len() == 1);
        let help = match chain {
            Some(chain) => format!("write `{chain}`, without brackets"),
            None => "write `a -> b`, or `{ from: a, to: b }`".to_owned(),
        };
        self.decoder.report(Diagnostic::new(codes::WRONG_TYPE, tree.span, found).help(help));
    }

    /// Keys of an edge that stand in its `loop`, as they easily do behind the header of that table in TOML: they are named, and
    /// read as if they stood in the edge.
    fn out_of_loop(&mut self, slot: Slot<'_>, entries: &[Entry]) -> Option<Tree> {
        let clause = entries.iter().find(|entry| entry.key.value == "loop")?;
        let is_here = |key: &str| entries.iter().any(|entry| entry.key.value == key);
        let strays = |entry: &Entry| {
            let key = entry.key.value.as_str();
            EDGE.keys.contains(&key) && key != "loop" && !is_here(key)
        };
        let (strays, own): (Vec<Entry>, Vec<Entry>) =
            clause.value.entries().iter().cloned().partition(|entry| strays(entry));
        if strays.is_empty() {
            return None;
        }
        for entry in &strays {
            let key = &entry.key.value;
            let message = format!("`{key}` is a key of the edge, and stands in its `loop`");
            let help = format!("move `{key}` to the edge; in TOML, above the edge's `loop` table");
            self.decoder.report(Diagnostic::new(codes::MISPLACED_KEY, entry.key.span, message).help(help));
        }
        let value = Tree { value: Value::Map(own), span: clause.value.span };
        let clause = Entry { key: clause.key.clone(), value };
        let others = entries.iter().filter(|entry| entry.key.value != "loop").cloned();
        let entries = others.chain([clause]).chain(strays).collect();
        Some(Tree { value: Value::Map(entries), span: slot.value.span })
    }

    /// `a -> b -> c`: an unconditional edge from each to the next.
    fn chain(&mut self, text: &Text) -> Option<Vec<Edge>> {
        let names = chain_names(text.as_str());
        let sound = names.iter().all(|&(_, name)| {
            !name.is_empty() && !name.contains(|c: char| c.is_ascii_whitespace() || c == '>')
        });
        if names.len() < 2 || !sound {
            let message = format!("`{}` is no chain of nodes", text.as_str());
            let help = "write it like `a -> b` or `a -> b -> c`".to_owned();
            self.decoder.bad_value(text.span(), message, Some(help));
            return None;
        }
        let located =
            |&(at, name): &(usize, &str)| Located::new(name.to_owned(), text.part(at, at + name.len()));
        let names: Vec<Located<String>> = names.iter().map(located).collect();
        let step = |pair: &[Located<String>]| plain(text.span(), pair[0].clone(), pair[1].clone());
        Some(names.windows(2).map(step).collect())
    }

    fn edge(&mut self, slot: Slot<'_>, fields: &Fields<'_>) -> Option<Vec<Edge>> {
        self.exclusive_keys(fields);
        let when = fields.get("when").and_then(|slot| self.decoder.text(slot));
        let otherwise = fields.get("otherwise").and_then(|slot| self.only_true(slot));
        let always = fields.get("always").and_then(|slot| self.only_true(slot));
        let catch = fields.get("catch").map(|slot| self.catch(slot)).unwrap_or_default();
        let repeat = fields.get("loop").map(|slot| self.loop_clause(slot));
        let is_loop = fields.get("loop").is_some();
        let from = fields.get("from").and_then(|slot| self.ends(slot, is_loop))?;
        let to = fields.get("to").and_then(|slot| self.ends(slot, is_loop))?;
        let repeat = match repeat {
            Some(clause) => Some(clause?),
            None => None,
        };
        let mut edges = Vec::with_capacity(from.len() * to.len());
        for from in &from {
            for to in &to {
                let mut edge = plain(slot.value.span, from.clone(), to.clone());
                edge.when.clone_from(&when);
                edge.otherwise.clone_from(&otherwise);
                edge.catch.clone_from(&catch);
                edge.always.clone_from(&always);
                edge.repeat.clone_from(&repeat);
                edges.push(edge);
            }
        }
        Some(edges)
    }

    /// The nodes at one end: a name, or a list of names where the edge is no loop edge.
    fn ends(&mut self, slot: Slot<'_>, is_loop: bool) -> Option<Vec<Located<String>>> {
        if matches!(slot.value.value, Value::String(_)) {
            return self.decoder.filled_string(slot).map(|name| vec![name]);
        }
        if is_loop {
            let message = format!("`{}` takes one node on a loop edge, not {}", slot.key, slot.value.kind());
            let help = "write one loop edge for each node";
            self.decoder.report(Diagnostic::new(codes::WRONG_TYPE, slot.value.span, message).help(help));
            return None;
        }
        if !matches!(slot.value.value, Value::List(_)) {
            let message =
                format!("`{}` takes a node or a list of nodes, not {}", slot.key, slot.value.kind());
            let help = "write the id of a node, or `[a, b]`";
            self.decoder.report(Diagnostic::new(codes::WRONG_TYPE, slot.value.span, message).help(help));
            return None;
        }
        let items = self.decoder.items(slot)?;
        if items.is_empty() {
            let help = Some("name at least one node".to_owned());
            self.decoder.bad_value(slot.value.span, format!("`{}` names no node", slot.key), help);
        }
        let count = items.len();
        let names: Vec<_> = items.into_iter().filter_map(|item| self.decoder.filled_string(item)).collect();
        (count > 0 && names.len() == count).then_some(names)
    }

    fn only_true(&mut self, slot: Slot<'_>) -> Option<Located<bool>> {
        let flag = self.decoder.boolean(slot)?;
        if !flag.value {
            let message = format!("`{}` can only be `true`", slot.key);
            self.decoder.bad_value(flag.span, message, Some(format!("remove `{}`", slot.key)));
        }
        // also where it is not: the edge is then not taken for a plain one
        Some(flag.map(|_| true))
    }

    fn catch(&mut self, slot: Slot<'_>) -> Vec<Located<String>> {
        let Some(kinds) = self.decoder.strings(slot) else {
            // The edge stays one that catches, so that its target is not taken for a plain successor.
            self.decoder.damage(slot.value.span);
            return vec![Located::new("any".to_owned(), slot.value.span)];
        };
        if slot.value.items().is_empty() {
            let help = Some("name the kinds, or write `[any]`".to_owned());
            self.decoder.bad_value(slot.value.span, "`catch` names no kind of error", help);
        }
        for kind in &kinds {
            if UNCATCHABLE.contains(&kind.value.as_str()) {
                let message = format!("an error of kind `{}` is never caught", kind.value);
                self.decoder.bad_value(kind.span, message, Some(format!("remove `{}`", kind.value)));
            } else {
                self.decoder.kind_shape(kind);
            }
        }
        kinds
    }

    fn loop_clause(&mut self, slot: Slot<'_>) -> Option<LoopClause> {
        let fields = self.decoder.fields(slot, &LOOP)?;
        let max = fields.get("max").and_then(|slot| self.decoder.count(slot, 1));
        let exhausted = fields.get("exhausted").and_then(|slot| self.decoder.word(slot, &EXHAUSTED));
        let delay = fields.get("delay").and_then(|slot| self.decoder.duration(slot));
        // Without a bound the loop is still a loop: what is checked of its shape does not depend on the number.
        let max = max.unwrap_or_else(|| Located::new(1, slot.key_span));
        Some(LoopClause { span: slot.value.span, max, exhausted, delay })
    }

    fn exclusive_keys(&mut self, fields: &Fields<'_>) {
        for (one, other) in EXCLUSIVE {
            if let (Some(one), Some(other)) = (fields.get(one), fields.get(other)) {
                self.decoder.conflict(other.key_span, other.key, one.key_span, one.key, "an edge");
            }
        }
    }
}

fn plain(span: Span, from: Located<String>, to: Located<String>) -> Edge {
    Edge { span, from, to, when: None, otherwise: None, catch: Vec::new(), always: None, repeat: None }
}

/// The names of a chain with their offsets, white space trimmed.
fn chain_names(text: &str) -> Vec<(usize, &str)> {
    let white = |c: char| c.is_ascii_whitespace();
    let mut at = 0;
    let mut names = Vec::new();
    for part in text.split("->") {
        let lead = part.len() - part.trim_start_matches(white).len();
        names.push((at + lead, part.trim_matches(white)));
        at += part.len() + 2;
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_know_where_their_names_are() {
        assert_eq!(chain_names("a -> b_c->d"), [(0, "a"), (5, "b_c"), (10, "d")]);
        assert_eq!(chain_names(" a "), [(1, "a")]);
        assert_eq!(chain_names("a ->"), [(0, "a"), (4, "")]);
    }
}
