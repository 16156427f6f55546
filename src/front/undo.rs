//! What taking back an earlier run is bound by, and what of that run no patch can take back. Says as well which runs were
//! taken back. Starts nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::digest::Digest;
use crate::effect::{FrozenLayer, LayerRole, named_iteration};
use crate::ledger::Ledger;
use crate::store::{RunId, Store};
use crate::trace::Envelope;
use crate::view::escaped;

use super::again::said;
use super::on_record::sealed_log;
use super::origin::Origin;
use super::past_runs::began;
use super::{AgainError, Place};

/// What a run did to the workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// The files that its patches touched, by name.
    pub files: Vec<String>,
    /// The files that patches of earlier runs touched whose results it took over: it changed none of them by that.
    pub taken_over: Vec<String>,
    /// What its commands changed without a patch, so that nobody knows what was there before: a sentence for each.
    pub beyond: Vec<String>,
}

/// The graph of a run that takes another one back; it is part of the program.
pub const UNDO: &str = "undo";
/// What it is told to go back to where it takes back the whole run.
pub const START: &str = "start";

/// What a run did to the workspace, as its trace tells; from the first event of the node `to` on, where one is named.
pub fn touched(place: &Place, run: &RunId, to: Option<&str>) -> Result<Touched, AgainError> {
    Ok(touched_by(&events_of(place, run)?, to))
}

/// How a run was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenBack {
    /// The run that did it, and still stands.
    pub by: RunId,
    /// The node from whose changes on, where it was not the whole run.
    pub from: Option<String>,
}

impl TakenBack {
    /// In words, behind `was`.
    pub fn words(&self) -> String {
        let from = self.from.as_ref().map(|node| format!(" from `{}` on", escaped(node)));
        format!("taken back{} by {}", from.unwrap_or_default(), self.by)
    }
}

/// How `run` was taken back, if that stands: nothing where that was taken back in its turn.
pub fn taken_back_by(place: &Place, run: &RunId) -> Result<Option<TakenBack>, AgainError> {
    let store = place.runs()?;
    let ledger = Ledger::open(&place.state, &store.id())?;
    Ok(taken_back(&standing_undoes(&store, &ledger, store.runs()?)?).remove(run))
}

/// Which runs were taken back by these, and how.
pub(super) fn taken_back(undoes: &[StandingUndo]) -> BTreeMap<RunId, TakenBack> {
    let mut found = BTreeMap::new();
    for undone in undoes {
        let known: &mut TakenBack = found.entry(undone.of.clone()).or_insert_with(|| how(undone));
        // of several the latest counts, which goes back the farthest: nothing is beyond all of it
        if known.from.is_some() {
            *known = how(undone);
        }
    }
    found
}

/// How a run was taken back by this one.
pub(super) fn how(undone: &StandingUndo) -> TakenBack {
    TakenBack { by: undone.by.clone(), from: undone.from.clone() }
}

/// A run that took another one back, which stands.
#[derive(Debug)]
pub(super) struct StandingUndo {
    pub(super) by: RunId,
    pub(super) of: RunId,
    pub(super) from: Option<String>,
    /// Is it known what it has taken back, because it came to its end?
    pub(super) ended: bool,
}

/// The runs that took others back and were not taken back themselves, oldest first; `among` has all that may have done it.
pub(super) fn standing_undoes(
    store: &Store,
    ledger: &Ledger,
    among: Vec<RunId>,
) -> Result<Vec<StandingUndo>, AgainError> {
    let mut found = Vec::new();
    for undo in among {
        let Some(of) = Origin::of(store, ledger, &undo).undoes else { continue };
        found.extend(change_of((store, ledger), &undo)?.map(|change| (change, undo, of)));
    }
    let (mut undoes, mut told) = (Vec::new(), BTreeMap::new());
    for (change, undo, of) in &found {
        let stood_still =
            found.iter().any(|(later, by, undone)| undone == undo && change.settled_by(later, by));
        if let Change::Some { from, ended, .. } = change
            && !stood_still
        {
            told.insert(undo.clone(), (from.clone(), *ended));
            undoes.push((undo.clone(), of.clone()));
        }
    }
    undoes.sort();
    let stands = |undo: &RunId| !is_undone(undo, &undoes, &mut BTreeSet::new());
    let standing = undoes.iter().filter(|(undo, _)| stands(undo));
    Ok(standing
        .map(|(by, of)| {
            let (from, ended) = told.remove(by).unwrap_or_default();
            StandingUndo { by: by.clone(), of: of.clone(), from, ended }
        })
        .collect())
}

/// Was a run taken back by one that was not taken back itself? `asked` are those that are asked about already.
fn is_undone(run: &RunId, undoes: &[(RunId, RunId)], asked: &mut BTreeSet<RunId>) -> bool {
    asked.insert(run.clone()) && undoes.iter().any(|(undo, of)| of == run && !is_undone(undo, undoes, asked))
}

/// What a run that takes another one back has come to.
enum Change {
    /// It has changed nothing; it ended well, and was to take all back.
    None { looked_at_all: bool },
    /// It has changed something, or may have.
    Some {
        /// The node from which on it was to take back; none for the whole.
        from: Option<String>,
        /// When it broke off, if it did: what it had done until then is not known.
        broke_off: Option<String>,
        /// Did it come to its end, or to a question?
        ended: bool,
    },
}

impl Change {
    /// Did this break off, and did a run that was to take it back find later that it had changed nothing?
    fn settled_by(&self, later: &Self, by: &RunId) -> bool {
        let Self::Some { broke_off: Some(when), .. } = self else { return false };
        // to the second: a run is not begun in the one in which another breaks off
        let second = |time: &str| time.get(..SECOND.len()).map(str::to_owned);
        matches!(later, Self::None { looked_at_all: true }) && second(when) <= second(&began(by))
    }
}

/// A time to the second.
const SECOND: &str = "2000-01-01T00:00:00";

/// What it has come to; nothing where it is not kept any more.
fn change_of(place: (&Store, &Ledger), undo: &RunId) -> Result<Option<Change>, AgainError> {
    let events = match events(place, undo) {
        Err(AgainError::Store(error)) if error.is_of_one_run() && !error.is_damage() => return Ok(None),
        // nobody knows whether it had begun to take back
        Err(error) if error.is_of_one_run() || error.is_damage() => {
            return Ok(Some(Change::Some { from: None, broke_off: None, ended: false }));
        }
        events => events?,
    };
    let to = events.first().and_then(|first| first.data.get("inputs")?.get("to")?.as_str());
    let from = to.filter(|to| *to != START).map(str::to_owned);
    let last = events.last();
    let kind = last.map(|event| event.kind.as_str()).unwrap_or_default();
    let ended = matches!(kind, "run.finished" | "run.suspended");
    if ended && touched_by(&events, None).files.is_empty() {
        let status = last.and_then(|last| last.data.get("status")?.as_str());
        return Ok(Some(Change::None { looked_at_all: from.is_none() && status == Some("succeeded") }));
    }
    let broke_off = last.filter(|_| !ended).map(|last| last.ts.clone());
    Ok(Some(Change::Some { from, broke_off, ended }))
}

/// The events of a run of this workspace.
pub(super) fn events_of(place: &Place, run: &RunId) -> Result<Vec<Envelope>, AgainError> {
    let store = place.runs()?;
    let ledger = Ledger::open(&place.state, &store.id())?;
    events((&store, &ledger), run)
}

/// The events of a run, payloads in their places, where they are what this installation has recorded.
pub(super) fn events((store, ledger): (&Store, &Ledger), run: &RunId) -> Result<Vec<Envelope>, AgainError> {
    let (log, blobs) = (sealed_log(store, ledger, run)?, store.blobs());
    let whole = |line: &str| {
        let (mut event, _) = Envelope::parse(line)?;
        // a payload that is gone tells nothing
        let _ = event.move_in(|digest| blobs.get(digest));
        Some(event)
    };
    Ok(log.lines().filter_map(whole).collect())
}

fn touched_by(events: &[Envelope], to: Option<&str>) -> Touched {
    let to = to.map(|to| named_iteration(to).unwrap_or((to, Vec::new())));
    let begins = |event: &&Envelope| {
        to.as_ref().is_none_or(|(node, iteration)| {
            event.node.as_deref() == Some(*node)
                && event.path.is_none()
                && event.iteration.starts_with(iteration)
        })
    };
    let from = events.iter().find(begins).map_or(0, |event| event.seq);
    let mut touched = Touched::default();
    for (event, input, result) in results_in(events.iter().filter(|event| event.seq >= from)) {
        note(event, input, result, &mut touched);
    }
    for files in [&mut touched.files, &mut touched.taken_over] {
        files.sort();
        files.dedup();
    }
    touched
}

/// Each result that events of a run tell, with its event and what was asked for it.
pub(super) fn results_in<'e>(
    events: impl Iterator<Item = &'e Envelope>,
) -> Vec<(&'e Envelope, Option<&'e Value>, &'e Value)> {
    let (mut asked, mut found) = (BTreeMap::<u64, &Envelope>::new(), Vec::new());
    for event in events {
        let Some(call) = event.data.get("call").and_then(Value::as_u64) else { continue };
        match event.kind.as_str() {
            "call.started" => drop(asked.insert(call, event)),
            "call.finished" => {
                let asked = asked.get(&call).copied();
                let several = event.data.get("results").and_then(Value::as_array).into_iter().flatten();
                for (at, result) in event.data.get("result").into_iter().chain(several).enumerate() {
                    let input = asked.and_then(|asked| {
                        asked.data.get("input").or_else(|| asked.data.get("calls")?.get(at)?.get("input"))
                    });
                    found.push((event, input, result));
                }
            }
            _ => {}
        }
    }
    found
}

fn note(event: &Envelope, input: Option<&Value>, result: &Value, touched: &mut Touched) {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let dry = input.is_some_and(|input| input["dry_run"] == true);
    // what an earlier call came to was not done again
    let recalled = !result["recalled"].is_null();
    if !dry && result["ok"] == true && matches!(result["tool"].as_str(), Some("apply_patch" | "rollback")) {
        let files = result["output"]["files"].as_array().into_iter().flatten();
        let files = files.flat_map(|file| [text(file.get("path")), text(file.get("from"))]).flatten();
        if recalled { touched.taken_over.extend(files) } else { touched.files.extend(files) }
    }
    if recalled {
        return;
    }
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
    fn an_undo_that_was_taken_back_takes_nothing_back() {
        let id = |n: u8| RunId::new(1, [n; 10]);
        // 1 is taken back by 2, which 3 takes back, which 5 takes back; 4 had taken 1 back once more, and stands no more
        let undoes = [(id(2), id(1)), (id(3), id(2)), (id(5), id(3)), (id(4), id(1)), (id(6), id(4))];
        let is = |n: u8, undoes: &[(RunId, RunId)]| is_undone(&id(n), undoes, &mut BTreeSet::new());
        assert_eq!([1, 2, 3, 4, 5].map(|n| is(n, &undoes)), [true, false, true, true, false]);
        assert!(!is(1, &undoes[1..2]) && !is(1, &undoes[..2]));
        // whatever a ledger says, it comes to an end
        is(1, &[(id(1), id(2)), (id(2), id(1))]);
    }

    #[test]
    fn layers_of_now_are_ceilings_beside_those_of_then() {
        let layer = |name: &str, role, text: &str| FrozenLayer {
            name: name.into(),
            role,
            text: text.into(),
            syntax: "yaml".into(),
            includes: Vec::new(),
            within: BTreeSet::new(),
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
