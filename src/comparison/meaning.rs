//! What an event means, whichever run it is of: who it is about, under a name that both runs share, and its data without what
//! no two runs have in common. Decides nothing about differences.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::trace::Envelope;

use super::layers::LayerNames;

/// What stands for a run's own id, wherever it is told.
const RUN: &str = "<run>";

/// Members of data that are numbers of one run.
const NUMBERS: [&str; 7] = ["call", "question", "wait", "frame", "loop", "edge", "waiting"];

/// Members that tell where a result comes from.
const RECALLED: [&str; 3] = ["recalled", "cached", "passed_over"];

/// Kinds that tell of processes, and not of what the run is about.
const OF_PROCESSES: [&str; 2] = ["run.suspended", "run.resumed"];

/// The events of one run by what they mean.
#[derive(Debug)]
pub(super) struct Meanings {
    /// In the order of the log.
    pub(super) all: Vec<Meaning>,
    by_subject: BTreeMap<String, usize>,
}

/// What an event means.
#[derive(Debug, Clone)]
pub(super) struct Meaning {
    /// Who it is about: kind, execution, node, iteration, item, attempt, and which of several.
    pub(super) subject: String,
    /// Its data, without what belongs to one run.
    pub(super) data: Value,
    /// The event itself, payloads in their places.
    pub(super) event: Envelope,
    /// Of what tells of a call: its key, without the run.
    pub(super) call: Option<String>,
}

impl Meanings {
    /// `layers` are the names that the run to be held against has for this one's layers.
    pub(super) fn of(events: &[Envelope], layers: &LayerNames) -> Self {
        let mut names = Names::default();
        let told = events.iter().filter(|event| !OF_PROCESSES.contains(&event.kind.as_str()));
        let mut all: Vec<Meaning> = told.map(|event| names.meaning(event)).collect();
        for one in &mut all {
            layers.rename(&mut one.data);
        }
        let by_subject = all.iter().enumerate().map(|(at, one)| (one.subject.clone(), at)).collect();
        Self { all, by_subject }
    }

    /// The event about the same.
    pub(super) fn like(&self, other: &Meaning) -> Option<&Meaning> {
        self.by_subject.get(&other.subject).map(|at| &self.all[*at])
    }

    /// Those of a kind.
    pub(super) fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Meaning> {
        self.all.iter().filter(move |one| one.event.kind == kind)
    }

    /// The first event.
    pub(super) fn start(&self) -> Option<&Meaning> {
        self.of_kind("run.started").next()
    }
}

/// What the numbers of one run stand for, as far as it was read.
#[derive(Debug, Default)]
struct Names {
    /// By number: the key of a call.
    calls: BTreeMap<u64, String>,
    /// By number: who asks.
    questions: BTreeMap<u64, String>,
    /// By number: what a wait is for.
    waits: BTreeMap<u64, String>,
    /// How often each was met.
    met: BTreeMap<String, u32>,
}

impl Names {
    fn meaning(&mut self, event: &Envelope) -> Meaning {
        let about = self.about(event);
        let who = about.as_ref().map_or_else(|| place_of(event), Clone::clone);
        let base = format!("{} {who}", event.kind);
        let count = self.met.entry(base.clone()).or_default();
        *count += 1;
        let subject = if *count == 1 { base } else { format!("{base} ({count})") };
        let call = event.data.get("call").is_some().then(|| about.unwrap_or_default());
        Meaning { subject, data: meant(event), event: event.clone(), call }
    }

    /// Whom a numbered event is about.
    fn about(&mut self, event: &Envelope) -> Option<String> {
        let number = |name: &str| event.data.get(name).and_then(Value::as_u64);
        if let Some(call) = number("call") {
            if event.kind == "call.started" {
                self.calls.insert(call, key_of(event).unwrap_or_else(|| place_of(event)));
            }
            return self.calls.get(&call).cloned();
        }
        if let Some(question) = number("question") {
            let asked = self.questions.entry(question).or_insert_with(|| place_of(event));
            return Some(asked.clone());
        }
        let wait = number("wait")?;
        let reason = event.data.get("for").and_then(Value::as_str).unwrap_or_default();
        let known = self.waits.entry(wait).or_insert_with(|| format!("{reason} {}", place_of(event)));
        Some(known.clone())
    }
}

/// The key of the call that begins, without the run.
fn key_of(event: &Envelope) -> Option<String> {
    let first = event.data.get("calls").and_then(|calls| calls.get(0)?.get("idempotency_key"));
    let key = event.data.get("key").or(first)?.as_str()?;
    Some(key.strip_prefix(&event.run).unwrap_or(key).trim_start_matches('/').to_owned())
}

/// Where an event belongs: execution, node, iteration, item, attempt; of an edge its ends, of a channel its name.
fn place_of(event: &Envelope) -> String {
    use std::fmt::Write as _;
    let mut place = event.path.as_ref().map(|path| format!("{path}/")).unwrap_or_default();
    place += event.node.as_deref().unwrap_or_default();
    // writing to a String cannot fail
    if !event.iteration.is_empty() {
        let _ = write!(place, "#{:?}", event.iteration);
    }
    if let Some(index) = event.data.get("index").and_then(Value::as_u64) {
        let _ = write!(place, "[{index}]");
    }
    if let Some(attempt) = event.attempt {
        let _ = write!(place, "!{attempt}");
    }
    for name in ["from", "to", "channel", "budget"] {
        if let Some(word) = event.data.get(name).and_then(Value::as_str) {
            let _ = write!(place, " {name} {word}");
        }
    }
    place
}

/// The data of an event without what belongs to one run.
fn meant(event: &Envelope) -> Value {
    let mut data: Map<String, Value> = event.data.clone();
    for name in NUMBERS {
        data.remove(name);
    }
    match event.kind.as_str() {
        "run.finished" => {
            data.remove("events");
            data.remove("digest");
        }
        "call.finished" => {
            // whether it was made for this call, or for an earlier one that is the same
            for name in RECALLED {
                data.remove(name);
            }
            let several = data.get_mut("results").and_then(Value::as_array_mut).into_iter().flatten();
            let results: Vec<&mut Value> = several.collect();
            results.into_iter().for_each(timeless);
            data.get_mut("result").into_iter().for_each(timeless);
        }
        "approval.requested" => data.get_mut("show").into_iter().for_each(unasked),
        // signed for one request of one run; that there is one says who answered
        "approval.granted" | "approval.rejected" | "call.started" => {
            data.remove("approval");
            let several = data.get_mut("calls").and_then(Value::as_array_mut).into_iter().flatten();
            several.filter_map(Value::as_object_mut).for_each(|call| drop(call.remove("approval")));
        }
        _ => {}
    }
    let mut data = Value::Object(data);
    without_run(&mut data, &event.run);
    data
}

/// A result without how long it took and which request was made of it.
fn timeless(result: &mut Value) {
    let Some(members) = result.as_object_mut() else { return };
    members.remove("timing_ms");
    members.remove("start_us");
    for name in RECALLED {
        members.remove(name);
    }
    if let Some(error) = members.get_mut("error").and_then(Value::as_object_mut) {
        error.remove("approval");
    }
}

/// What is shown, without the nonce of its request.
fn unasked(show: &mut Value) {
    if let Some(members) = show.as_object_mut() {
        members.remove("request");
        if let Some(call) = members.get_mut("call").and_then(Value::as_object_mut) {
            call.remove("request");
        }
    }
}

/// The run's own id in any text.
fn without_run(value: &mut Value, run: &str) {
    // a stack of our own: values may be nested deeply
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) if !run.is_empty() && text.contains(run) => *text = text.replace(run, RUN),
            Value::Array(items) => open.extend(items),
            Value::Object(members) => open.extend(members.values_mut()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(run: &str, kind: &str, data: Value) -> Envelope {
        Envelope {
            run: run.into(),
            seq: 1,
            ts: "t".into(),
            kind: kind.into(),
            node: Some("n".into()),
            path: None,
            iteration: vec![2],
            attempt: None,
            data: serde_json::from_value(data).unwrap(),
            prev: None,
        }
    }

    #[test]
    fn two_runs_share_the_names_of_what_they_did_and_not_their_numbers() {
        let run = |id: &str, call: u32, took: u32| {
            let result = json!({ "ok": true, "timing_ms": took });
            let events = [
                event(id, "call.started", json!({ "call": call, "key": format!("{id}/n#2!1"), "input": id })),
                event(id, "call.finished", json!({ "call": call, "result": result })),
            ];
            Meanings::of(&events, &LayerNames::default())
        };
        let (a, b) = (run("first", 1, 10), run("second", 7, 20));
        for one in &a.all {
            let other = b.like(one).unwrap();
            assert_eq!((&one.data, &one.call), (&other.data, &other.call), "{}", one.subject);
            assert_eq!(one.call.as_deref(), Some("n#2!1"));
        }
    }

    #[test]
    fn what_happens_again_is_told_apart() {
        let edge = |from: &str| event("r", "edge.taken", json!({ "edge": 1, "from": from, "to": "b" }));
        let met = Meanings::of(&[edge("a"), edge("a"), edge("c")], &LayerNames::default());
        let subjects: Vec<&str> = met.all.iter().map(|one| one.subject.as_str()).collect();
        assert_eq!(subjects.len(), 3);
        assert!(subjects[1].ends_with("(2)") && !subjects[2].ends_with("(2)"), "{subjects:?}");
    }
}
