//! Collects what the expressions of a graph may name.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::document::Tree;
use crate::model::{OnItemError, Uses};

use super::build;
use super::draft::{Draft, DraftNode};
use super::literal;
use super::parts::Parts;
use super::scope::{Known, Local, LoopFacts, Names, NodeFacts};
use super::tools;

/// Every name of the graph, with the schema of its value where one is known.
pub(super) fn names(draft: &Draft<'_>) -> Names {
    let mut names = Names::default();
    for input in &draft.graph.inputs {
        names.inputs.insert(input.name.value.to_string(), known(&input.schema.tree, input.name.span));
    }
    for channel in &draft.graph.state {
        names.channels.insert(channel.name.value.to_string(), known(&channel.schema.tree, channel.name.span));
    }
    for node in &draft.nodes {
        let facts = NodeFacts { span: node.node.id.span, output: whole_output(node, draft.parts) };
        names.nodes.insert(node.id().to_owned(), facts);
    }
    for link in draft.links.iter().filter(|link| link.turns()) {
        let facts = LoopFacts { span: link.edge.to.span, body: None };
        names.loops.entry(draft.id(link.to).to_owned()).or_insert(facts);
    }
    bodies(draft, &mut names);
    undecoded(draft, &mut names);
    names
}

/// Which nodes each loop runs again, where the shape of the graph is sound.
fn bodies(draft: &Draft<'_>, names: &mut Names) {
    if names.loops.is_empty() {
        return;
    }
    let Some(flow) = build::flow(draft) else { return };
    for body in &flow.loops {
        if let Some(facts) = names.loops.get_mut(draft.id(body.target)) {
            facts.body = Some(body.nodes.iter().map(|&node| draft.id(node).to_owned()).collect());
        }
    }
}

/// What is declared, but with a fault: it has a name, and nothing is known of its value.
fn undecoded(draft: &Draft<'_>, names: &mut Names) {
    for (key, span) in draft.declared("inputs") {
        names.inputs.entry(key.to_owned()).or_insert(Known { span, schema: None });
    }
    for (key, span) in draft.declared("state") {
        names.channels.entry(key.to_owned()).or_insert(Known { span, schema: None });
    }
    for (key, span) in draft.declared("nodes") {
        names.nodes.entry(key.to_owned()).or_insert(NodeFacts { span, output: None });
    }
    names.damage = draft.damage().clone();
}

/// What `output` is in a node's own `update`: of one item, where the node runs once for each.
pub(super) fn item_output(node: &DraftNode<'_>, parts: &Parts) -> NodeFacts {
    NodeFacts { span: node.node.id.span, output: one_output(node, parts) }
}

/// The names that a node's `for_each` adds.
pub(super) fn locals(node: &DraftNode<'_>) -> Vec<Local> {
    let Some(for_each) = &node.modifiers.for_each else { return Vec::new() };
    let name = for_each.binding.value.as_str();
    let index = Arc::new(json!({ "type": "integer" }));
    vec![
        Local { name: name.to_owned(), schema: None },
        Local { name: format!("{name}_index"), schema: Some(index) },
    ]
}

fn known(tree: &Tree, span: crate::source::Span) -> Known {
    Known { span, schema: Some(Arc::new(tree.to_json())) }
}

fn whole_output(node: &DraftNode<'_>, parts: &Parts) -> Option<Arc<Value>> {
    let item = one_output(node, parts);
    let Some(for_each) = &node.modifiers.for_each else { return item };
    let item = item.map_or_else(|| json!({}), |schema| (*schema).clone());
    let collects = for_each.on_error.as_ref().is_some_and(|rule| rule.value == OnItemError::Collect);
    let item = if collects { collected(&item) } else { item };
    Some(Arc::new(json!({ "type": "array", "items": item })))
}

/// An element of what `on_error: collect` gives.
fn collected(item: &Value) -> Value {
    json!({
        "type": "object",
        "properties": {
            "status": { "enum": ["succeeded", "failed", "skipped", "cancelled"] },
            "output": item,
            "error": {
                "type": "object",
                "properties": {
                    "kind": { "type": "string" },
                    "message": { "type": "string" },
                    "output": {},
                    "index": { "type": "integer" },
                    "limit": { "type": "string" },
                    "path": { "type": "string" }
                },
                "required": ["kind", "message"],
            },
        },
        "required": ["status"],
    })
}

fn one_output(node: &DraftNode<'_>, parts: &Parts) -> Option<Arc<Value>> {
    match node.uses()? {
        Uses::Values => Some(Arc::new(fields(node))),
        Uses::Graph => graph_output(node, parts),
        Uses::Llm => match node.parameter("output_schema") {
            Some(field) => literal::schema_source(&field.value).and_then(|source| parts.schema(&source)),
            None => tools::output(Uses::Llm),
        },
        Uses::Approval => tools::output(Uses::Approval),
        uses => tools::output(uses),
    }
}

/// The object that a `values` node gives: exactly its fields.
fn fields(node: &DraftNode<'_>) -> Value {
    let schemas = node.with.iter().map(|field| (field.name.value.clone(), written(&field.value))).collect();
    closed(schemas)
}

/// The schema of a value as it is written; what a template or a list gives is any value.
fn written(tree: &Tree) -> Value {
    if tree.entries().is_empty() {
        return json!({});
    }
    closed(tree.entries().iter().map(|entry| (entry.key.value.clone(), written(&entry.value))).collect())
}

fn closed(properties: serde_json::Map<String, Value>) -> Value {
    let mut schema = json!({ "type": "object", "additionalProperties": false });
    schema["properties"] = Value::Object(properties);
    schema
}

/// An object with exactly the child's outputs.
fn graph_output(node: &DraftNode<'_>, parts: &Parts) -> Option<Arc<Value>> {
    let name = node.parameter("graph")?.value.as_str()?;
    let plan = parts.subgraphs.get(name)?.as_ref()?;
    let outputs: BTreeMap<&str, Value> = plan.outputs.iter().map(|o| (o.name.as_str(), json!({}))).collect();
    let required: Vec<&str> = outputs.keys().copied().collect();
    Some(Arc::new(json!({
        "type": "object", "properties": outputs, "required": required, "additionalProperties": false,
    })))
}
