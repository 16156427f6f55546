//! The calls of two runs by their keys: made in one of them alone, with another input, with another result.

use std::collections::BTreeMap;

use serde_json::Value;

use super::meaning::{Meaning, Meanings};
use super::place::{Place, places};

/// The calls of two runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Calls {
    /// How many are the same, and came to the same.
    pub same: usize,
    /// Those that are not, in order.
    pub changed: Vec<CallChange>,
}

/// A call that was made in one run alone, or otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct CallChange {
    /// Execution, node, iterations, item and attempt.
    pub key: String,
    /// The call in the first run.
    pub a: Option<CallSide>,
    /// The call in the second.
    pub b: Option<CallSide>,
    /// Where what was asked differs.
    pub input: Vec<Place>,
    /// Where what it came to differs.
    pub result: Vec<Place>,
}

/// A call of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct CallSide {
    /// The event with which it began.
    pub seq: u64,
    /// `outer/inner`
    pub node: String,
    /// The tool.
    pub tool: String,
    /// Did it do what it was asked? None where it has not ended.
    pub ok: Option<bool>,
}

#[derive(Debug, Default)]
struct Call<'a> {
    started: Option<&'a Meaning>,
    finished: Option<&'a Meaning>,
}

pub(super) fn calls(a: &Meanings, b: &Meanings) -> Calls {
    let (left, right) = (by_key(a), by_key(b));
    let mut calls = Calls::default();
    let mut keys: Vec<&str> = left.keys().copied().collect();
    keys.extend(right.keys().copied().filter(|key| !left.contains_key(key)));
    for key in keys {
        match change(key, left.get(key), right.get(key)) {
            None => calls.same += 1,
            Some(change) => calls.changed.push(change),
        }
    }
    let seq = |side: &Option<CallSide>| side.as_ref().map_or(u64::MAX, |side| side.seq);
    calls.changed.sort_by_key(|change| seq(&change.a).min(seq(&change.b)));
    calls
}

fn by_key(meanings: &Meanings) -> BTreeMap<&str, Call<'_>> {
    let mut found: BTreeMap<&str, Call<'_>> = BTreeMap::new();
    for one in &meanings.all {
        let Some(key) = one.call.as_deref() else { continue };
        match one.event.kind.as_str() {
            "call.started" => found.entry(key).or_default().started = Some(one),
            "call.finished" => found.entry(key).or_default().finished = Some(one),
            _ => {}
        }
    }
    found
}

fn change(key: &str, a: Option<&Call<'_>>, b: Option<&Call<'_>>) -> Option<CallChange> {
    fn asked<'a>(call: Option<&Call<'a>>) -> Option<&'a Value> {
        call?.started.map(|started| &started.data)
    }
    fn answered<'a>(call: Option<&Call<'a>>) -> Option<&'a Value> {
        call?.finished.map(|finished| &finished.data)
    }
    let (both, ours, theirs) = (a.is_some() && b.is_some(), answered(a), answered(b));
    if both && asked(a) == asked(b) && ours == theirs {
        return None;
    }
    let input = if both { places(asked(a), asked(b)) } else { Vec::new() };
    let result = if both { places(ours, theirs) } else { Vec::new() };
    Some(CallChange { key: key.to_owned(), a: a.and_then(side), b: b.and_then(side), input, result })
}

fn side(call: &Call<'_>) -> Option<CallSide> {
    let started = call.started?;
    let text = |name: &str| started.data.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(CallSide {
        seq: started.event.seq,
        node: text("call_node").unwrap_or_else(|| super::path::name(&started.event)),
        tool: text("tool").unwrap_or_default(),
        ok: call.finished.map(|finished| did(&finished.data)),
    })
}

fn did(data: &Value) -> bool {
    let one = |result: &Value| result.get("ok") == Some(&Value::Bool(true));
    match (data.get("result"), data.get("results").and_then(Value::as_array)) {
        (Some(result), _) => one(result),
        (None, Some(results)) => results.iter().all(one),
        (None, None) => false,
    }
}
