//! What taking back an earlier run is bound by, and what of that run no patch can take back. Starts nothing.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::digest::Digest;
use crate::effect::{FrozenLayer, LayerRole};
use crate::ledger::Ledger;
use crate::store::RunId;
use crate::trace::Envelope;
use crate::view::escaped;

use super::again::said;
use super::{AgainError, Place};

/// What a run did to the workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// The files that its patches touched, by name.
    pub files: Vec<String>,
    /// What its commands changed without a patch, so that nobody knows what was there before: a sentence for each.
    pub beyond: Vec<String>,
}

/// What a run did to the workspace, as its trace tells; from the first event of the node `to` on, where one is named.
pub fn touched(place: &Place, run: &RunId, to: Option<&str>) -> Result<Touched, AgainError> {
    Ok(touched_by(&events(place, run)?, to))
}

/// The run that took back what `run` had changed, if that stands: nothing where it was taken back in its turn.
pub fn taken_back_by(place: &Place, run: &RunId) -> Result<Option<RunId>, AgainError> {
    let store = place.runs()?;
    let ledger = Ledger::open(&place.state, &store.id())?;
    for undo in store.runs()?.into_iter().rev() {
        let record = ledger.begun(undo.as_str()).ok().flatten();
        if record.and_then(|record| record.undoes).as_deref() != Some(run.as_str()) {
            continue;
        }
        let events = events(place, &undo)?;
        let last = events.last().map(|event| event.kind.as_str()).unwrap_or_default();
        // where it broke off, nobody knows whether it had begun to take back
        let changed = match last {
            "run.finished" | "run.suspended" => !touched_by(&events, None).files.is_empty(),
            _ => true,
        };
        if changed && taken_back_by(place, &undo)?.is_none() {
            return Ok(Some(undo));
        }
    }
    Ok(None)
}

/// The events of a run, payloads in their places.
pub(super) fn events(place: &Place, run: &RunId) -> Result<Vec<Envelope>, AgainError> {
    let store = place.runs()?;
    let (log, blobs) = (store.log(run)?, store.blobs());
    let whole = |line: &str| {
        let (mut event, _) = Envelope::parse(line)?;
        // a payload that is gone tells nothing
        let _ = event.move_in(|digest| blobs.get(digest));
        Some(event)
    };
    Ok(log.lines().filter_map(whole).collect())
}

fn touched_by(events: &[Envelope], to: Option<&str>) -> Touched {
    let begins =
        |event: &&Envelope| to.is_none_or(|to| event.node.as_deref() == Some(to) && event.path.is_none());
    let from = events.iter().find(begins).map_or(0, |event| event.seq);
    let mut asked: BTreeMap<u64, &Envelope> = BTreeMap::new();
    let mut touched = Touched::default();
    for event in events.iter().filter(|event| event.seq >= from) {
        let Some(call) = event.data.get("call").and_then(Value::as_u64) else { continue };
        match event.kind.as_str() {
            "call.started" => drop(asked.insert(call, event)),
            "call.finished" => {
                let several = event.data.get("results").and_then(Value::as_array).into_iter().flatten();
                for (at, result) in event.data.get("result").into_iter().chain(several).enumerate() {
                    note(event, asked.get(&call).copied(), (at, result), &mut touched);
                }
            }
            _ => {}
        }
    }
    touched.files.sort();
    touched.files.dedup();
    touched
}

fn note(event: &Envelope, asked: Option<&Envelope>, (at, result): (usize, &Value), touched: &mut Touched) {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let input = asked
        .and_then(|asked| asked.data.get("input").or_else(|| asked.data.get("calls")?.get(at)?.get("input")));
    let dry = input.is_some_and(|input| input["dry_run"] == true);
    if !dry && result["ok"] == true && matches!(result["tool"].as_str(), Some("apply_patch" | "rollback")) {
        let files = result["output"]["files"].as_array().into_iter().flatten();
        touched
            .files
            .extend(files.flat_map(|file| [text(file.get("path")), text(file.get("from"))]).flatten());
    }
    let input = asked
        .and_then(|asked| asked.data.get("input").or_else(|| asked.data.get("calls")?.get(at)?.get("input")));
    let program =
        text(input.and_then(|input| input.get("argv")?.get(0))).unwrap_or_else(|| "a command".to_owned());
    let node = event.node.as_deref().unwrap_or_default();
    let who = format!("`{}` (node `{}`, event {})", escaped(&program), escaped(node), event.seq);
    for layer in result["sandbox"].as_array().into_iter().flatten().filter(|layer| layer["in_force"] == true)
    {
        match layer["name"].as_str().unwrap_or_default().split_once(':') {
            Some(("unsafe_write", folder)) => {
                touched
                    .beyond
                    .push(format!("what {who} really wrote in `{}` (`unsafe_write`)", escaped(folder)));
            }
            Some(("workspace", "direct")) => {
                touched
                    .beyond
                    .push(format!("what {who} changed in the workspace itself (`workspace: direct`)"));
            }
            _ => {}
        }
    }
}

/// The layers of then, and those of now that were not among them, as ceilings: what is taken back is bound by both.
pub fn bound_by_both(then: &[FrozenLayer], now: &[FrozenLayer]) -> Vec<FrozenLayer> {
    let content = |layer: &FrozenLayer| Digest::of_json(&said(layer));
    let known: Vec<Digest> = then.iter().map(content).collect();
    let more = now.iter().filter(|layer| !known.contains(&content(layer)));
    let more = more.map(|layer| FrozenLayer { role: LayerRole::Ceiling, ..layer.clone() });
    then.iter().cloned().chain(more).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(seq: u64, kind: &str, node: &str, data: Value) -> Envelope {
        Envelope {
            run: "r".into(),
            seq,
            ts: String::new(),
            kind: kind.into(),
            node: Some(node.into()),
            path: None,
            iteration: Vec::new(),
            attempt: None,
            data: serde_json::from_value(data).unwrap(),
            prev: None,
        }
    }

    #[test]
    fn what_no_patch_takes_back_is_named_with_who_did_it() {
        let direct = json!([{ "name": "workspace:direct", "in_force": true }]);
        let unsafe_write = json!([{ "name": "unsafe_write:target", "in_force": true }]);
        let exec = |sandbox: Value| json!({ "call": 1, "result": { "ok": true, "tool": "exec", "output": {}, "sandbox": sandbox } });
        let files = json!({ "files": [{ "path": "b", "from": "a" }] });
        let events = [
            event(1, "call.started", "build", json!({ "call": 1, "input": { "argv": ["make", "all"] } })),
            event(2, "call.finished", "build", exec(unsafe_write)),
            event(3, "call.started", "fix", json!({ "call": 1, "input": { "argv": ["sed"] } })),
            event(4, "call.finished", "fix", exec(direct)),
            event(
                5,
                "call.finished",
                "fix",
                json!({ "call": 2, "results": [{ "ok": true, "tool": "apply_patch", "output": files }] }),
            ),
        ];
        let all = touched_by(&events, None);
        assert_eq!(all.files, ["a", "b"]);
        assert_eq!(
            all.beyond,
            [
                "what `make` (node `build`, event 2) really wrote in `target` (`unsafe_write`)",
                "what `sed` (node `fix`, event 4) changed in the workspace itself (`workspace: direct`)"
            ]
        );
        assert_eq!(touched_by(&events, Some("fix")).beyond.len(), 1);
    }

    #[test]
    fn layers_of_now_are_ceilings_beside_those_of_then() {
        let layer = |name: &str, role, text: &str| FrozenLayer {
            name: name.into(),
            role,
            text: text.into(),
            syntax: "yaml".into(),
            includes: Vec::new(),
        };
        let then = [layer("policy.yaml", LayerRole::Grant, "a")];
        let now = [layer("policy.yaml", LayerRole::Grant, "b"), layer("copy.yaml", LayerRole::Ceiling, "a")];
        let both = bound_by_both(&then, &now);
        assert_eq!(
            both.iter().map(|layer| (layer.role, layer.text.as_str())).collect::<Vec<_>>(),
            [(LayerRole::Grant, "a"), (LayerRole::Ceiling, "b")]
        );
    }
}
