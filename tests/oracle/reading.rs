//! A graph as the reference page reads it: defaults filled in, loops with their bodies, the canonical order. Each is
//! computed the slow way, straight from its definition.

use std::collections::{BTreeMap, BTreeSet};

use lgflow::model::{
    Defaults, Edge as Written, ExhaustedRule, Field, Graph, Modifiers, Node as WrittenNode, Reduce,
    SubgraphSource, Uses,
};
use serde_json::{Value as Json, json};

/// A graph.
pub struct Reading {
    pub nodes: Vec<Node>,
    pub edges: Vec<Edge>,
    pub loops: Vec<Loop>,
    /// By canonical order, each outermost loop as one.
    pub items: Vec<Item>,
    pub channels: BTreeMap<String, Channel>,
    pub inputs: BTreeMap<String, Option<Json>>,
    pub outputs: Vec<(String, Json)>,
    pub graphs: BTreeMap<String, Reading>,
    pub tool_calls: Option<u64>,
    /// Calls at once.
    pub max: Option<u32>,
    pub groups: BTreeMap<String, u32>,
}

pub struct Node {
    pub id: String,
    pub uses: Uses,
    pub with: BTreeMap<String, Json>,
    pub modifiers: Modifiers,
    pub update: Vec<(String, Json)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Success,
    Otherwise,
    Catch(Vec<String>),
    Always,
}

pub struct Edge {
    pub from: usize,
    pub to: usize,
    pub outcome: Outcome,
    pub when: Option<String>,
    /// A loop edge: its loop, and whether running out only means that it is not taken.
    pub turns: Option<(usize, bool)>,
}

pub struct Loop {
    pub target: usize,
    pub body: BTreeSet<usize>,
    pub max: u32,
    /// Its body in canonical order, each inner loop as one; the target comes first.
    pub items: Vec<Item>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    Node(usize),
    Loop(usize),
}

pub struct Channel {
    pub start: Json,
    pub reduce: Reduce,
}

/// What `catch: [any]` catches.
const ANY: [&str; 9] = [
    "exit",
    "timeout",
    "not_found",
    "conflict",
    "invalid_input",
    "invalid_output",
    "rate_limited",
    "upstream",
    "limit",
];

impl Reading {
    pub fn of(graph: &Graph) -> Self {
        let nodes: Vec<Node> = graph.nodes.iter().map(|node| read_node(node, &graph.defaults)).collect();
        let place = |id: &str| nodes.iter().position(|node| node.id == id).expect("a node of the graph");
        let mut loops: Vec<Loop> = Vec::new();
        let edges: Vec<Edge> = graph
            .edges
            .iter()
            .map(|edge| {
                let (from, to) = (place(&edge.from.value), place(&edge.to.value));
                let turns = edge.repeat.as_ref().map(|clause| {
                    let known = loops.iter().position(|one| one.target == to);
                    let at = known.unwrap_or_else(|| {
                        let max = clause.max.value;
                        loops.push(Loop { target: to, body: BTreeSet::new(), max, items: Vec::new() });
                        loops.len() - 1
                    });
                    let leaves = |rule: &ExhaustedRule| *rule == ExhaustedRule::Leave;
                    (at, clause.exhausted.as_ref().is_some_and(|rule| leaves(&rule.value)))
                });
                let when = edge.when.as_ref().map(|text| text.as_str().to_owned());
                Edge { from, to, outcome: outcome(edge), when, turns }
            })
            .collect();
        for one in &mut loops {
            one.body = (0..nodes.len()).filter(|node| in_body(&edges, one.target, *node)).collect();
        }
        let mut reading = Self {
            nodes,
            edges,
            loops,
            items: Vec::new(),
            channels: channels(graph),
            inputs: inputs(graph),
            outputs: fields(&graph.outputs).collect(),
            graphs: subgraphs(graph),
            tool_calls: graph.budgets.tool_calls.as_ref().map(|most| most.value),
            max: graph.concurrency.max.as_ref().map(|most| most.value),
            groups: (graph.concurrency.groups.iter())
                .map(|group| (group.name.value.to_string(), group.max.value))
                .collect(),
        };
        reading.items = reading.in_order(None);
        for at in 0..reading.loops.len() {
            reading.loops[at].items = reading.in_order(Some(at));
        }
        reading
    }

    /// The loops around a node, outermost first.
    pub fn around(&self, node: usize) -> Vec<usize> {
        let mut around: Vec<usize> =
            (0..self.loops.len()).filter(|one| self.loops[*one].body.contains(&node)).collect();
        around.sort_by_key(|one| std::cmp::Reverse(self.loops[*one].body.len()));
        around
    }

    /// Does a way of forward edges lead from the one to the other?
    pub fn is_ancestor(&self, one: usize, of: usize) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = vec![of];
        while let Some(at) = open.pop() {
            let forward = self.edges.iter().filter(|edge| edge.turns.is_none() && edge.to == at);
            open.extend(forward.map(|edge| edge.from).filter(|from| seen.insert(*from)));
        }
        seen.contains(&one)
    }

    /// The loops whose body an edge leaves, innermost first.
    pub fn left_by(&self, edge: &Edge) -> Vec<usize> {
        let mut left = self.around(edge.from);
        left.retain(|one| !self.loops[*one].body.contains(&edge.to));
        left.reverse();
        left
    }

    /// What stands directly in the graph, or in one loop: of what is ready the first in the file, and again. A loop
    /// stands at the place of its target.
    fn in_order(&self, inside: Option<usize>) -> Vec<Item> {
        let here = |node: &usize| inside.is_none_or(|one| self.loops[one].body.contains(node));
        let item_of = |node: usize| {
            let around = self.around(node);
            let depth =
                inside.map_or(0, |one| 1 + around.iter().position(|at| *at == one).expect("it is inside"));
            around.get(depth).map_or(Item::Node(node), |inner| Item::Loop(*inner))
        };
        let place = |item: &Item| match item {
            Item::Node(node) => *node,
            Item::Loop(one) => self.loops[*one].target,
        };
        let mut waiting: Vec<Item> = Vec::new();
        for item in (0..self.nodes.len()).filter(here).map(item_of) {
            if !waiting.contains(&item) {
                waiting.push(item);
            }
        }
        let mut order = Vec::new();
        while !waiting.is_empty() {
            let blocked = |item: &Item| {
                self.edges.iter().any(|edge| {
                    let inner = edge.turns.is_none() && here(&edge.from) && here(&edge.to);
                    inner
                        && item_of(edge.to) == *item
                        && item_of(edge.from) != *item
                        && waiting.contains(&item_of(edge.from))
                })
            };
            let ready = waiting.iter().copied().filter(|item| !blocked(item)).min_by_key(place);
            let next = ready.expect("without its loop edges the graph has no cycle");
            waiting.retain(|item| *item != next);
            order.push(next);
        }
        order
    }
}

/// The target, and every node from which a source of these edges can be reached without passing the target.
fn in_body(edges: &[Edge], target: usize, node: usize) -> bool {
    let is_source =
        |at: usize| edges.iter().any(|edge| edge.turns.is_some() && edge.to == target && edge.from == at);
    let mut seen = BTreeSet::new();
    let mut open = vec![node];
    while let Some(at) = open.pop() {
        if is_source(at) {
            return true;
        }
        if seen.insert(at) {
            open.extend(edges.iter().filter(|edge| edge.from == at && edge.to != target).map(|edge| edge.to));
        }
    }
    node == target
}

fn read_node(node: &WrittenNode, defaults: &[Defaults]) -> Node {
    let uses = node.uses.as_ref().expect("the kind is known").value;
    let default = defaults.iter().find(|default| default.uses.value == uses);
    let mut with: BTreeMap<String, Json> =
        default.into_iter().flat_map(|default| fields(&default.with)).collect();
    with.extend(fields(&node.with));
    let mut modifiers = node.modifiers.clone();
    if let Some(default) = default {
        modifiers.retry = modifiers.retry.or_else(|| default.modifiers.retry.clone());
        modifiers.timeout = modifiers.timeout.or_else(|| default.modifiers.timeout.clone());
        modifiers.group = modifiers.group.or_else(|| default.modifiers.group.clone());
        modifiers.join = modifiers.join.or_else(|| default.modifiers.join.clone());
    }
    let update = fields(&node.modifiers.update).collect();
    Node { id: node.id.value.as_str().to_owned(), uses, with, modifiers, update }
}

fn fields(fields: &[Field]) -> impl Iterator<Item = (String, Json)> + '_ {
    fields.iter().map(|field| (field.name.value.clone(), field.value.to_json()))
}

fn outcome(edge: &Written) -> Outcome {
    if edge.always.is_some() {
        return Outcome::Always;
    }
    if edge.otherwise.is_some() {
        return Outcome::Otherwise;
    }
    if edge.catch.is_empty() {
        return Outcome::Success;
    }
    let kinds = edge.catch.iter().flat_map(|kind| match kind.value.as_str() {
        "any" => ANY.iter().map(|kind| (*kind).to_owned()).collect(),
        kind => vec![kind.to_owned()],
    });
    Outcome::Catch(kinds.collect())
}

fn channels(graph: &Graph) -> BTreeMap<String, Channel> {
    let channel = |channel: &lgflow::model::Channel| {
        let reduce = channel.reduce.value;
        let empty = match reduce {
            Reduce::Append | Reduce::Extend => json!([]),
            Reduce::Merge => json!({}),
            Reduce::Sum => json!(0),
            Reduce::Replace => Json::Null,
        };
        #[expect(clippy::redundant_closure_for_method_calls, reason = "the method's room is not named here")]
        let start = channel.default.as_ref().map_or(empty, |written| written.to_json());
        (channel.name.value.as_str().to_owned(), Channel { start, reduce })
    };
    graph.state.iter().map(channel).collect()
}

fn inputs(graph: &Graph) -> BTreeMap<String, Option<Json>> {
    let default = |schema: &Json| schema.get("default").cloned();
    graph
        .inputs
        .iter()
        .map(|input| (input.name.value.as_str().to_owned(), default(&input.schema.tree.to_json())))
        .collect()
}

fn subgraphs(graph: &Graph) -> BTreeMap<String, Reading> {
    let inline = |source: &SubgraphSource| match source {
        SubgraphSource::Inline(inner) => Reading::of(inner),
        SubgraphSource::File(_) => panic!("the generator writes its subgraphs inline"),
    };
    graph.graphs.iter().map(|known| (known.name.value.as_str().to_owned(), inline(&known.source))).collect()
}
