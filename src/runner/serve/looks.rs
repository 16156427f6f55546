//! What calls look at of the workspace before they come to something.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::effect::ToolCall;
use crate::files::{EntryKind, FileError, RelPath, Root};
use crate::patch::paths_of_patch;
use crate::runner::ToolWorld;
use crate::runner::patch::History;

/// Is what a call comes to not of the workspace?
pub(super) fn is_elsewhere(call: &ToolCall) -> bool {
    matches!(call.tool.as_str(), "llm" | "http")
}

/// What a call looks at of the workspace before it comes to something.
#[derive(Debug)]
pub(super) enum Looks {
    /// At these paths.
    At(BTreeSet<String>),
    /// Nobody knows.
    Everywhere,
}

impl Looks {
    pub(super) fn of(call: &ToolCall, world: &ToolWorld) -> Self {
        let Some(named) = Self::named(call, world) else { return Self::Everywhere };
        // what lies behind a link has another path
        let mut paths = BTreeSet::new();
        for path in named {
            match RelPath::parse(&path) {
                Ok(path) if !is_behind_a_link(&world.root, &path) => paths.insert(path.to_string()),
                _ => return Self::Everywhere,
            };
        }
        Self::At(paths)
    }

    /// The paths as they are named, where no other is looked at.
    fn named(call: &ToolCall, world: &ToolWorld) -> Option<Vec<String>> {
        let input = &call.input;
        match call.tool.as_str() {
            _ if is_elsewhere(call) => Some(Vec::new()),
            "read_file" => Some(vec![input["path"].as_str()?.to_owned()]),
            "apply_patch" => {
                let patch = input["patch"].as_str().and_then(|patch| paths_of_patch(patch).ok());
                let changes = input["changes"].as_array().into_iter().flatten();
                // what is put stands afterwards, whatever was there
                let changes = changes.filter(|change| change["op"] != "put");
                let changes = changes.flat_map(|change| [&change["path"], &change["to"]]);
                let expected = input["expect"].as_object().into_iter().flat_map(|expected| expected.keys());
                let named = changes.filter_map(Value::as_str).chain(expected.map(String::as_str));
                Some(patch.into_iter().flatten().chain(named.map(str::to_owned)).collect())
            }
            "rollback" => {
                let changed = History::of(&world.state, &call.run).and_then(|history| history.standing());
                Some(History::states(&changed.ok()?).into_keys().collect())
            }
            _ => None,
        }
    }

    pub(super) fn at(&self, path: &str) -> bool {
        match self {
            Self::At(paths) => paths.contains(path),
            Self::Everywhere => true,
        }
    }
}

/// The paths that a patch puts something at without saying with which mode: where a file stands, it keeps its own.
pub(super) fn keeps_modes(call: &ToolCall) -> BTreeSet<String> {
    let changes = call.input["changes"].as_array().filter(|_| call.tool == "apply_patch");
    let puts =
        changes.into_iter().flatten().filter(|change| change["op"] == "put" && change["mode"].is_null());
    let paths = puts.filter_map(|change| RelPath::parse(change["path"].as_str()?).ok());
    paths.map(|path| path.to_string()).collect()
}

/// Is a part of the path a link, or can't be looked at?
fn is_behind_a_link(root: &Root, path: &RelPath) -> bool {
    let above = |path: &RelPath| path.split().map(|(folder, _)| folder).filter(|folder| !folder.is_root());
    let mut parts = std::iter::successors(Some(path.clone()), above);
    parts.any(|part| match root.facts(&part) {
        Ok(facts) => facts.kind == EntryKind::Link,
        Err(FileError::NotFound { .. }) => false,
        Err(_) => true,
    })
}
