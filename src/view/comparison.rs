//! Two runs held against each other: as text for a person, and as the document `lgflow.comparison/v1`.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::comparison::{
    CallChange, CallSide, ChannelChange, Comparison, Decision, Divergence, EventRef, FileChange, NodeChange,
    NodeEnd, Place, Spent, Write,
};

use super::brief::brief;
use super::escaped;

/// The longest value that is shown to a person, in characters.
const SHOWN: usize = 120;
/// The most lines of one part that are shown to a person.
const LINES: usize = 20;

/// The document; `a` and `b` are the runs.
pub fn comparison_document(found: &Comparison, a: &str, b: &str) -> Value {
    json!({
        "schema": "lgflow.comparison/v1",
        "same": found.is_same(),
        "a": { "run": a, "status": found.status.0 },
        "b": { "run": b, "status": found.status.1 },
        "divergence": found.divergence.as_ref().map(divergence_document),
        "start": places_document(&found.start),
        "circumstances": places_document(&found.circumstances),
        "nodes": found.nodes.iter().map(node_document).collect::<Vec<_>>(),
        "decisions": found.decisions.iter().map(decision_document).collect::<Vec<_>>(),
        "calls": {
            "same": found.calls.same,
            "changed": found.calls.changed.iter().map(call_document).collect::<Vec<_>>(),
        },
        "files": found.files.iter().map(file_document).collect::<Vec<_>>(),
        "channels": found.channels.iter().map(channel_document).collect::<Vec<_>>(),
        "outcome": places_document(&found.outcome),
        "spent": spent_document(&found.spent),
    })
}

fn places_document(places: &[Place]) -> Vec<Value> {
    places.iter().map(|place| json!({ "at": place.at, "a": place.a, "b": place.b })).collect()
}

fn divergence_document(divergence: &Divergence) -> Value {
    let event = |event: &Option<EventRef>| {
        event.as_ref().map(|event| {
            json!({ "seq": event.seq, "kind": event.kind, "node": event.node, "iteration": event.iteration })
        })
    };
    json!({
        "why": divergence.why,
        "a": event(&divergence.a),
        "b": event(&divergence.b),
        "places": places_document(&divergence.places),
    })
}

fn node_document(change: &NodeChange) -> Value {
    let end = |end: &Option<NodeEnd>| end.as_ref().map(|end| json!({ "status": end.status, "seq": end.seq }));
    json!({
        "node": change.node,
        "iteration": change.iteration,
        "a": end(&change.a),
        "b": end(&change.b),
        "places": places_document(&change.places),
    })
}

fn decision_document(decision: &Decision) -> Value {
    json!({ "what": decision.what, "a": decision.a, "b": decision.b, "places": places_document(&decision.places) })
}

fn call_document(change: &CallChange) -> Value {
    let side = |side: &Option<CallSide>| {
        side.as_ref()
            .map(|side| json!({ "seq": side.seq, "node": side.node, "tool": side.tool, "ok": side.ok }))
    };
    json!({
        "key": change.key,
        "a": side(&change.a),
        "b": side(&change.b),
        "input": places_document(&change.input),
        "result": places_document(&change.result),
    })
}

fn file_document(change: &FileChange) -> Value {
    let touched = |side: &Option<Value>| side.is_some();
    json!({
        "path": change.path,
        "a": { "touched": touched(&change.a), "digest": change.a },
        "b": { "touched": touched(&change.b), "digest": change.b },
    })
}

fn channel_document(change: &ChannelChange) -> Value {
    let writes = |side: &[Write]| -> Vec<Value> {
        let write = |one: &Write| json!({ "seq": one.seq, "node": one.node, "iteration": one.iteration, "value": one.value });
        side.iter().map(write).collect()
    };
    json!({ "path": change.path, "channel": change.channel, "a": writes(&change.a), "b": writes(&change.b) })
}

fn spent_document(spent: &Spent) -> Value {
    let both = |(a, b): (u64, u64)| json!({ "a": a, "b": b });
    let nodes: Vec<Value> =
        spent.nodes.iter().map(|time| json!({ "node": time.node, "a": time.ms.0, "b": time.ms.1 })).collect();
    json!({
        "ms": both(spent.ms),
        "events": both(spent.events),
        "calls": both(spent.calls),
        "llm_tokens": both(spent.llm_tokens),
        "patch_bytes": both(spent.patch_bytes),
        "nodes": nodes,
    })
}

/// The text.
pub fn comparison_text(found: &Comparison, a: &str, b: &str) -> String {
    let status = |status: &Option<String>| status.clone().unwrap_or_else(|| "not over".to_owned());
    let mut text = format!(
        "a  {}  {}\nb  {}  {}\n",
        escaped(a),
        status(&found.status.0),
        escaped(b),
        status(&found.status.1)
    );
    match &found.divergence {
        None => text += "the same, event by event in what they mean\n",
        Some(divergence) => divergence_text(divergence, &mut text),
    }
    places_text("start", &found.start, &mut text);
    part("nodes", found.nodes.iter().map(node_lines), &mut text);
    part("decisions", found.decisions.iter().map(decision_lines), &mut text);
    part("calls", found.calls.changed.iter().map(call_lines), &mut text);
    part("files", found.files.iter().map(file_line), &mut text);
    part("written to channels", found.channels.iter().map(channel_lines), &mut text);
    places_text("end", &found.outcome, &mut text);
    places_text("circumstances (they count for nothing by themselves)", &found.circumstances, &mut text);
    text + &spent_text(&found.spent, found.calls.same)
}

fn divergence_text(divergence: &Divergence, text: &mut String) {
    // writing to a string can't fail
    let _ = writeln!(text, "they first differ here: {}", divergence.why);
    let event = |side: &str, event: &Option<EventRef>| match event {
        None => format!("  {side}  nothing like it\n"),
        Some(event) => {
            let node = event.node.as_ref().map(|node| format!(" of `{}`", escaped(node))).unwrap_or_default();
            format!("  {side}  event {}: {}{node}{}\n", event.seq, event.kind, iteration(&event.iteration))
        }
    };
    *text += &event("a", &divergence.a);
    *text += &event("b", &divergence.b);
    for place in &divergence.places {
        *text += &place_lines(place);
    }
}

fn part(title: &str, entries: impl ExactSizeIterator<Item = String>, text: &mut String) {
    let all = entries.len();
    if all == 0 {
        return;
    }
    let _ = writeln!(text, "{title}: {all} not the same");
    entries.take(LINES).for_each(|entry| *text += &entry);
    if all > LINES {
        let _ = writeln!(text, "  … and {} more (`--format json` has all)", all - LINES);
    }
}

fn places_text(title: &str, places: &[Place], text: &mut String) {
    if places.is_empty() {
        return;
    }
    let _ = writeln!(text, "{title}:");
    for place in places {
        *text += &place_lines(place);
    }
}

fn place_lines(place: &Place) -> String {
    let at = if place.at.is_empty() { "as a whole".to_owned() } else { escaped(&place.at) };
    format!("    {at}\n      a  {}\n      b  {}\n", short(place.a.as_ref()), short(place.b.as_ref()))
}

fn node_lines(change: &NodeChange) -> String {
    let end =
        |end: &Option<NodeEnd>| end.as_ref().map_or("did not end", |end| end.status.as_str()).to_owned();
    let name = format!("{}{}", escaped(&change.node), iteration(&change.iteration));
    let places: String = change.places.iter().map(place_lines).collect();
    format!("  {name}: {} in a, {} in b\n{places}", end(&change.a), end(&change.b))
}

fn decision_lines(decision: &Decision) -> String {
    let place = match (decision.a, decision.b) {
        (Some(a), Some(b)) => format!("event {a} in a, {b} in b"),
        (Some(a), None) => format!("event {a} in a alone"),
        (None, Some(b)) => format!("event {b} in b alone"),
        (None, None) => String::new(),
    };
    let places: String = decision.places.iter().map(place_lines).collect();
    format!("  {}: {place}\n{places}", escaped(&decision.what))
}

fn call_lines(change: &CallChange) -> String {
    let place = match (&change.a, &change.b) {
        (Some(_), Some(_)) if change.input.is_empty() => "came to something else",
        (Some(_), Some(_)) => "asked something else",
        (Some(_), None) => "made in a alone",
        _ => "made in b alone",
    };
    let tool = change.a.as_ref().or(change.b.as_ref()).map(|side| side.tool.as_str()).unwrap_or_default();
    let places: String = change.input.iter().chain(&change.result).map(place_lines).collect();
    format!("  {} ({}): {place}\n{places}", escaped(&change.key), escaped(tool))
}

fn file_line(change: &FileChange) -> String {
    let side = |side: &Option<Value>| match side {
        None => "not touched".to_owned(),
        Some(Value::Null) => "taken away".to_owned(),
        Some(digest) => escaped(digest.as_str().unwrap_or_default()),
    };
    format!("  {}: {} in a, {} in b\n", escaped(&change.path), side(&change.a), side(&change.b))
}

fn channel_lines(change: &ChannelChange) -> String {
    let around = change.path.as_ref().map(|path| format!("{}/", escaped(path))).unwrap_or_default();
    let mut text = format!("  {around}{}\n", escaped(&change.channel));
    for (side, writes) in [("a", &change.a), ("b", &change.b)] {
        if writes.is_empty() {
            let _ = writeln!(text, "      {side}  nothing");
        }
        for write in writes.iter().take(LINES) {
            let who = format!("{}{}", escaped(&write.node), iteration(&write.iteration));
            let _ = writeln!(text, "      {side}  {who} wrote {}", short(Some(&write.value)));
        }
        if writes.len() > LINES {
            let _ =
                writeln!(text, "      {side}  … and {} more (`--format json` has all)", writes.len() - LINES);
        }
    }
    text
}

fn spent_text(spent: &Spent, same: usize) -> String {
    let both = |(a, b): (u64, u64)| if a == b { a.to_string() } else { format!("{a} / {b}") };
    let mut text = format!(
        "spent (a / b): {} ms, {} events, {} calls ({same} the same), {} tokens, {} patch bytes\n",
        both(spent.ms),
        both(spent.events),
        both(spent.calls),
        both(spent.llm_tokens),
        both(spent.patch_bytes)
    );
    for time in spent.nodes.iter().take(3) {
        let ms = |ms: Option<u64>| ms.map_or("-".to_owned(), |ms| ms.to_string());
        let _ = writeln!(text, "  {}: {} / {} ms", escaped(&time.node), ms(time.ms.0), ms(time.ms.1));
    }
    text
}

fn iteration(iteration: &[u32]) -> String {
    let numbers: Vec<String> = iteration.iter().map(u32::to_string).collect();
    if numbers.is_empty() { String::new() } else { format!("[{}]", numbers.join(".")) }
}

fn short(value: Option<&Value>) -> String {
    let Some(value) = value else { return "nothing".to_owned() };
    brief(&value.to_string(), SHOWN)
}
