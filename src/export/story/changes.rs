//! Which files a run changed, from the results of the calls that change them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{CallTold, Story, Undone};

/// A file that a call changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its path.
    pub path: String,
    /// `add`, `update`, `delete` or `rename`.
    pub op: String,
    /// The path that it had before.
    pub from: Option<String>,
    /// `sha256:…` of what was there before.
    pub before: Option<String>,
    /// `sha256:…` of what is there now; none where it is gone.
    pub after: Option<String>,
}

/// What one result says of files.
pub fn changes_of(result: &Value) -> Vec<Change> {
    if result.get("ok") != Some(&Value::Bool(true)) {
        return Vec::new();
    }
    let files = result.get("output").and_then(|output| output.get("files")).and_then(Value::as_array);
    let text = |file: &Value, name: &str| file.get(name).and_then(Value::as_str).map(str::to_owned);
    files
        .into_iter()
        .flatten()
        .filter_map(|file| {
            Some(Change {
                path: text(file, "path")?,
                op: text(file, "op")?,
                from: text(file, "from"),
                before: text(file, "before"),
                after: text(file, "after"),
            })
        })
        .collect()
}

impl Story {
    /// The files that it changed, as it left them: the digest of what is there, or none where it is gone. A file that is as
    /// it was before is one of them all the same.
    pub fn changed(&self) -> BTreeMap<String, Option<String>> {
        self.left_by(|call| call.recalled().is_none())
    }

    /// The files that earlier runs changed whose results it took over, as those left them: it did not touch them by that.
    pub fn taken_over(&self) -> BTreeMap<String, Option<String>> {
        self.left_by(|call| call.recalled().is_some())
    }

    fn left_by(&self, is_meant: impl Fn(&CallTold) -> bool) -> BTreeMap<String, Option<String>> {
        let mut files = BTreeMap::new();
        let changes = self.calls().filter(|(_, call)| is_a_change(&call.tool) && !is_dry(&call.input));
        for (_, call) in changes.filter(|(_, call)| is_meant(call)) {
            for change in changes_of(&call.result) {
                if let Some(from) = change.from.filter(|_| change.op == "rename") {
                    files.insert(from, None);
                }
                files.insert(change.path, change.after);
            }
        }
        files
    }

    /// The run whose changes this one has taken back, and how, if it has.
    pub fn takes_back(&self) -> Option<(&str, Undone)> {
        let mut changes = self.calls().filter(|(_, call)| is_a_change(&call.tool) && !is_dry(&call.input));
        changes.find_map(|(_, call)| {
            let undo = call.input.get("undo")?;
            let (of, to) = (undo.get("run")?.as_str()?, undo.get("to").and_then(Value::as_str));
            let from = to.filter(|to| *to != "start").map(str::to_owned);
            let undone = Undone { by: self.run.clone(), from };
            (!changes_of(&call.result).is_empty()).then_some((of, undone))
        })
    }
}

fn is_a_change(tool: &str) -> bool {
    matches!(tool, "apply_patch" | "rollback")
}

fn is_dry(input: &Value) -> bool {
    input.get("dry_run") == Some(&Value::Bool(true))
}
