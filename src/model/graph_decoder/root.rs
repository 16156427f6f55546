//! The top level of a graph file, and of a graph that is written inline.

use std::collections::BTreeSet;

use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::document::{Parsed, Tree, Value};
use crate::model::decode::{Decoder, Fields, OwnKeys, Shape, Slot};
use crate::model::{Graph, Section};
use crate::source::{Located, Span};

use super::Reader;
use super::misplaced::put_right;

/// The id of this version of the language.
const SCHEMA: &str = "lgflow.graph/v1";
/// All ids that a graph file may have.
const SCHEMAS: [&str; 1] = [SCHEMA];

/// Every key of a graph, wherever it stands: first those of a file alone, last the reference to a file.
const KEYS: [&str; 16] = [
    "schema",
    "name",
    "description",
    "inputs",
    "policy",
    "models",
    "prompts",
    "graphs",
    "state",
    "budgets",
    "concurrency",
    "defaults",
    "nodes",
    "edges",
    "outputs",
    "file",
];

/// The keys of a graph file.
pub(super) const ROOT_KEYS: &[&str] = KEYS.split_at(15).0;

/// The keys of an inline graph, which has the name that it stands under, or a reference to a file.
pub(super) const INLINE_OR_FILE_KEYS: &[&str] = KEYS.split_at(2).1;

/// The same without the reference.
pub(super) const INLINE_KEYS: &[&str] = ROOT_KEYS.split_at(2).1;

const FILE: Shape = Shape {
    what: "a graph",
    keys: ROOT_KEYS,
    required: &["schema", "name", "nodes"],
    own: OwnKeys::Extensions,
};

/// Reads a graph file. `None` where there is nothing to go on with: another schema, or no nodes at all. Nothing that follows
/// from what the parser had to skip is reported.
pub fn decode_graph(parsed: &Parsed, diagnostics: &mut Diagnostics) -> Option<Graph> {
    let mut decoder = Decoder::new(diagnostics, &parsed.damage);
    let tree = &parsed.tree;
    let place = first_line(tree);
    if !matches!(tree.value, Value::Map(_)) {
        let slot = Slot { key: "a graph file", key_span: place, value: tree };
        decoder.no_mapping(slot, None);
        return None;
    }
    let put_right = put_right(&mut decoder, parsed);
    let tree = put_right.as_ref().unwrap_or(tree);
    if !decoder.knows_schema(tree, "a graph", &SCHEMAS) {
        return None;
    }
    let slot = Slot { key: "graph", key_span: place, value: tree };
    let fields = decoder.fields(slot, &FILE)?;
    let mut reader = Reader { decoder: &mut decoder, lost: BTreeSet::new() };
    let name = fields.get("name").and_then(|slot| reader.graph_name(slot));
    let mut graph = reader.graph(&fields, name.unwrap_or_else(|| Located::new(String::new(), place)))?;
    graph.damaged = decoder.into_damaged();
    Some(graph)
}

/// Where what concerns the whole file is shown: its first key.
fn first_line(tree: &Tree) -> Span {
    tree.entries().first().map_or(tree.span, |entry| entry.key.span)
}

impl Reader<'_, '_> {
    fn graph_name(&mut self, slot: Slot<'_>) -> Option<Located<String>> {
        let name = self.decoder.string(slot)?;
        let word = name.value.as_str();
        let shape = word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.len() <= 64
            && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
        if !shape {
            let message = format!("`{word}` cannot be the name of a graph");
            let help = "begin with a small letter, go on with small letters, digits, `-` and `_`, at most 64";
            self.decoder.report(Diagnostic::new(codes::BAD_NAME, name.span, message).help(help));
        }
        Some(name)
    }

    /// All sections; `None` without nodes.
    pub(super) fn graph(&mut self, fields: &Fields<'_>, name: Located<String>) -> Option<Graph> {
        let inputs = fields.get("inputs").map(|slot| self.inputs(slot)).unwrap_or_default();
        let policy = fields.get("policy").map(|slot| self.policy(slot)).unwrap_or_default();
        let models = fields.get("models").map(|slot| self.models(slot)).unwrap_or_default();
        let prompts = fields.get("prompts").map(|slot| self.prompts(slot)).unwrap_or_default();
        let graphs = fields.get("graphs").map(|slot| self.subgraphs(slot)).unwrap_or_default();
        let state = fields.get("state").map(|slot| self.channels(slot)).unwrap_or_default();
        let budgets = fields.get("budgets").and_then(|slot| self.budgets(slot)).unwrap_or_default();
        let concurrency =
            fields.get("concurrency").and_then(|slot| self.concurrency(slot)).unwrap_or_default();
        let defaults = fields.get("defaults").map(|slot| self.defaults(slot)).unwrap_or_default();
        let nodes = fields.get("nodes").and_then(|slot| self.nodes(slot, &defaults));
        let edges = fields.get("edges").map(|slot| self.edges(slot)).unwrap_or_default();
        let outputs = fields.get("outputs").map(|slot| self.outputs(slot)).unwrap_or_default();
        Some(Graph {
            span: fields.span,
            name,
            description: fields.get("description").and_then(|slot| self.decoder.string(slot)),
            inputs,
            policy,
            models,
            prompts,
            graphs,
            state,
            budgets,
            concurrency,
            defaults,
            nodes: nodes?,
            edges,
            outputs,
            damaged: Vec::new(),
            lost: std::mem::take(&mut self.lost),
        })
    }

    /// Reads the entries of a section; one that cannot be read leaves the section incomplete.
    pub(super) fn section<T>(
        &mut self,
        section: Section,
        slot: Slot<'_>,
        mut read: impl FnMut(&mut Self, Slot<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Some(entries) = self.decoder.entries(slot) else {
            self.lost.insert(section);
            return None;
        };
        let mut all = Vec::with_capacity(entries.len());
        for entry in entries {
            let one = read(self, Slot::of(entry));
            if one.is_none() {
                self.lost.insert(section);
            }
            all.extend(one);
        }
        Some(all)
    }
}
