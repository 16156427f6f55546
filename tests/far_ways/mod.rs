//! A graph drawn out: with long ways before it, and with long ways in place of its edges. What is known of it may be less
//! then, as walks through a graph have an end; but nothing is told of it that is not told of the short one.

use lgflow::diag::Diagnostics;
use lgflow::document::{self, Limits, Syntax};
use lgflow::source::Sources;
use serde_json::{Map, Value, json};

/// Nodes of one long way: more than any walk through a graph looks at.
const LONG: usize = 600;

/// The graph with a long way before each of its entries.
pub(crate) fn behind(body: &str) -> Option<String> {
    let mut graph: Value = read(body)?;
    let entries = entries(&graph)?;
    let nodes = graph.get_mut("nodes")?.as_object_mut()?;
    let way = way(nodes, "far");
    let edges = graph.get_mut("edges")?.as_array_mut()?;
    for entry in entries {
        edges.push(json!(format!("{} -> {entry}", way.last()?)));
    }
    edges.push(json!(way.join(" -> ")));
    Some(graph.to_string())
}

/// The graph with a long way in place of each edge that has no condition, as far as there is room.
pub(crate) fn drawn_out(body: &str) -> Option<String> {
    const MOST: usize = 6;
    let mut graph: Value = read(body)?;
    let mut edges = Vec::new();
    let mut drawn = 0;
    for edge in graph.get("edges")?.as_array()?.clone() {
        let Some(chain) = edge.as_str() else {
            edges.push(edge);
            continue;
        };
        let ids: Vec<String> = chain.split("->").map(|id| id.trim().to_owned()).collect();
        for pair in ids.windows(2) {
            let known = |id: &String| graph["nodes"].get(id).is_some();
            if drawn == MOST || !pair.iter().all(known) {
                edges.push(json!(pair.join(" -> ")));
                continue;
            }
            let way = way(graph.get_mut("nodes")?.as_object_mut()?, &format!("far{drawn}_"));
            edges.push(json!(format!("{} -> {} -> {}", pair[0], way.join(" -> "), pair[1])));
            drawn += 1;
        }
    }
    graph["edges"] = Value::Array(edges);
    (drawn > 0).then(|| graph.to_string())
}

/// Is what is told of the long one told of the short one as well?
pub(crate) fn says_no_more(long: &[String], short: &[String]) -> bool {
    let mut left = short.to_vec();
    long.iter().all(|code| {
        let at = left.iter().position(|known| known == code);
        at.map(|at| left.swap_remove(at)).is_some()
    })
}

fn read(body: &str) -> Option<Value> {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let file =
        document::decode(&mut sources, "g.yaml", body.as_bytes().to_vec(), &Limits::default(), &mut found)?;
    let parsed = document::parse(&sources, file, Syntax::Yaml, &Limits::default(), &mut found)?;
    let mut graph = parsed.tree.to_json();
    let whole = graph.as_object_mut()?;
    whole.insert("schema".into(), json!("lgflow.graph/v1"));
    whole.insert("name".into(), json!("example"));
    Some(graph)
}

/// Adds the nodes of a way, and gives their ids.
fn way(nodes: &mut Map<String, Value>, name: &str) -> Vec<String> {
    let ids: Vec<String> = (0..LONG).map(|at| format!("{name}{at}")).collect();
    for id in &ids {
        nodes.insert(id.clone(), json!({ "uses": "values", "with": { "x": 1 } }));
    }
    ids
}

/// The nodes to which no edge leads but those of loops.
fn entries(graph: &Value) -> Option<Vec<String>> {
    let mut targets: Vec<String> = Vec::new();
    for edge in graph.get("edges")?.as_array()? {
        match edge {
            Value::String(chain) => {
                targets.extend(chain.split("->").skip(1).map(|id| id.trim().to_owned()));
            }
            edge if edge.get("loop").is_none() => match &edge["to"] {
                Value::Array(ids) => {
                    targets.extend(ids.iter().filter_map(|id| Some(id.as_str()?.to_owned())));
                }
                id => targets.push(id.as_str()?.to_owned()),
            },
            _ => {}
        }
    }
    let nodes = graph.get("nodes")?.as_object()?;
    Some(nodes.keys().filter(|id| !targets.contains(id)).cloned().collect())
}
