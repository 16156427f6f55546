//! What a reader may want to know of a node or a loop: how it is run and with what. In the words of the graph language.

use serde_json::Value;

use crate::plan::{NodeIx, Plan, PlanLoop, as_written};

use super::picture::Fact;

/// What a node says, without what is usual.
pub(super) fn node_facts(plan: &Plan, at: NodeIx) -> Vec<Fact> {
    let Value::Object(said) = as_written(&plan.node_document_of(at)) else { return Vec::new() };
    let shown = [
        "uses",
        "with",
        "skip_when",
        "for_each",
        "timeout_ms",
        "group",
        "cache",
        "verify",
        "on_crash",
        "update",
        "retry",
        "join",
        "loops",
    ];
    let told = shown.into_iter().filter_map(|name| Some((name, said.get(name)?)));
    told.filter(|(name, value)| !is_usual(name, value)).map(|(name, value)| fact(name, value)).collect()
}

/// What a loop says.
pub(super) fn loop_facts(plan: &Plan, one: &PlanLoop) -> Vec<Fact> {
    let body: Vec<String> = one.body.iter().map(|&at| plan.node(at).id.to_string()).collect();
    let mut facts = vec![
        fact("loop", &format!("at most {} iterations", one.max).into()),
        fact("body", &body.join(", ").into()),
    ];
    if !one.delay.is_zero() {
        facts.push(fact("delay", &format!("{:?}", one.delay).into()));
    }
    facts
}

fn is_usual(name: &str, value: &Value) -> bool {
    match name {
        "cache" | "verify" => value == &Value::Bool(false),
        "join" => value == "some",
        "retry" => value["attempts"] == 1,
        "loops" => value.as_array().is_some_and(Vec::is_empty),
        "with" => value.as_object().is_some_and(serde_json::Map::is_empty),
        _ => false,
    }
}

fn fact(term: &str, value: &Value) -> Fact {
    let text = match value {
        Value::String(text) => text.trim_end().to_owned(),
        Value::Array(names) if term == "loops" => {
            names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
        }
        value => lines(value),
    };
    Fact { term: term.to_owned(), text }
}

/// A value as people read one: an object's members on a line each, its texts as they are.
fn lines(value: &Value) -> String {
    let told = |value: &Value| match value {
        Value::String(text) => text.trim_end().replace('\n', "\n  "),
        value => value.to_string(),
    };
    match value {
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| format!("{name}: {}", told(value)));
            members.collect::<Vec<_>>().join("\n")
        }
        value => told(value),
    }
}
