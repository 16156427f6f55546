//! Results of the run that this one was forked from. The front has taken them from a trace that agrees with the receipts, and
//! says which may be used; here each is held against the call that is made, and the patches among them against the workspace.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::Value;

use crate::effect::{
    At, Footprint, LeftFile, Recalled, RecalledFrom, ReusableResult, Reuse, ToolCall, ToolResult,
    changed_files, iteration_name, iteration_of_key,
};
use crate::files::{RelPath, Root};
use crate::policy::Asked;
use crate::runner::ToolWorld;
use crate::runner::patch::Version;

use super::desk::{Desk, unrecorded};
use super::footing::{Ahead, Footing};
use super::known::Known;
use super::looks::{Looks, is_elsewhere, keeps_modes};
use super::past_changes::{in_full, maker_of};

/// Behind everything that was done before.
const NOW: At = (u64::MAX, 0);

/// What may be taken over, by the keys of the calls.
#[derive(Debug, Default)]
pub(super) struct Reused {
    run: String,
    results: BTreeMap<String, ReusableResult>,
    footing: Mutex<Footing>,
    /// Why no call is answered any more.
    stopped: OnceLock<String>,
}

impl Reused {
    /// Takes what the front offers, where the workspace is as the patches among it left it; else names what is not.
    pub(super) fn of(offered: Option<Reuse>, own: &str, world: &ToolWorld) -> Result<Self, String> {
        let Some(Reuse { run, results, left, changes, earlier, done }) = offered else {
            return Ok(Self::default());
        };
        let (changes, done) = (in_full(changes, &run, world)?, in_full(done, own, world)?);
        let earlier = earlier.into_iter().map(|(run, did)| Ok((run.clone(), in_full(did, &run, world)?)));
        let earlier = earlier.collect::<Result<Vec<_>, String>>()?;
        let moved_on: Vec<String> = left
            .iter()
            .filter(|(path, left)| !standing(&world.root, path).is_ok_and(|now| now == **left))
            .map(|(path, _)| format!("`{path}`"))
            .collect();
        if !moved_on.is_empty() {
            return Err(format!(
                "the workspace is not as the patches that would be taken over from the run `{run}` left it: {}",
                moved_on.join(", ")
            ));
        }
        let mut footing = Footing::beside(changes, earlier);
        let stands = |path: &str| standing(&world.root, path).unwrap_or_default();
        for did in &done {
            footing.note(did, &stands);
        }
        // it may have looked at all of it
        let ahead =
            if done.is_empty() || footing.is_joined() { None } else { footing.ahead(&|_| true, &stands) };
        if let Some(ahead) = ahead {
            footing.part(ahead);
        }
        let results = results.into_iter().map(|result| (result.key.clone(), result)).collect();
        Ok(Self { run, results, footing: Mutex::new(footing), stopped: OnceLock::new() })
    }

    /// What the earlier run has for a call; marked as what it is. What it has seen of the workspace, or changed in it, must be
    /// there still.
    pub(super) fn known_of(&self, call: &ToolCall, root: &Root) -> Known {
        let known = self.results.get(&ReusableResult::key_of(&call.run, &call.idempotency_key));
        let Some(known) = known.filter(|known| known.answers(call)) else { return Known::Nothing };
        if let Some(why) = self.moved_on(call, known, root) {
            return Known::PassedOver(why);
        }
        let recalled = Recalled { from: RecalledFrom::Run, run: self.run.clone(), at: known.at };
        Known::Result(Box::new(ToolResult {
            recalled: Some(Box::new(recalled)),
            passed_over: None,
            ..known.result.clone()
        }))
    }

    /// The same, where it answers the call.
    pub(super) fn answer_to(&self, call: &ToolCall, root: &Root) -> Option<ToolResult> {
        match self.known_of(call, root) {
            Known::Result(known) => Some(*known),
            Known::PassedOver(_) | Known::Nothing => None,
        }
    }

    /// Why a result does not hold any more in the workspace that this run has made.
    fn moved_on(&self, call: &ToolCall, known: &ReusableResult, root: &Root) -> Option<String> {
        let tried = call.input.get("dry_run") == Some(&Value::Bool(true));
        match call.tool.as_str() {
            _ if is_elsewhere(call) => None,
            "apply_patch" | "rollback" if known.result.ok && !tried => {
                let stands = |path: &str| standing(root, path).unwrap_or_default();
                let footing = self.footing();
                let otherwise = footing.left_otherwise(&changed_files(&known.result), &stands);
                otherwise.or_else(|| footing.parted())
            }
            _ => {
                let footing = self.footing();
                footing.seen_otherwise(known.began).or_else(|| footing.parted())
            }
        }
    }

    /// Why a call cannot be made: it would look at what the earlier run did only later, and what it comes to would be beside
    /// what was taken over of before. Where nothing was taken over yet, it is made, and nothing is from then on.
    pub(super) fn stops(&self, call: &ToolCall, world: &ToolWorld) -> Option<String> {
        if self.results.is_empty() {
            return None;
        }
        let (looks, mut footing) = (Looks::of(call, world), self.footing());
        let stands = |path: &str| standing(&world.root, path).unwrap_or_default();
        let keeps = keeps_modes(call);
        let sees = |path: &str| looks.at(path) || keeps.contains(path) && footing.has_several_modes(path);
        let ahead = footing.ahead(&sees, &stands)?;
        if !footing.is_joined() {
            footing.part(ahead);
            return None;
        }
        let (when, Ahead { path, key, .. }) = (ahead.when(), &ahead);
        let (node, iteration) = iteration_of_key(key);
        let node = iteration_name(node, &iteration);
        let run = ahead.run.as_ref().unwrap_or(&self.run);
        let maker = maker_of(run, key, world).unwrap_or_else(|| run.clone());
        let why = format!(
            "`{}` would look at `{path}` as `{node}` left it {when}in the run `{run}`, which this one has not come to; take back this \
             one, and then that (`lgflow runs undo {}`, `lgflow runs undo {maker} --to '{node}'`), and fork from `{node}` or from before it",
            call.node, call.run,
        );
        // of several the first is told
        let _ = self.stopped.set(why.clone());
        Some(why)
    }

    /// Why no call is answered any more, where that is so.
    pub(super) fn stopped(&self) -> Option<&str> {
        self.stopped.get().map(String::as_str)
    }

    /// A call was answered with what was known of it.
    pub(super) fn took_over(&self, call: &ToolCall, result: &ToolResult) {
        if !self.results.is_empty() && !is_elsewhere(call) {
            let did = Footprint::of(&call.run, &call.idempotency_key, NOW, &call.input, result);
            self.footing().note(&did, &|_| None);
        }
    }

    /// A call was made, whatever it came to.
    pub(super) fn made(&self, call: &ToolCall, result: &ToolResult, world: &ToolWorld) {
        if self.results.is_empty() {
            return;
        }
        let did = Footprint::of(&call.run, &call.idempotency_key, NOW, &call.input, result);
        // of a command that was ended early its result does not say where it could write
        let beyond = did.beyond || call.tool == "exec" && !result.ok && world.memory.first_direct().is_some();
        let stands = |path: &str| standing(&world.root, path).unwrap_or_default();
        self.footing().note(&Footprint { beyond, ..did }, &stands);
    }

    /// A thread that panicked while it held the lock leaves what was noted.
    fn footing(&self) -> MutexGuard<'_, Footing> {
        self.footing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// It cannot be looked at.
#[derive(Debug)]
struct Unseen;

/// What stands at a path.
fn standing(root: &Root, path: &str) -> Result<Option<LeftFile>, Unseen> {
    let path = RelPath::parse(path).map_err(|_| Unseen)?;
    let version = Version::read(root, &path).map_err(|_| Unseen)?;
    Ok(version.map(|version| LeftFile {
        digest: version.content.digest(),
        mode: version.content.mode().as_str().to_owned(),
    }))
}

impl Desk {
    /// Answers a call that asks with what the earlier run has for it: nothing is done, so there is nothing to approve. Who
    /// approved it then is in that run's trace.
    pub(super) fn recall_unasked(&self, asked: &Asked<ToolCall>, known: ToolResult) -> ToolResult {
        let call = asked.request();
        if let Err(error) = self.count(call) {
            return ToolResult::failure(&call.tool, error);
        }
        let rules = asked.verdict().reasons.iter().map(|reason| reason.rule.clone()).collect();
        let result = ToolResult { rules, ..known };
        if let Err(why) = self.joins_history(call, &result) {
            return why;
        }
        if let Err(why) = self.receipts.recalled(call, &result) {
            return unrecorded(call, &why);
        }
        self.gate.note_recalled(asked, &result);
        self.reused.took_over(call, &result);
        self.held.note(call, &result);
        self.counters.charge(call, &result);
        result
    }
}
