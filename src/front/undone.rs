//! What of a run still stands, where parts of it were taken back: from which of its changes on nothing does. Starts nothing.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::effect::{ToolResult, changed_files, named_iteration};
use crate::ledger::Ledger;
use crate::store::RunId;
use crate::trace::Envelope;

use super::fork::node_of;
use super::undo::{StandingUndo, TakenBack, events, how, results_in, standing_undoes};
use super::{AgainError, Place};

/// A change of the workspace that a run has made and not rolled back.
struct Made {
    /// The node, behind the nodes around it: `outer/inner`.
    node: String,
    /// The execution that it was made in.
    path: String,
    /// The iteration of the node of the run's own graph.
    iteration: Vec<u32>,
}

/// By which run all was taken back, and stays so, that `run` has changed from the node `to` on; nothing where something of it
/// may stand, or it changed nothing there.
pub fn gone_from(place: &Place, run: &RunId, to: &str) -> Result<Option<TakenBack>, AgainError> {
    let store = place.runs()?;
    let ledger = Ledger::open(&place.state, &store.id())?;
    let undoes = standing_undoes(&store, &ledger, store.runs()?)?;
    let own: Vec<&StandingUndo> = undoes.iter().filter(|undone| undone.of == *run && undone.ended).collect();
    if own.is_empty() {
        return Ok(None);
    }
    let made = standing_changes(&events((&store, &ledger), run)?);
    let first = |named: &str| {
        let (node, iteration) = named_iteration(named)?;
        made.iter().position(|change| change.is_of(node) && change.iteration.starts_with(&iteration))
    };
    let Some(wanted) = first(to) else { return Ok(None) };
    let farther = |undone: &&&StandingUndo| match &undone.from {
        None => true,
        Some(from) => first(from).is_some_and(|first| first <= wanted),
    };
    Ok(own.iter().find(farther).map(|undone| how(undone)))
}

impl Made {
    fn is_of(&self, node: &str) -> bool {
        self.node.strip_prefix(node).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// Those that the run itself let stand, oldest first.
fn standing_changes(events: &[Envelope]) -> Vec<Made> {
    let mut made: Vec<Made> = Vec::new();
    for (event, input, result) in results_in(events.iter()) {
        let dry = input.is_some_and(|input| input["dry_run"] == true);
        let result: Option<ToolResult> = serde_json::from_value(result.clone()).ok();
        let Some(result) = result.filter(|result| !dry && result.ok && result.recalled.is_none()) else {
            continue;
        };
        let files: BTreeSet<String> = changed_files(&result).into_keys().collect();
        if result.tool == "rollback" {
            roll_back(&mut made, event, input);
        } else if !files.is_empty() {
            let (path, (_, iteration)) = (event.path.clone().unwrap_or_default(), node_of(event));
            made.push(Made { node: node_path(event), path, iteration });
        }
    }
    made
}

/// What a node of the run rolled back is not there to be taken back.
fn roll_back(made: &mut Vec<Made>, event: &Envelope, input: Option<&Value>) {
    let path = event.path.clone().unwrap_or_default();
    let from = match input.and_then(|input| input["to"].as_str()) {
        None | Some("start") => 0,
        Some(to) => {
            let whole = node_path(event);
            let around = whole.rfind('/').map_or("", |end| &whole[..=end]);
            let named = format!("{around}{to}");
            let here = |change: &Made| change.path.starts_with(&path) && change.is_of(&named);
            made.iter().position(here).unwrap_or(made.len())
        }
    };
    made.truncate(from);
}

/// `outer/inner`, out of the execution `outer#2[3]!1` and the node in it.
fn node_path(event: &Envelope) -> String {
    let around = event.path.as_deref().unwrap_or_default().split('/').filter(|step| !step.is_empty());
    let names = around.map(|step| step.split(['#', '[', '!']).next().unwrap_or_default());
    names.chain(event.node.as_deref()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(n: u64, path: Option<&str>, node: &str, input: &Value, result: &ToolResult) -> [Envelope; 2] {
        ["call.started", "call.finished"].map(|kind| Envelope {
            run: "r".into(),
            seq: n,
            ts: String::new(),
            kind: kind.into(),
            node: Some(node.into()),
            path: path.map(str::to_owned),
            iteration: Vec::new(),
            attempt: None,
            data: serde_json::from_value(json!({ "call": n, "input": input, "result": result })).unwrap(),
            prev: None,
        })
    }

    #[test]
    fn what_the_run_rolled_back_does_not_count() {
        let output = json!({ "files": [{ "op": "add", "path": "a", "after": "x", "mode": "100644" }] });
        let patch = ToolResult::success("apply_patch", output.clone());
        let back = ToolResult::success("rollback", output);
        let put = json!({});
        let events: Vec<Envelope> = [
            call(1, None, "one", &put, &patch),
            call(2, None, "two", &json!({ "dry_run": true }), &patch),
            call(3, Some("outer#2!1"), "in", &put, &patch),
            call(4, Some("outer#2!1"), "later", &put, &patch),
            call(5, Some("outer#2!1"), "back", &json!({ "to": "later" }), &back),
            call(6, None, "last", &put, &patch),
        ]
        .concat();
        let made = standing_changes(&events);
        let nodes: Vec<&str> = made.iter().map(|change| change.node.as_str()).collect();
        assert_eq!(nodes, ["one", "outer/in", "last"]);
        assert!(made[1].is_of("outer") && made[1].is_of("outer/in") && !made[1].is_of("out"));
        let all =
            call(7, None, "undo", &json!({ "to": "start" }), &ToolResult::success("rollback", json!({})));
        assert!(standing_changes(&[events, all.to_vec()].concat()).is_empty());
    }
}
