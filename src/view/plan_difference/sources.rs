//! What values are made from, near or far, as the texts of a plan name it: also from within a graph that a node runs, to what it
//! is given there.

use std::collections::BTreeSet;

use serde_json::Value;

use super::compare::{Difference, NodeChange};
use super::values::is_of;

/// `inputs.x`, `nodes.y` or `state.z`, behind the nodes that run its graph (`a/b/`).
type Name = (String, String);

/// All that some values are made from.
#[derive(Default)]
pub(super) struct Sources {
    names: BTreeSet<Name>,
    /// Nodes that run a graph, and the input that they give it one of them as.
    givers: BTreeSet<(String, String)>,
}

impl Sources {
    /// Of a call of `node` that depends `on` these.
    pub(super) fn of(plan: &Value, node: &str, on: &[String]) -> Self {
        let (level, id) = node.rsplit_once('/').map_or(("", node), |(above, id)| (&node[..=above.len()], id));
        let mut sources = Self::default();
        let mut open: Vec<Name> = Vec::new();
        for name in on {
            match name.split_once('.') {
                Some(("inputs" | "nodes" | "state", _)) => open.push((level.to_owned(), name.clone())),
                // a name of its own, such as one of a `for_each`
                _ => open.extend(named(plan, level, &written(plan, level, id))),
            }
        }
        while let Some(name) = open.pop() {
            if sources.names.insert(name.clone()) {
                open.extend(sources.named_by(plan, &name));
            }
        }
        sources
    }

    fn named_by(&mut self, plan: &Value, (level, name): &Name) -> Vec<Name> {
        match name.split_once('.') {
            Some(("nodes", id)) => named(plan, level, &written(plan, level, id)),
            Some(("state", channel)) => {
                let nodes = graph(plan, level)["nodes"].as_object().into_iter().flatten();
                let writers = nodes.filter(|(_, node)| node["update"].get(channel).is_some());
                writers.map(|(id, _)| (level.clone(), format!("nodes.{id}"))).collect()
            }
            Some(("inputs", input)) => self.given(plan, level, input),
            _ => Vec::new(),
        }
    }

    /// What a graph is given is made around it.
    fn given(&mut self, plan: &Value, level: &str, input: &str) -> Vec<Name> {
        let Some(giver) = level.strip_suffix('/') else { return Vec::new() };
        self.givers.insert((giver.to_owned(), input.to_owned()));
        let (above, id) =
            giver.rsplit_once('/').map_or(("", giver), |(above, id)| (&giver[..=above.len()], id));
        let node = &graph(plan, above)["nodes"][id];
        let inputs = &node["with"]["inputs"];
        let value = if inputs.is_object() { &inputs[input] } else { inputs };
        named(plan, above, &format!("{value}{}", node["for_each"]))
    }

    /// Is one of them another?
    pub(super) fn differ(&self, difference: &Difference) -> bool {
        let mut sections = difference.sections.iter().filter_map(|part| section(&part.part));
        difference.nodes.iter().any(|changed| self.has_node(changed))
            || sections.any(|(level, name)| {
                self.names.contains(&(level.to_owned(), name)) || self.is_beneath(level.trim_end_matches('/'))
            })
    }

    fn has_node(&self, changed: &NodeChange) -> bool {
        let gives = |input: &str| {
            let given = format!("with.inputs.{input}");
            let whole = |name: &str| ["with", "with.inputs"].contains(&name);
            let mut names = changed.parts.iter().map(|part| part.part.as_str());
            names.any(|name| whole(name) || is_of(name, &given) || is_of(name, "for_each"))
        };
        let given = || self.givers.iter().any(|(giver, input)| *giver == changed.node && gives(input));
        self.is_beneath(&changed.node) || given()
    }

    /// Is a node one of them, or within one?
    fn is_beneath(&self, node: &str) -> bool {
        let mut ends = node.match_indices('/').map(|(at, _)| at).chain([node.len()]);
        ends.any(|end| {
            let (level, id) = node[..end]
                .rsplit_once('/')
                .map_or(("", &node[..end]), |(above, id)| (&node[..=above.len()], id));
            self.names.contains(&(level.to_owned(), format!("nodes.{id}")))
        })
    }
}

/// A section of inputs or channels: of which graph, and as texts name it there.
fn section(part: &str) -> Option<(&str, String)> {
    let head = part.find(['.', '[']).unwrap_or(part.len());
    let level = part[..head].rfind('/').map_or(0, |at| at + 1);
    let root = match &part[level..head] {
        "inputs" => "inputs",
        "channels" => "state",
        _ => return None,
    };
    let name = part[head..].split(['.', '[']).nth(1).unwrap_or_default();
    Some((&part[..level], format!("{root}.{name}")))
}

/// The graph that the nodes of a level are in.
fn graph<'p>(plan: &'p Value, level: &str) -> &'p Value {
    level.split_terminator('/').fold(plan, |plan, id| &plan["nodes"][id]["with"]["graph"])
}

/// A node as it is written, without the graph that it runs.
fn written(plan: &Value, level: &str, id: &str) -> String {
    let mut node = graph(plan, level)["nodes"][id].clone();
    if let Some(with) = node.get_mut("with").and_then(Value::as_object_mut) {
        with.remove("graph");
    }
    node.to_string()
}

/// What of a graph a text names.
fn named(plan: &Value, level: &str, text: &str) -> Vec<Name> {
    let graph = graph(plan, level);
    let all = [("nodes", "nodes"), ("inputs", "inputs"), ("channels", "state")];
    let names = all.iter().flat_map(|(section, root)| {
        let names = graph[*section].as_object().into_iter().flatten();
        names.map(move |(name, _)| format!("{root}.{name}"))
    });
    names.filter(|name| text.contains(name.as_str())).map(|name| (level.to_owned(), name)).collect()
}
