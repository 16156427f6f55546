//! The graph of a run as its first event has it, read out of the plan's document without compiling anything. A trace may
//! come from anywhere: what is not there is left out, and numbers are bounded by what is.

use serde_json::Value;

/// A graph.
#[derive(Debug, Clone, Default)]
pub struct Planned {
    /// Its name.
    pub name: String,
    /// In canonical order.
    pub nodes: Vec<PlannedNode>,
    /// In the order of the file.
    pub edges: Vec<PlannedEdge>,
    /// The loops.
    pub loops: Vec<PlannedLoop>,
}

/// A node.
#[derive(Debug, Clone, Default)]
pub struct PlannedNode {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub uses: String,
    /// The targets of the loops around it, outermost first.
    pub loops: Vec<String>,
}

/// An edge between two nodes that are there.
#[derive(Debug, Clone)]
pub struct PlannedEdge {
    /// Its place in the plan.
    pub place: u64,
    /// The place of the node that it comes from.
    pub from: usize,
    /// The place of the node that it leads to.
    pub to: usize,
    /// `success`, `otherwise`, `catch` or `always`.
    pub on: String,
    /// Its condition.
    pub when: Option<String>,
    /// Does it turn a loop?
    pub turns: bool,
}

/// A loop.
#[derive(Debug, Clone)]
pub struct PlannedLoop {
    /// The node that it turns to, which names it.
    pub target: String,
    /// The most iterations.
    pub max: u64,
    /// The targets of the loops around it.
    pub outer: Vec<String>,
}

impl Planned {
    /// Reads a plan's document.
    pub fn of(plan: &Value) -> Self {
        let empty = serde_json::Map::new();
        let known = plan.get("nodes").and_then(Value::as_object).unwrap_or(&empty);
        let mut order = words(plan, "order");
        order.retain(|id| known.contains_key(id));
        // each once, and those that the order forgets behind the others
        let mut seen = std::collections::BTreeSet::new();
        order.retain(|id| seen.insert(id.clone()));
        order.extend(known.keys().filter(|id| !seen.contains(*id)).cloned());
        let nodes: Vec<PlannedNode> = order
            .into_iter()
            .map(|id| {
                let node = &known[&id];
                PlannedNode { uses: text(node, "uses"), loops: words(node, "loops"), id }
            })
            .collect();
        let places: std::collections::BTreeMap<&str, usize> =
            nodes.iter().enumerate().map(|(at, node)| (node.id.as_str(), at)).collect();
        let edges = plan.get("edges").and_then(Value::as_array).into_iter().flatten().enumerate();
        let edges = edges
            .filter_map(|(place, edge)| {
                Some(PlannedEdge {
                    place: place as u64,
                    from: *places.get(edge.get("from")?.as_str()?)?,
                    to: *places.get(edge.get("to")?.as_str()?)?,
                    on: text(edge, "on"),
                    when: edge.get("when").and_then(Value::as_str).map(str::to_owned),
                    turns: edge.get("loop").is_some(),
                })
            })
            .collect();
        let loops = plan.get("loops").and_then(Value::as_object).into_iter().flatten();
        let loops = loops
            .map(|(target, one)| PlannedLoop {
                target: target.clone(),
                max: one.get("max").and_then(Value::as_u64).unwrap_or_default(),
                outer: words(one, "outer"),
            })
            .collect();
        Self { name: text(plan, "graph"), nodes, edges, loops }
    }
}

/// The plan of the subgraph that an execution is of: `outer#2.1[3]!1/inner!1`.
pub(super) fn at<'a>(plan: &'a Value, path: &str) -> Option<&'a Value> {
    let mut plan = plan;
    for step in path.split('/').filter(|step| !step.is_empty()) {
        let id = step.split(['#', '[', '!']).next().unwrap_or_default();
        plan = plan.get("nodes")?.get(id)?.get("with")?.get("graph")?;
    }
    Some(plan)
}

/// The kind of a node.
pub(super) fn uses(plan: &Value, path: &str, id: &str) -> Option<String> {
    Some(at(plan, path)?.get("nodes")?.get(id)?.get("uses")?.as_str()?.to_owned())
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn words(value: &Value, name: &str) -> Vec<String> {
    let all = value.get(name).and_then(Value::as_array).into_iter().flatten();
    all.filter_map(|word| word.as_str().map(str::to_owned)).collect()
}
