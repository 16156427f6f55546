//! What of an event no span tells is let go: a long run is not kept in memory a second time.

use serde_json::{Map, Value};

use crate::trace::Envelope;

/// Of a call's parameters, what its span is named by.
const ASKED: [&str; 4] = ["argv", "method", "model", "url"];

/// The event, without contents.
pub(super) fn spared(mut event: Envelope) -> Envelope {
    match event.kind.as_str() {
        "run.started" | "graph.started" => {
            event.data.remove("inputs");
        }
        "call.started" | "call.finished" => event.data.values_mut().for_each(spare),
        "node.finished" | "node.exhausted" | "item.finished" | "graph.finished" => {
            event.data.values_mut().for_each(|value| {
                value.as_object_mut().map(|result| result.remove("output"));
            });
            event.data.remove("output");
        }
        "state.written" => event.data.clear(),
        "approval.requested" => {
            event.data.remove("show");
        }
        _ => {}
    }
    event
}

/// A call, a result, or a list of them.
fn spare(value: &mut Value) {
    match value {
        Value::Array(all) => all.iter_mut().for_each(spare),
        Value::Object(one) => {
            for (name, inner) in one.iter_mut() {
                match name.as_str() {
                    "call" | "calls" | "result" | "results" => spare(inner),
                    "input" => keep(inner, &ASKED),
                    "output" => keep(inner, &["status"]),
                    _ => {}
                }
            }
            one.remove("stdout");
            one.remove("stderr");
        }
        _ => {}
    }
}

fn keep(value: &mut Value, names: &[&str]) {
    let kept: Map<String, Value> = match value {
        Value::Object(all) => {
            names.iter().filter_map(|name| Some(((*name).to_owned(), all.remove(*name)?))).collect()
        }
        _ => Map::new(),
    };
    *value = Value::Object(kept);
}
