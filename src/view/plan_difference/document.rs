//! The difference of two plans for a program: `lgflow.plan_diff/v1`.

use serde_json::{Value, json};

use super::calls::{CallChange, Told, Untold};
use super::compare::Difference;
use super::parts::Part;

/// `before` and `after` are the names of the plans, with their documents.
pub fn plan_difference_document(
    difference: &Difference,
    (before, old): (&str, &Value),
    (after, new): (&str, &Value),
) -> Value {
    let side = |name: &str, plan: &Value, trusted: bool| {
        json!({
            "name": name,
            "graph": plan["graph"],
            "digest": plan["digest"],
            "policy_digest": plan["policy_digest"],
            "trusted": trusted,
        })
    };
    let parts = |parts: &[Part]| parts.iter().map(part).collect::<Vec<_>>();
    let nodes = difference.nodes.iter().map(|node| {
        json!({ "change": node.change.as_str(), "node": node.node, "uses": node.uses, "parts": parts(&node.parts) })
    });
    let edges = difference.edges.iter().map(|edge| {
        json!({
            "change": edge.change.as_str(),
            "from": edge.from,
            "to": edge.to,
            "on": edge.on,
            "when": edge.when,
            "parts": parts(&edge.parts),
        })
    });
    json!({
        "schema": "lgflow.plan_diff/v1",
        "before": side(before, old, difference.trusted.0),
        "after": side(after, new, difference.trusted.1),
        "same": difference.is_none(),
        "widens": difference.widens(),
        "calls": difference.calls.iter().map(call).collect::<Vec<_>>(),
        "nodes": nodes.collect::<Vec<_>>(),
        "edges": edges.collect::<Vec<_>>(),
        "sections": parts(&difference.sections),
        "layers": parts(&difference.layers),
        "steps": { "before": difference.steps.0, "after": difference.steps.1 },
    })
}

fn part(part: &Part) -> Value {
    let mut told = json!({ "change": part.change().as_str(), "part": part.part });
    for (name, value) in [("before", &part.before), ("after", &part.after)] {
        if let Some(value) = value {
            told[name] = value.clone();
        }
    }
    told
}

fn call(call: &CallChange) -> Value {
    json!({
        "change": call.change().as_str(),
        "node": call.node,
        "tool": call.tool,
        "widens": call.widens(),
        "narrows": call.narrows(),
        "untold": call.untold.map(Untold::as_str),
        "parameters": call.has_other_parameters(),
        "sends": call.sends_other,
        "before": call.before.as_ref().map(told),
        "after": call.after.as_ref().map(told),
    })
}

fn told(told: &Told) -> Value {
    json!({
        "decision": told.decision,
        "depends_on": told.depends_on,
        "writes": told.writes,
        "place": told.place,
        "reason": told.reason,
    })
}
