//! What a call did to the files of a workspace, as its result tells.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::Digest;

use super::{LeftFile, ReusableResult, ToolResult};

/// A place in the order of a run's events: the number of one, and the place in its list of calls.
pub type At = (u64, usize);

/// What a call did to the files of its workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Footprint {
    /// The call's key, without its run.
    pub key: String,
    /// Where its end stands in its run.
    pub at: At,
    /// By path.
    pub files: BTreeMap<String, FileChange>,
    /// Was it a command that may have changed more than anybody knows?
    pub beyond: bool,
    /// Was nothing done, because an earlier call's result was taken over?
    pub recalled: bool,
}

/// A file before a call and behind it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// The bytes that stood there; none where nothing did.
    pub before: Option<Digest>,
    /// What stands there; none where nothing does.
    pub after: Option<LeftFile>,
    /// Is it not told what the bytes are, because something was taken out of the result? Then neither of both counts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub untold: bool,
}

impl Footprint {
    /// Of a call of `run` that asked for `input`.
    pub fn of(run: &str, key: &str, at: At, input: &Value, result: &ToolResult) -> Self {
        let tried = input.get("dry_run") == Some(&Value::Bool(true));
        Self {
            key: ReusableResult::key_of(run, key),
            at,
            files: if tried { BTreeMap::new() } else { changed_files(result) },
            beyond: result.recalled.is_none() && works_directly(result),
            recalled: result.recalled.is_some(),
        }
    }

    /// The node of the run's own graph whose call it was.
    pub fn node(&self) -> &str {
        self.key.split(['#', '[', '!']).next().unwrap_or_default()
    }
}

/// The files that a patch, or the taking back of one, has changed.
pub fn changed_files(result: &ToolResult) -> BTreeMap<String, FileChange> {
    let mut found = BTreeMap::new();
    if !result.ok || !matches!(result.tool.as_str(), "apply_patch" | "rollback") {
        return found;
    }
    for file in result.output["files"].as_array().into_iter().flatten() {
        let text = |name: &str| file[name].as_str().map(str::to_owned);
        let digest = |name: &str| text(name).and_then(|digest| digest.parse::<Digest>().ok());
        let (from, before) = (text("from").filter(|_| file["op"] == "rename"), digest("before"));
        // a digest that is there and is none was keyed
        let untold = ["before", "after"].iter().any(|name| text(name).is_some() && digest(name).is_none());
        let moved = from.is_some();
        if let Some(from) = from {
            found.insert(from, FileChange { before, after: None, untold });
        }
        let after = digest("after").zip(text("mode")).map(|(digest, mode)| LeftFile { digest, mode });
        if let Some(path) = text("path") {
            found.insert(path, FileChange { before: before.filter(|_| !moved), after, untold });
        }
    }
    found
}

/// Was it a command that had the workspace itself, or a folder of it, to write in?
fn works_directly(result: &ToolResult) -> bool {
    let mut in_force = result.sandbox.iter().filter(|layer| layer.in_force);
    in_force.any(|layer| layer.name == "workspace:direct" || layer.name.starts_with("unsafe_write:"))
}
