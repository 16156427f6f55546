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
    for end in meanings.of_kind("call.finished") {
        let several = end.data.get("results").and_then(Value::as_array).into_iter().flatten();
        for result in end.data.get("result").into_iter().chain(several) {
            let wrote = result.get("ok") == Some(&Value::Bool(true))
                && matches!(result.get("tool").and_then(Value::as_str), Some("apply_patch" | "rollback"));
            let files = result.get("output").and_then(|output| output.get("files")?.as_array());
            for file in files.into_iter().flatten().filter(|_| wrote) {
                note(file, &mut found);
            }
        }
    }
    found
}

fn note(file: &Value, found: &mut BTreeMap<String, Value>) {
    let text = |name: &str| file.get(name).and_then(Value::as_str);
    let Some(path) = text("path") else { return };
    if let Some(from) = text("from").filter(|_| text("op") == Some("rename")) {
        found.insert(from.to_owned(), Value::Null);
    }
    found.insert(path.to_owned(), file.get("after").cloned().unwrap_or_default());
}
