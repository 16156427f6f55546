//! Results of the run that this one was forked from. The front has taken them from a trace that agrees with the receipts, and
//! says which may be used; here each is held against the call that is made, and the patches among them against the workspace.

use std::collections::BTreeMap;

use crate::effect::{Recalled, RecalledFrom, ReusableResult, Reuse, ToolCall, ToolResult};
use crate::files::RelPath;
use crate::policy::Asked;
use crate::runner::ToolWorld;
use crate::runner::patch::Version;

use super::desk::{Desk, unrecorded};

/// What may be taken over, by the keys of the calls.
#[derive(Debug, Default)]
pub(super) struct Reused {
    run: String,
    results: BTreeMap<String, ReusableResult>,
}

impl Reused {
    /// Takes what the front offers, where the workspace is as the patches among it left it; else names what is not.
    pub(super) fn of(offered: Option<Reuse>, world: &ToolWorld) -> Result<Self, String> {
        let Some(Reuse { run, results, left }) = offered else { return Ok(Self::default()) };
        let stands = |(path, left): &(&String, &Option<crate::effect::LeftFile>)| {
            let now = RelPath::parse(path).ok().and_then(|path| Version::read(&world.root, &path).ok());
            let now = now.map(|version| {
                version.map(|version| (version.content.digest(), version.content.mode().as_str().to_owned()))
            });
            now == Some(left.as_ref().map(|left| (left.digest, left.mode.clone())))
        };
        let moved_on: Vec<String> =
            left.iter().filter(|file| !stands(file)).map(|(path, _)| format!("`{path}`")).collect();
        if !moved_on.is_empty() {
            return Err(format!(
                "the workspace is not as the patches that would be taken over from the run `{run}` left it: {}",
                moved_on.join(", ")
            ));
        }
        let results = results.into_iter().map(|result| (result.key.clone(), result)).collect();
        Ok(Self { run, results })
    }

    /// What the earlier run has for a call; marked as what it is.
    pub(super) fn answer_to(&self, call: &ToolCall) -> Option<ToolResult> {
        let known = self.results.get(&ReusableResult::key_of(&call.run, &call.idempotency_key))?;
        let recalled = Recalled { from: RecalledFrom::Run, run: self.run.clone(), at: known.at };
        known.answers(call).then(|| ToolResult {
            recalled: Some(Box::new(recalled)),
            passed_over: None,
            ..known.result.clone()
        })
    }
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
        if let Err(why) = self.receipts.recalled(call, &result) {
            return unrecorded(call, &why);
        }
        self.gate.note_recalled(asked, &result);
        self.held.note(call, &result);
        self.counters.charge(call, &result);
        result
    }
}
