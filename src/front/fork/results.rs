//! The results of a run that another one may take over, out of its events. Decides nothing about nodes.

use std::collections::BTreeMap;

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::effect::{
    At, ErrorKind, Footprint, LeftFile, ReusableResult, Reuse, ToolResult, changed_files, iteration_of_key,
};
use crate::store::RunId;
use crate::trace::Envelope;

/// Results of the calls that `may` says of, by node of the run's own graph and its iteration.
pub(super) fn reusable(run: &RunId, events: &[Envelope], may: &dyn Fn(&str, &[u32]) -> bool) -> Reuse {
    let mut reuse = Reuse { run: run.to_string(), ..Reuse::default() };
    reuse.changes = footprints(run, events).into_iter().filter(|did| !did.files.is_empty()).collect();
    let mut asked: BTreeMap<u64, &Envelope> = BTreeMap::new();
    for event in events {
        let Some(call) = event.data.get("call").and_then(Value::as_u64) else { continue };
        match event.kind.as_str() {
            "call.started" => drop(asked.insert(call, event)),
            "call.finished" => {
                let Some(started) = asked.remove(&call) else { continue };
                let (node, iteration) = node_of(started);
                if may(&node, &iteration) && is_whole(started) && is_whole(event) {
                    take(run, started, event, &mut reuse);
                }
            }
            _ => {}
        }
    }
    reuse
}

/// What a pattern took out of an event is not there to be taken over.
fn is_whole(event: &Envelope) -> bool {
    event.data.get("redacted").is_none() && event.data.get("prepare").is_none()
}

fn take(run: &RunId, started: &Envelope, finished: &Envelope, reuse: &mut Reuse) {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let one = |call: &Value, key: &str, result: &Value, began: At| {
        let result: ToolResult = serde_json::from_value(result.clone()).ok()?;
        let (key, input) = (text(call, key)?, call.get("input")?);
        let known = ReusableResult {
            key: ReusableResult::key_of(run.as_str(), &key),
            asked: ReusableResult::asks(&text(call, "tool")?, input),
            at: millis(&finished.ts),
            began,
            result,
        };
        Some((known, input["dry_run"] == true))
    };
    let results = finished.data.get("results").and_then(Value::as_array);
    let calls = started.data.get("calls").and_then(Value::as_array);
    let found: Vec<(ReusableResult, bool)> = match (finished.data.get("result"), calls.zip(results)) {
        (Some(result), _) => {
            one(&Value::Object(started.data.clone()), "key", result, (started.seq, 0)).into_iter().collect()
        }
        (None, Some((calls, results))) => {
            // each of a list has seen what those before it did
            let pairs = calls.iter().zip(results).enumerate();
            pairs
                .filter_map(|(at, (call, result))| one(call, "idempotency_key", result, (finished.seq, at)))
                .collect()
        }
        (None, None) => Vec::new(),
    };
    for (known, dry) in found.into_iter().filter(|(known, _)| came_to_something(&known.result)) {
        if !dry {
            note_files(&known.result, &mut reuse.left);
        }
        reuse.results.push(known);
    }
}

/// A refusal, a question and a call that was ended from outside are not what a call comes to.
fn came_to_something(result: &ToolResult) -> bool {
    let outside = |kind: &ErrorKind| {
        matches!(
            kind,
            ErrorKind::Denied
                | ErrorKind::ApprovalRequired
                | ErrorKind::Budget
                | ErrorKind::Cancelled
                | ErrorKind::Timeout
                | ErrorKind::Internal
                | ErrorKind::Unplanned
        )
    };
    result.ok || result.error.as_ref().is_some_and(|error| !outside(&error.kind))
}

/// What a patch left.
pub(super) fn note_files(result: &ToolResult, left: &mut BTreeMap<String, Option<LeftFile>>) {
    left.extend(changed_files(result).into_iter().map(|(path, change)| (path, change.after)));
}

/// What the calls of a run did to its workspace, in the order of their ends.
pub(super) fn footprints(run: &RunId, events: &[Envelope]) -> Vec<Footprint> {
    let (mut asked, mut found) = (BTreeMap::<u64, &Envelope>::new(), Vec::new());
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    for event in events {
        let Some(call) = event.data.get("call").and_then(Value::as_u64) else { continue };
        if event.kind == "call.started" {
            asked.insert(call, event);
            continue;
        }
        let Some(started) = asked.remove(&call).filter(|_| event.data.get("prepare").is_none()) else {
            continue;
        };
        let mut take = |key: String, at: usize, input: Option<&Value>, result: &Value| {
            let Ok(result) = serde_json::from_value::<ToolResult>(result.clone()) else { return };
            let at = (event.seq, at);
            found.push(Footprint::of(run.as_str(), &key, at, input.unwrap_or(&Value::Null), &result));
        };
        if let Some(result) = event.data.get("result") {
            take(text(started.data.get("key")), 0, started.data.get("input"), result);
        }
        let several = |event: &Envelope, name: &str| event.data.get(name).and_then(Value::as_array).cloned();
        let calls = several(started, "calls").unwrap_or_default();
        for (at, (call, result)) in
            calls.iter().zip(several(event, "results").unwrap_or_default()).enumerate()
        {
            take(text(call.get("idempotency_key")), at, call.get("input"), &result);
        }
    }
    found
}

/// The node of the run's own graph that an event belongs to, and its iteration.
pub(in crate::front) fn node_of(event: &Envelope) -> (String, Vec<u32>) {
    let Some(first) = event.path.as_deref().and_then(|path| path.split('/').next()) else {
        return (event.node.clone().unwrap_or_default(), event.iteration.clone());
    };
    let (node, iteration) = iteration_of_key(first);
    (node.to_owned(), iteration)
}

fn millis(ts: &str) -> u64 {
    let time = OffsetDateTime::parse(ts, &Rfc3339).ok();
    time.and_then(|time| u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(kind: &str, path: Option<&str>, data: Value) -> Envelope {
        Envelope {
            run: "r".into(),
            seq: 1,
            ts: "1970-01-01T00:00:01Z".into(),
            kind: kind.into(),
            node: Some("inner".into()),
            path: path.map(str::to_owned),
            iteration: vec![7],
            attempt: None,
            data: serde_json::from_value(data).unwrap(),
            prev: None,
        }
    }

    #[test]
    fn a_call_belongs_to_the_node_of_the_runs_own_graph() {
        assert_eq!(
            node_of(&event("x", Some("outer#2.1[3]!1/mid!1"), json!({}))),
            ("outer".into(), vec![2, 1])
        );
        assert_eq!(node_of(&event("x", Some("outer!1"), json!({}))), ("outer".into(), vec![]));
        assert_eq!(node_of(&event("x", None, json!({}))), ("inner".into(), vec![7]));
    }

    #[test]
    fn what_was_refused_or_redacted_is_not_taken_over() {
        let run: RunId = RunId::new(1, [2; 10]);
        let started = |key: &str| {
            event(
                "call.started",
                None,
                json!({ "call": 1, "key": format!("{run}/{key}"), "tool": "read_file", "input": {} }),
            )
        };
        let finished =
            |result: ToolResult| event("call.finished", None, json!({ "call": 1, "result": result }));
        let good = finished(ToolResult::success("read_file", json!({ "content": "x" })));
        let denied = crate::effect::ToolError::new(ErrorKind::Denied, "no");
        let denied = finished(ToolResult::failure("read_file", denied));
        let mut redacted = good.clone();
        redacted.data.insert("redacted".into(), json!(1));
        let found = |end: &Envelope| reusable(&run, &[started("n!1"), end.clone()], &|_, _| true).results;
        assert_eq!(
            found(&good).iter().map(|one| (one.key.as_str(), one.at)).collect::<Vec<_>>(),
            [("n!1", 1000)]
        );
        assert!(found(&denied).is_empty() && found(&redacted).is_empty());
        assert!(reusable(&run, &[started("n!1"), good], &|_, _| false).results.is_empty());
    }
}
