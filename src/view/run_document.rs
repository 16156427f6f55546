//! A run as the document that scripts read: `lgflow.run/v1`.

use serde_json::{Map, Value, json};

use crate::trace::{NodeSummary, Status, Summary};

/// What the summary of a run does not know itself.
#[derive(Debug, Clone)]
pub struct RunFacts<'a> {
    /// The run's id.
    pub run: &'a str,
    /// The word for how it ended.
    pub status: &'a str,
    /// The number that the shell sees.
    pub exit_code: u8,
    /// The graph's name.
    pub graph: &'a str,
    /// The digest of its plan.
    pub graph_digest: String,
    /// Where its trace is.
    pub trace: Option<String>,
}

/// The document of a run.
pub fn run_document(summary: &Summary, facts: &RunFacts<'_>) -> Value {
    let nodes: Map<String, Value> =
        summary.nodes.iter().map(|(id, node)| (id.clone(), node_document(node))).collect();
    let error = summary.error.as_ref().map(
        |failed| json!({ "node": failed.node, "kind": failed.error.kind, "message": failed.error.message }),
    );
    let waiting: Vec<Value> = summary
        .waiting
        .iter()
        .map(
            |open| json!({ "id": open.id.0, "node": open.node, "show": *open.show, "options": open.options }),
        )
        .collect();
    json!({
        "schema": "lgflow.run/v1",
        "run": facts.run,
        "status": facts.status,
        "exit_code": facts.exit_code,
        "graph": facts.graph,
        "graph_digest": facts.graph_digest,
        "inputs": *summary.inputs,
        "outputs": summary.outputs.as_deref(),
        "nodes": nodes,
        "path": summary.path,
        "calls": summary.totals.calls,
        "denied": summary.totals.denied,
        "error": error,
        "waiting": waiting,
        "trace": facts.trace,
    })
}

fn node_document(node: &NodeSummary) -> Value {
    let mut document = Map::new();
    document.insert("status".into(), json!(node.status.map(Status::as_str)));
    document.insert("iterations".into(), json!(node.iterations));
    if let Some(error) = &node.error {
        document.insert(
            "error".into(),
            json!({ "kind": error.kind, "message": error.message, "rule": error.rule }),
        );
    }
    if let Some(reason) = &node.reason {
        document.insert("reason".into(), json!(reason));
    }
    Value::Object(document)
}
