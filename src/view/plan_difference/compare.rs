//! The whole of two plans compared, subgraphs from inside. Judges nothing.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::calls::{CallChange, Told, calls};
use super::parts::{Change, Part, parts};
use super::values::Values;

/// What differs between two plans.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Calls and verdicts.
    pub calls: Vec<CallChange>,
    /// Nodes; within a subgraph behind the node that runs it.
    pub nodes: Vec<NodeChange>,
    /// Edges.
    pub edges: Vec<EdgeChange>,
    /// Inputs, channels, outputs, budgets, limits of loops and of concurrency, named layers.
    pub sections: Vec<Part>,
    /// Layers by name and role: the digest of each.
    pub layers: Vec<Part>,
    /// How many steps each has.
    pub steps: (usize, usize),
    /// Was each judged as one whose workspace is trusted? One that was written down is taken as it stands.
    pub trusted: (bool, bool),
}

/// A node that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeChange {
    /// Which.
    pub node: String,
    /// How.
    pub change: Change,
    /// What it does, or did.
    pub uses: String,
    /// Its parts, where both plans have it.
    pub parts: Vec<Part>,
}

/// An edge that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct EdgeChange {
    /// From where.
    pub from: String,
    /// To where.
    pub to: String,
    /// `success`, `otherwise`, `catch` or `always`.
    pub on: String,
    /// How.
    pub change: Change,
    /// Its condition, where only one plan has it.
    pub when: Option<String>,
    /// Its parts, where both plans have it.
    pub parts: Vec<Part>,
}

impl Difference {
    /// Do both plans mean the same?
    pub fn is_none(&self) -> bool {
        self.calls.is_empty()
            && self.nodes.is_empty()
            && self.edges.is_empty()
            && self.sections.is_empty()
            && self.layers.is_empty()
    }

    /// Does a node that calls a model send it something else: other messages, variables, or another schema of the answer?
    fn sends_other(&self, node: &str) -> bool {
        let own = self.nodes.iter().find(|change| change.node == node);
        own.is_some_and(|change| change.parts.iter().any(|part| part.part.starts_with("with.")))
    }

    /// May some call do what it might not before, or can that not be told?
    pub fn widens(&self) -> bool {
        self.calls.iter().any(CallChange::widens)
    }
}

/// What of a section is no consequence of something else.
const SECTIONS: [&str; 6] = ["inputs", "channels", "outputs", "budgets", "concurrency", "policy"];
/// What of a node is a consequence of its edges.
const OF_EDGES: &str = "loops";

/// Compares two documents `lgflow.plan/v1`.
pub fn compare(before: &Value, after: &Value) -> Difference {
    let steps = |plan: &Value| plan["steps"].as_array().map_or(0, Vec::len);
    let mut found = Difference {
        calls: Vec::new(),
        nodes: Vec::new(),
        edges: Vec::new(),
        sections: Vec::new(),
        layers: Vec::new(),
        steps: (steps(before), steps(after)),
        trusted: (is_trusted(before), is_trusted(after)),
    };
    parts("graph", before.get("graph"), after.get("graph"), &mut found.sections);
    found.level("", before, after);
    let (mut old, mut new) = (layers(before), layers(after));
    // that one of them was not trusted is told of it, and is no change of what it asks for
    if found.trusted.0 != found.trusted.1 {
        let held = if found.trusted.0 { &mut new } else { &mut old };
        held.as_object_mut().and_then(|layers| layers.remove(WITHOUT_TRUST));
    }
    parts("", Some(&old), Some(&new), &mut found.layers);
    let values = Values { after, difference: &found };
    let untold = |node: &str, before: &Told, after: &Told| values.untold(node, before, after);
    let calls = calls(before, after, &untold, &|node| found.sends_other(node));
    Difference { calls, ..found }
}

/// The ceiling that a plan is held to for the only reason that nobody trusts its workspace.
const WITHOUT_TRUST: &str = "ceiling builtin:contained";

fn is_trusted(plan: &Value) -> bool {
    plan["trusted"] != false
}

/// The layers by role and name. A name that comes twice is told by its place.
fn layers(plan: &Value) -> Value {
    let mut layers = Map::new();
    for layer in plan["layers"].as_array().into_iter().flatten() {
        let text = |name: &str| layer[name].as_str().unwrap_or_default();
        let mut name = format!("{} {}", text("role"), text("name"));
        while layers.contains_key(&name) {
            name.push('\'');
        }
        layers.insert(name, layer["digest"].clone());
    }
    Value::Object(layers)
}

impl Difference {
    /// One graph, whose nodes stand behind `above`.
    fn level(&mut self, above: &str, before: &Value, after: &Value) {
        for section in SECTIONS {
            parts(&format!("{above}{section}"), before.get(section), after.get(section), &mut self.sections);
        }
        let limits = |plan: &Value| {
            let loops = plan["loops"].as_object().into_iter().flatten();
            let limits = loops.map(|(target, one)| {
                let mut one = one.clone();
                if let Some(one) = one.as_object_mut() {
                    one.remove("body");
                    one.remove("outer");
                }
                (target.clone(), one)
            });
            Value::Object(limits.collect())
        };
        let (old, new) = (limits(before), limits(after));
        parts(&format!("{above}loops"), Some(&old), Some(&new), &mut self.sections);
        self.nodes(above, &before["nodes"], &after["nodes"]);
        self.edges(above, &before["edges"], &after["edges"]);
    }

    fn nodes(&mut self, above: &str, before: &Value, after: &Value) {
        let empty = Map::new();
        let (before, after) = (before.as_object().unwrap_or(&empty), after.as_object().unwrap_or(&empty));
        let added = after.keys().filter(|id| !before.contains_key(*id));
        for id in before.keys().chain(added) {
            let (old, new) = (before.get(id), after.get(id));
            if old == new {
                continue;
            }
            let node = format!("{above}{id}");
            let uses = new.or(old).and_then(|node| node["uses"].as_str()).unwrap_or_default().to_owned();
            let mut found = Vec::new();
            if let (Some(old), Some(new)) = (old, new) {
                let (mut old, mut new) = (old.clone(), new.clone());
                if let (Some(old), Some(new)) = (inner(&mut old), inner(&mut new)) {
                    self.level(&format!("{node}/"), &old, &new);
                }
                for one in [&mut old, &mut new] {
                    one.as_object_mut().and_then(|one| one.remove(OF_EDGES));
                }
                parts("", Some(&old), Some(&new), &mut found);
                if found.is_empty() {
                    continue;
                }
            }
            self.nodes.push(NodeChange { node, change: Change::of(old, new), uses, parts: found });
        }
    }

    fn edges(&mut self, above: &str, before: &Value, after: &Value) {
        let (mut before, after) = (by_ends(before), by_ends(after));
        for (ends, new) in after {
            let old = before.remove(&ends).unwrap_or_default();
            let (mut left, mut fresh) = (old.clone(), Vec::new());
            for edge in new {
                match left.iter().position(|old| *old == edge) {
                    Some(same) => drop(left.remove(same)),
                    None => fresh.push(edge),
                }
            }
            let count = left.len().max(fresh.len());
            for nth in 0..count {
                self.edge(above, &ends, left.get(nth), fresh.get(nth));
            }
        }
        for (ends, old) in before {
            for edge in &old {
                self.edge(above, &ends, Some(edge), None);
            }
        }
    }

    fn edge(&mut self, above: &str, ends: &Ends, before: Option<&Value>, after: Option<&Value>) {
        let mut found = Vec::new();
        if before.is_some() && after.is_some() {
            parts("", before, after, &mut found);
        }
        let only = before.xor(after);
        self.edges.push(EdgeChange {
            from: format!("{above}{}", ends.0),
            to: format!("{above}{}", ends.1),
            on: ends.2.clone(),
            change: Change::of(before, after),
            when: only.and_then(|edge| edge["when"].as_str()).map(str::to_owned),
            parts: found,
        });
    }
}

/// From, to, and the outcome that takes it.
type Ends = (String, String, String);

/// The edges by their ends, without what is a consequence of others.
fn by_ends(edges: &Value) -> BTreeMap<Ends, Vec<Value>> {
    let mut by_ends: BTreeMap<Ends, Vec<Value>> = BTreeMap::new();
    for edge in edges.as_array().into_iter().flatten() {
        let mut edge = edge.clone();
        let mut take = |name: &str| {
            let taken = edge.as_object_mut().and_then(|edge| edge.remove(name));
            taken.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
        };
        let ends = (take("from"), take("to"), take("on"));
        take("leaves");
        by_ends.entry(ends).or_default().push(edge);
    }
    by_ends
}

/// The graph that a node runs, taken out of it.
fn inner(node: &mut Value) -> Option<Value> {
    let graph = node.get_mut("with")?.as_object_mut()?;
    if graph.get("graph").is_some_and(Value::is_object) { graph.remove("graph") } else { None }
}
