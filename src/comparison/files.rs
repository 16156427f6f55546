//! The files that patches left, as the answers to the calls tell them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::meaning::Meanings;

/// A file that was left otherwise, or by one run alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Relative to the workspace.
    pub path: String,
    /// The digest of what the first run left there; null: it took the file away; none: it did not touch it.
    pub a: Option<Value>,
    /// What the second left.
    pub b: Option<Value>,
}

pub(super) fn files(a: &Meanings, b: &Meanings) -> Vec<FileChange> {
    let (left, right) = (left_by(a), left_by(b));
    let paths: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    paths
        .into_iter()
        .filter(|path| left.get(*path) != right.get(*path))
        .map(|path| FileChange {
            path: path.clone(),
            a: left.get(path).cloned(),
            b: right.get(path).cloned(),
        })
        .collect()
}

/// What the last patch left at each path.
fn left_by(meanings: &Meanings) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let mut asked: BTreeMap<&str, &Value> = BTreeMap::new();
    for one in &meanings.all {
        let Some(call) = one.call.as_deref() else { continue };
        match one.event.kind.as_str() {
            "call.started" => drop(asked.insert(call, &one.data)),
            "call.finished" => {
                let asked = asked.get(call).copied().unwrap_or(&Value::Null);
                for (at, result) in results(&one.data).enumerate() {
                    if wrote(result) && !is_dry(asked, at) {
                        let files = result.get("output").and_then(|output| output.get("files")?.as_array());
                        files.into_iter().flatten().for_each(|file| note(file, &mut found));
                    }
                }
            }
            _ => {}
        }
    }
    found
}

/// The results of one call, or of each of a list.
fn results(data: &Value) -> impl Iterator<Item = &Value> {
    let several = data.get("results").and_then(Value::as_array).into_iter().flatten();
    data.get("result").into_iter().chain(several)
}

fn wrote(result: &Value) -> bool {
    result.get("ok") == Some(&Value::Bool(true))
        && matches!(result.get("tool").and_then(Value::as_str), Some("apply_patch" | "rollback"))
}

/// Was the call, or the one at this place of a list, only tried?
fn is_dry(asked: &Value, at: usize) -> bool {
    let one = asked.get("calls").and_then(|calls| calls.get(at)).unwrap_or(asked);
    one.get("input").and_then(|input| input.get("dry_run")) == Some(&Value::Bool(true))
}

fn note(file: &Value, found: &mut BTreeMap<String, Value>) {
    let text = |name: &str| file.get(name).and_then(Value::as_str);
    let Some(path) = text("path") else { return };
    if let Some(from) = text("from").filter(|_| text("op") == Some("rename")) {
        found.insert(from.to_owned(), Value::Null);
    }
    found.insert(path.to_owned(), file.get("after").cloned().unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::trace::Envelope;

    use super::*;
    use crate::comparison::layers::LayerNames;

    fn event(kind: &str, data: Value) -> Envelope {
        Envelope {
            run: "r".into(),
            seq: 1,
            ts: "t".into(),
            kind: kind.into(),
            node: Some("n".into()),
            path: None,
            iteration: Vec::new(),
            attempt: None,
            data: serde_json::from_value(data).unwrap(),
            prev: None,
        }
    }

    fn patched(path: &str, after: &str) -> Value {
        let files = json!([{ "path": path, "op": "put", "after": after }]);
        json!({ "ok": true, "tool": "apply_patch", "output": { "files": files } })
    }

    #[test]
    fn what_was_only_tried_has_left_nothing() {
        let input = |dry: bool| json!({ "input": { "dry_run": dry } });
        let one = |call: u32, dry: bool, path: &str| {
            let started = json!({ "call": call, "key": format!("r/n!{call}"), "input": { "dry_run": dry } });
            let finished = json!({ "call": call, "result": patched(path, "x") });
            [event("call.started", started), event("call.finished", finished)]
        };
        let list = [
            event("call.started", json!({ "call": 3, "calls": [input(true), input(false)] })),
            event("call.finished", json!({ "call": 3, "results": [patched("c", "x"), patched("d", "x")] })),
        ];
        let events: Vec<Envelope> =
            one(1, true, "a").into_iter().chain(one(2, false, "b")).chain(list).collect();
        let left = left_by(&Meanings::of(&events, &LayerNames::default()));
        assert_eq!(left.keys().collect::<Vec<_>>(), ["b", "d"]);
    }
}
