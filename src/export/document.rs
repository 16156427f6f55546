//! A run as one JSON document, `lgflow.trace_export/v1`: what happened, put together, and the events with payloads in place.

use serde_json::{Map, Value, json};

use super::{End, Piece, Recorded, Story, What};

/// The document.
pub fn trace_document(story: &Story, recorded: &Recorded) -> Value {
    let mut facts = story.facts.clone();
    let plan = facts.as_object_mut().and_then(|facts| facts.remove("plan"));
    let events: Vec<Value> = recorded.events.iter().map(|recording| event(&recording.event)).collect();
    json!({
        "schema": "lgflow.trace_export/v1",
        "run": story.run,
        "graph": story.graph,
        "status": story.status,
        "taken_back_by": story.taken_back.as_ref().map(|undone| &undone.by),
        "taken_back_from": story.taken_back.as_ref().and_then(|undone| undone.from.as_ref()),
        "complete": story.complete,
        "revision": story.revision,
        "began": story.began().text(),
        "ended": story.ended().text(),
        "ms": millis(story.ended().since(story.began())),
        "digest": recorded.digest(),
        "facts": facts,
        "plan": plan,
        "inputs": story.inputs,
        "outputs": story.outputs,
        "error": story.error,
        "failed_node": story.failed_node,
        "used": {
            "tool_calls": story.used.tool_calls,
            "llm_tokens": story.used.llm_tokens,
            "patch_bytes": story.used.patch_bytes,
        },
        "redacted": story.redacted,
        "missing_payloads": recorded.missing,
        "pieces": story.pieces.iter().map(piece).collect::<Vec<_>>(),
        "decided": story.decided.iter().map(|decided| json!({
            "path": decided.path,
            "node": decided.id,
            "status": decided.status,
            "reason": decided.reason,
            "at": decided.at.text(),
        })).collect::<Vec<_>>(),
        "edges": story.edges.iter().map(|edge| json!({
            "path": edge.path,
            "edge": edge.edge,
            "from": edge.from,
            "to": edge.to,
            "taken": edge.dead.is_none(),
            "why": edge.dead,
        })).collect::<Vec<_>>(),
        "changed": story.changed(),
        "taken_over": story.taken_over(),
        "events": events,
    })
}

fn piece(piece: &Piece) -> Value {
    let (kind, message) = match &piece.end {
        End::Failed(kind, message) => (Some(kind), Some(message)),
        End::Done | End::Cancelled | End::Open => (None, None),
    };
    let mut document = Map::new();
    let mut put = |name: &str, value: Value| drop(document.insert(name.to_owned(), value));
    put("key", json!(piece.key));
    put("within", json!(piece.parent));
    put("what", json!(piece.what.word()));
    put("from", json!(piece.from.text()));
    put("to", json!(piece.to.text()));
    put("ms", json!(millis(piece.to.since(piece.from))));
    put("end", json!(piece.end.word()));
    put("error", kind.map_or(Value::Null, |kind| json!({ "kind": kind, "message": message })));
    put("seq", json!(piece.seq));
    match &piece.what {
        What::Node(node) => {
            put("node", json!(node.id));
            put("path", json!(node.path));
            put("iteration", json!(node.iteration));
            put("uses", json!(node.uses));
        }
        What::Item { index } => put("index", json!(index)),
        What::Attempt { number } => put("attempt", json!(number)),
        What::Call(call) => {
            put("call", json!(call.number));
            put("tool", json!(call.tool));
            put("key_of_call", json!(call.key));
            put("rule", json!(call.rule()));
            if let Some((from, run)) = call.recalled() {
                put("recalled", json!({ "from": from, "run": run }));
            }
        }
        What::Question(question) => {
            put("question", json!(question.number));
            put("policy", json!(question.policy));
            put("granted", json!(question.granted));
            put("by", json!(question.by));
        }
        What::Wait { reason } => put("for", json!(reason)),
        What::Run | What::Suspended | What::Interrupted => {}
    }
    Value::Object(document)
}

fn event(event: &crate::trace::Envelope) -> Value {
    let mut document = json!({ "seq": event.seq, "ts": event.ts, "kind": event.kind, "data": event.data });
    let mut put = |name: &str, value: Option<Value>| {
        if let (Some(members), Some(value)) = (document.as_object_mut(), value) {
            members.insert(name.to_owned(), value);
        }
    };
    put("node", event.node.as_ref().map(|node| json!(node)));
    put("path", event.path.as_ref().map(|path| json!(path)));
    put("iteration", (!event.iteration.is_empty()).then(|| json!(event.iteration)));
    put("attempt", event.attempt.map(|attempt| json!(attempt)));
    document
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
