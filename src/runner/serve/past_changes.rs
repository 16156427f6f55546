//! What runs changed, as their histories have it: of an earlier run whose results are taken over, and of the fork that does.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::effect::{
    ErrorKind, FileChange, Footprint, LeftFile, RecalledFrom, ReusableResult, ToolCall, ToolError,
    ToolResult, changed_files,
};
use crate::runner::ToolWorld;
use crate::runner::patch::{History, Past, TakenOver, Workshop, take_over};

use super::desk::Desk;

/// What calls of a run did, with the files as its history has them: in the trace something may be taken out of them.
pub(super) fn in_full(told: Vec<Footprint>, run: &str, world: &ToolWorld) -> Result<Vec<Footprint>, String> {
    let history = History::of(&world.state, run).and_then(|history| history.all());
    let history = history.map_err(|error| error.in_full())?;
    let of = |past: &Past| {
        let changes = past.files.iter().map(|file| {
            let after =
                file.after.map(|after| LeftFile { digest: after.digest, mode: after.mode().to_owned() });
            let before = file.before.map(|before| before.digest);
            (file.path.clone(), FileChange { before, after, untold: false })
        });
        changes.collect::<BTreeMap<String, FileChange>>()
    };
    let known: BTreeMap<String, _> =
        history.iter().map(|past| (ReusableResult::key_of(run, &past.key), of(past))).collect();
    let whole = |did: Footprint| match known.get(&did.key) {
        Some(files) if !did.files.is_empty() => Footprint { files: files.clone(), ..did },
        _ => did,
    };
    Ok(told.into_iter().map(whole).collect())
}

/// The run that made a change which `run` has, or has taken over.
pub(super) fn maker_of(run: &str, key: &str, world: &ToolWorld) -> Option<String> {
    let mut maker = run.to_owned();
    loop {
        let history = History::of(&world.state, &maker).and_then(|history| history.all()).ok()?;
        let mut taken = history.into_iter().filter(|past| ReusableResult::key_of(&maker, &past.key) == key);
        match taken.find_map(|past| past.taken_from) {
            Some(from) => maker = from,
            None => return Some(maker),
        }
    }
}

impl Desk {
    /// What a fork takes over of changes is a part of its history; else its own `rollback` would know nothing of it.
    pub(super) fn joins_history(&self, call: &ToolCall, known: &ToolResult) -> Result<(), ToolResult> {
        let recalled = known.recalled.as_ref().filter(|recalled| recalled.from == RecalledFrom::Run);
        let (Some(recalled), files) = (recalled, changed_files(known)) else { return Ok(()) };
        if files.is_empty() || call.input.get("dry_run") == Some(&Value::Bool(true)) {
            return Ok(());
        }
        let shop = Workshop { root: &self.world.root, state: &self.world.state };
        let taken =
            TakenOver { run: &call.run, node: &call.node, key: &call.idempotency_key, from: &recalled.run };
        let differs = |change: &FileChange| change.before != change.after.as_ref().map(|left| left.digest);
        let why = match take_over(shop, &taken) {
            Ok(found) if found || !files.values().any(differs) => return Ok(()),
            Ok(_) => format!(
                "the changes of `{}` in the run `{}` cannot be taken over: what they were is not kept any more",
                call.node, recalled.run
            ),
            Err(error) => error.in_full(),
        };
        Err(ToolResult::failure(&call.tool, ToolError::new(ErrorKind::Internal, why)))
    }
}
