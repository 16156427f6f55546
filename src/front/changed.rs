//! What a run was started with and what it is by now, told apart in the words of who wrote it: nodes, edges and texts of a graph,
//! lines of a policy. Decides nothing.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::effect::{BundledFile, FrozenLayer, GraphBundle};
use crate::plan::Plan;
use crate::view::escaped;

/// The most that is told of one thing.
const TOLD: usize = 10;
/// The longest text of a line or a value, in characters.
const SHOWN: usize = 80;

/// The sections of a plan that are told member by member, each in the words of its author; of every other one what is in
/// it is told.
const MEMBERS: [(&str, &str); 5] = [
    ("node", "nodes"),
    ("input", "inputs"),
    ("channel", "channels"),
    ("loop", "loops"),
    ("output", "outputs"),
];

/// What has changed of a graph: its texts by line where they are known, and what that means for the plan.
pub fn graph_changes(then: (&Plan, &GraphBundle), now: (&Plan, &GraphBundle)) -> Vec<String> {
    let mut found = document_changes(&then.0.document(), &now.0.document());
    found.extend(text_changes(&then.1.files, &now.1.files));
    found
}

/// What became another from one plan to another one; nothing where they mean the same.
pub fn plan_changes(then: &Plan, now: &Plan) -> Vec<String> {
    if then.digest == now.digest {
        return Vec::new();
    }
    document_changes(&then.document(), &now.document())
}

/// What two plans, as documents, do not have in common.
fn document_changes(then: &Value, now: &Value) -> Vec<String> {
    limited(sections(then, now))
}

fn sections(then: &Value, now: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let by_members = MEMBERS.iter().map(|(_, name)| *name);
    let known: Vec<&str> = by_members.chain(["edges", "digest", "order"]).collect();
    for (what, name) in MEMBERS {
        match name {
            "nodes" => {
                members(what, &then[name], &now[name], &mut found);
                edges(&then["edges"], &now["edges"], &mut found);
            }
            // which nodes a loop holds its edges say
            "loops" if then["edges"] != now["edges"] => {
                members(what, &without_body(&then[name]), &without_body(&now[name]), &mut found);
            }
            _ => members(what, &then[name], &now[name], &mut found),
        }
    }
    let all = [then, now].into_iter().filter_map(Value::as_object).flat_map(serde_json::Map::keys);
    let others: BTreeSet<&String> =
        all.filter(|name| !known.contains(&name.as_str()) && then[*name] != now[*name]).collect();
    for name in others {
        // the key that its author wrote
        let key = if name == "graph" { "name" } else { name.as_str() };
        for (place, old, new) in places(&then[name], &now[name]) {
            let place = if place.is_empty() { String::new() } else { format!("`{}` ", escaped(&place)) };
            found.push(format!("{key}: {place}{}", from_to(&old, &new)));
        }
    }
    for name in ["order", "digest"] {
        if found.is_empty() && then[name] != now[name] {
            found.push(format!("{name}: {}", from_to(&then[name], &now[name])));
        }
    }
    found
}

fn without_body(loops: &Value) -> Value {
    let mut loops = loops.clone();
    for one in loops.as_object_mut().into_iter().flat_map(serde_json::Map::values_mut) {
        one.as_object_mut().map(|one| one.remove("body"));
    }
    loops
}

fn members(what: &str, then: &Value, now: &Value, found: &mut Vec<String>) {
    let empty = serde_json::Map::new();
    let (old, new) = (then.as_object().unwrap_or(&empty), now.as_object().unwrap_or(&empty));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        let shown = escaped(name);
        match (old.get(name), new.get(name)) {
            (Some(_), None) => found.push(format!("{what} `{shown}` is gone")),
            (None, Some(_)) => found.push(format!("{what} `{shown}` is new")),
            (Some(old), Some(new)) if old != new => {
                let within = if what == "node" { subgraphs(old, new) } else { None };
                let (old, new) = match &within {
                    Some((old, new, inner)) => {
                        found.extend(inner.iter().map(|change| format!("in `{shown}`: {change}")));
                        (old, new)
                    }
                    None => (old, new),
                };
                for (place, old, new) in places(old, new) {
                    found.push(format!("{what} `{shown}`: `{}` {}", escaped(&place), from_to(&old, &new)));
                }
            }
            _ => {}
        }
    }
}

/// A node that holds a graph before and after: the node without it, and what changed within.
fn subgraphs(then: &Value, now: &Value) -> Option<(Value, Value, Vec<String>)> {
    let of = |node: &Value| node["with"]["graph"].get("nodes").is_some() && node["uses"] == "graph";
    if !of(then) || !of(now) {
        return None;
    }
    let inner = sections(&then["with"]["graph"], &now["with"]["graph"]);
    let (mut then, mut now) = (then.clone(), now.clone());
    for node in [&mut then, &mut now] {
        node["with"]["graph"] = Value::Null;
    }
    Some((then, now, inner))
}

/// The innermost members that differ.
fn places(then: &Value, now: &Value) -> Vec<(String, Value, Value)> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), then, now)];
    let null = Value::Null;
    while let Some((at, then, now)) = open.pop() {
        match (then, now) {
            (Value::Object(old), Value::Object(new)) => {
                let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
                let inner = names.into_iter().rev().map(|name| {
                    let place = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                    (place, old.get(name).unwrap_or(&null), new.get(name).unwrap_or(&null))
                });
                open.extend(inner.filter(|(_, then, now)| then != now));
            }
            (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
                let pairs = old.iter().zip(new).enumerate().rev();
                let inner = pairs.map(|(index, (then, now))| (format!("{at}[{index}]"), then, now));
                open.extend(inner.filter(|(_, then, now)| then != now));
            }
            _ => found.push((at, then.clone(), now.clone())),
        }
    }
    found
}

fn edges(then: &Value, now: &Value, found: &mut Vec<String>) {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let (old, new) = (list(then), list(now));
    let name = |edge: &Value| {
        let text = |name: &str| escaped(edge[name].as_str().unwrap_or_default());
        let when = edge["when"].as_str().map(|when| format!(" when `{}`", short(when))).unwrap_or_default();
        format!("edge `{} -> {}`{when}", text("from"), text("to"))
    };
    let told = |edges: &[Value]| edges.iter().map(Value::to_string).collect::<BTreeSet<_>>();
    let (before, after) = (told(&old), told(&new));
    let without = |edges: &[Value], known: &BTreeSet<String>, how: &str| {
        let only = edges.iter().filter(|edge| !known.contains(&edge.to_string()));
        only.map(|edge| format!("{} {how}", name(edge))).collect::<Vec<_>>()
    };
    found.extend(without(&old, &after, "is gone"));
    found.extend(without(&new, &before, "is new"));
}

/// Prompts, schemas, subgraphs: which file, and its first line that is another one.
fn text_changes(then: &[BundledFile], now: &[BundledFile]) -> Vec<String> {
    let mut found = Vec::new();
    for file in then {
        match now.iter().find(|other| other.path == file.path) {
            None => found.push(format!("file `{}` is gone", escaped(&file.name))),
            Some(other) => found.extend(line_change(&file.name, &file.text, &other.text)),
        }
    }
    let new = now.iter().filter(|file| !then.iter().any(|other| other.path == file.path));
    found.extend(new.map(|file| format!("file `{}` is new", escaped(&file.name))));
    limited(found)
}

/// The first line that differs.
fn line_change(name: &str, then: &str, now: &str) -> Option<String> {
    if then == now {
        return None;
    }
    let (mut old, mut new) = (then.lines(), now.lines());
    let mut number = 0;
    loop {
        number += 1;
        let told =
            |line: Option<&str>| line.map_or("nothing".to_owned(), |line| format!("`{}`", short(line)));
        match (old.next(), new.next()) {
            (None, None) => return Some(format!("file `{}`: its line ends have changed", escaped(name))),
            (then, now) if then == now => {}
            (then, now) => {
                return Some(format!(
                    "{}:{number}: it was {}, and is {}",
                    escaped(name),
                    told(then),
                    told(now)
                ));
            }
        }
    }
}

/// What has changed of the layers that bind a run: each by its name, with its first line that is another one.
pub fn layer_changes(then: &[FrozenLayer], now: &[FrozenLayer]) -> Vec<String> {
    let mut found = Vec::new();
    for layer in then {
        let name = escaped(&layer.name);
        let same = now
            .iter()
            .any(|other| other.role == layer.role && other.within == layer.within && is_same(layer, other));
        let named = now.iter().find(|other| other.name == layer.name).or_else(|| {
            // a path may be shown from another folder
            now.iter().find(|other| other.role == layer.role && file_name(other) == file_name(layer))
        });
        match named {
            _ if same => {}
            None => found.push(format!("policy `{name}` binds it no more")),
            Some(other) => found.extend(layer_change(layer, other)),
        }
    }
    limited(found)
}

fn file_name(layer: &FrozenLayer) -> &str {
    layer.name.rsplit('/').next().unwrap_or_default()
}

fn is_same(one: &FrozenLayer, other: &FrozenLayer) -> bool {
    one.text == other.text
        && one.syntax == other.syntax
        && one.includes.len() == other.includes.len()
        && one.includes.iter().zip(&other.includes).all(|(one, other)| is_same(one, other))
}

fn layer_change(then: &FrozenLayer, now: &FrozenLayer) -> Option<String> {
    if then.role != now.role {
        return Some(format!("policy `{}` binds it in another role", escaped(&then.name)));
    }
    if then.within != now.within {
        return Some(format!("policy `{}` binds the calls of other nodes", escaped(&then.name)));
    }
    let own = line_change(&then.name, &then.text, &now.text);
    own.or_else(|| {
        let pairs = then.includes.iter().zip(&now.includes);
        pairs.into_iter().find_map(|(then, now)| layer_change(then, now)).or_else(|| {
            (then.includes.len() != now.includes.len())
                .then(|| format!("policy `{}` includes other policies", escaped(&then.name)))
        })
    })
}

fn from_to(then: &Value, now: &Value) -> String {
    let told = |value: &Value| match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => format!("`{}`", short(text)),
        other => format!("`{}`", short(&other.to_string())),
    };
    format!("was {}, and is {}", told(then), told(now))
}

fn short(text: &str) -> String {
    let shown = escaped(text.trim());
    match shown.char_indices().nth(SHOWN) {
        None => shown,
        Some((end, _)) => format!("{}…", &shown[..end]),
    }
}

fn limited(mut found: Vec<String>) -> Vec<String> {
    let more = found.len().saturating_sub(TOLD);
    found.truncate(TOLD);
    if more > 0 {
        found.push(format!("and {more} more"));
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::effect::LayerRole;

    use super::*;

    #[test]
    fn nodes_edges_and_lines_are_named_with_what_they_were_and_are() {
        let edge = |from: &str| json!({ "from": from, "to": "b" });
        let then = json!({ "nodes": { "a": { "with": { "path": "x", "n": [1, 2] } }, "b": {} }, "edges": [edge("a")], "order": ["a", "b"] });
        let now = json!({ "nodes": { "a": { "with": { "path": "y", "n": [1, 3] } }, "c": {} }, "edges": [edge("c")], "order": ["a", "c"] });
        assert_eq!(
            document_changes(&then, &now),
            [
                "node `a`: `with.n[1]` was `2`, and is `3`",
                "node `a`: `with.path` was `x`, and is `y`",
                "node `b` is gone",
                "node `c` is new",
                "edge `a -> b` is gone",
                "edge `c -> b` is new",
            ]
        );
        assert!(document_changes(&then, &then).is_empty());
        let inner = |max: u32| json!({ "nodes": {}, "loops": { "t": { "max": max } }, "digest": max });
        let graph = |max: u32| json!({ "nodes": { "g": { "uses": "graph", "with": { "graph": inner(max), "inputs": {} } } } });
        assert_eq!(document_changes(&graph(3), &graph(4)), ["in `g`: loop `t`: `max` was `3`, and is `4`"]);
        // also what there is no word for
        for name in
            ["budgets", "concurrency", "policy", "graph", "schema", "made up later", "loops", "outputs"]
        {
            let of = |max: u32| {
                let mut document = then.clone();
                document[name] = json!({ "x": { "y": max } });
                document
            };
            let found = document_changes(&of(1), &of(2));
            assert!(found.len() == 1 && found[0].ends_with("was `1`, and is `2`"), "{name}: {found:?}");
        }
        // which nodes a loop holds its edges tell, and order is told where nothing else is
        let turned = |body: &str, more: &str| json!({ "edges": [edge(more)], "loops": { "b": { "body": [body], "max": 3 } }, "order": [body] });
        assert_eq!(
            document_changes(&turned("a", "a"), &turned("c", "c")),
            ["edge `a -> b` is gone", "edge `c -> b` is new"]
        );
        let order = document_changes(&json!({ "order": ["a", "b"] }), &json!({ "order": ["b", "a"] }));
        assert_eq!(order.len(), 1, "{order:?}");
        let file = |text: &str| BundledFile { path: "p.md".into(), name: "p.md".into(), text: text.into() };
        assert_eq!(
            text_changes(&[file("one\ntwo\n")], &[file("one\n2\n")]),
            ["p.md:2: it was `two`, and is `2`"]
        );
        assert_eq!(
            text_changes(&[file("one\n")], &[file("one\nmore\n")]),
            ["p.md:2: it was nothing, and is `more`"]
        );
    }

    #[test]
    fn layers_are_named_with_their_first_other_line() {
        let layer = |name: &str, role, text: &str| FrozenLayer {
            name: name.into(),
            role,
            text: text.into(),
            syntax: "yaml".into(),
            includes: Vec::new(),
            within: BTreeSet::new(),
        };
        let then = [layer("p.yaml", LayerRole::Grant, "a\nb\n"), layer("gone.yaml", LayerRole::Ceiling, "x")];
        let now = [layer("p.yaml", LayerRole::Grant, "a\nc\n")];
        assert_eq!(
            layer_changes(&then, &now),
            ["p.yaml:2: it was `b`, and is `c`", "policy `gone.yaml` binds it no more"]
        );
        let turned = [layer("p.yaml", LayerRole::Ceiling, "a\nb\n"), then[1].clone()];
        assert_eq!(layer_changes(&then, &turned), ["policy `p.yaml` binds it in another role"]);
    }
}
