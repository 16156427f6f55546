//! Makes a graph small: whatever can go without the disagreement going with it, goes. And writes it as a graph file.

use serde_json::Value as Json;

/// How many graphs are tried.
const TRIES: usize = 3_000;

/// The smallest graph that was found for which `differs` still holds.
pub fn shrink(graph: &Json, differs: &dyn Fn(&Json) -> bool) -> Json {
    let mut best = graph.clone();
    let mut tries = 0;
    'again: loop {
        for candidate in candidates(&best) {
            tries += 1;
            if tries > TRIES {
                return best;
            }
            if differs(&candidate) {
                best = candidate;
                continue 'again;
            }
        }
        return best;
    }
}

/// The graph without one node and all that names it, or without one entry at any depth.
fn candidates(graph: &Json) -> Vec<Json> {
    let mut found = Vec::new();
    for pointer in pointers(graph, "") {
        let mut less = graph.clone();
        let (around, key) = pointer.rsplit_once('/').expect("a pointer has a step");
        let node = around.strip_suffix("/nodes");
        match less.pointer_mut(around) {
            Some(Json::Object(entries)) => drop(entries.remove(key)),
            Some(Json::Array(items)) => drop(items.remove(key.parse().expect("an index"))),
            _ => continue,
        }
        if let Some(owner) = node {
            let mut bridged = less.clone();
            bridge(bridged.pointer_mut(owner).expect("it holds nodes"), key);
            forget(bridged.pointer_mut(owner).expect("it holds nodes"), key);
            found.push(bridged);
            forget(less.pointer_mut(owner).expect("it holds nodes"), key);
        }
        found.push(less);
    }
    found.retain(keeps_its_word);
    // whole graphs and nodes first: they take the most with them
    found.sort_by_key(|less| less.to_string().len());
    found
}

/// A graph that says `x-exact` leaves nothing to timing: at each moment one node alone is ready.
fn keeps_its_word(graph: &Json) -> bool {
    let inside = graph["graphs"].as_object().into_iter().flatten();
    if !inside.map(|(_, inner)| inner).all(keeps_its_word) {
        return false;
    }
    if graph["x-exact"] != true {
        return true;
    }
    let mut waiting: Vec<&String> =
        graph["nodes"].as_object().into_iter().flatten().map(|(id, _)| id).collect();
    let forward = || graph["edges"].as_array().into_iter().flatten().filter(|edge| edge["loop"].is_null());
    while !waiting.is_empty() {
        let waits = |id: &str| {
            forward().any(|edge| edge["to"] == id && waiting.iter().any(|from| edge["from"] == **from))
        };
        let ready: Vec<&String> = waiting.iter().copied().filter(|id| !waits(id)).collect();
        let [alone] = ready[..] else { return false };
        waiting.retain(|id| *id != alone);
    }
    true
}

/// What led to a node leads to where it led.
fn bridge(graph: &mut Json, node: &str) {
    let Some(edges) = graph["edges"].as_array_mut() else { return };
    let sources: Vec<Json> =
        edges.iter().filter(|edge| edge["to"] == node).map(|edge| edge["from"].clone()).collect();
    let onward: Vec<Json> = edges.iter().filter(|edge| edge["from"] == node).cloned().collect();
    for source in sources {
        for edge in &onward {
            let mut edge = edge.clone();
            edge["from"] = source.clone();
            edges.push(edge);
        }
    }
}

fn forget(graph: &mut Json, node: &str) {
    if let Some(edges) = graph["edges"].as_array_mut() {
        edges.retain(|edge| edge["from"] != node && edge["to"] != node);
    }
    if let Some(outputs) = graph["outputs"].as_object_mut() {
        outputs.retain(|_, output| !output.to_string().contains(&format!("nodes.{node}.")));
    }
}

fn pointers(value: &Json, at: &str) -> Vec<String> {
    let inside = |key: &str, value: &Json| {
        if key == "x-exact" {
            return Vec::new();
        }
        let here = format!("{at}/{key}");
        let mut found = pointers(value, &here);
        found.push(here);
        found
    };
    match value {
        Json::Object(entries) => entries.iter().flat_map(|(key, value)| inside(key, value)).collect(),
        Json::Array(items) => {
            items.iter().enumerate().flat_map(|(at, item)| inside(&at.to_string(), item)).collect()
        }
        _ => Vec::new(),
    }
}

/// The graph as a file that an author could have written.
pub fn graph_file(graph: &Json) -> String {
    let section = |(key, value): (&String, &Json)| {
        let lines: Vec<String> = match value {
            Json::Object(entries) if !entries.is_empty() => {
                entries.iter().map(|(name, entry)| format!("  {name}: {entry}\n")).collect()
            }
            Json::Array(items) if !items.is_empty() => {
                items.iter().map(|item| format!("  - {item}\n")).collect()
            }
            other => return format!("{key}: {other}\n"),
        };
        format!("{key}:\n{}", lines.concat())
    };
    graph.as_object().expect("a graph is an object").iter().map(section).collect()
}
