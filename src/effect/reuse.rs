//! What a run may take over from an earlier one instead of doing it again: results, by the calls that they were made for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::digest::Digest;

use super::{At, Footprint, ToolCall, ToolResult};

/// The results of an earlier run that a run forked from it may take over.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Reuse {
    /// The earlier run.
    pub run: String,
    /// Its results.
    pub results: Vec<ReusableResult>,
    /// What its patches among them left at each path that they touched: what must stand there, or nothing is taken over.
    pub left: BTreeMap<String, Option<LeftFile>>,
    /// What all its calls have changed, in the order of their ends.
    pub changes: Vec<Footprint>,
    /// The runs that the earlier one was forked from, the last first, with what their calls have changed: what it did not come to
    /// of that may stand there, too. None before one that took nothing over.
    #[serde(default)]
    pub earlier: Vec<(String, Vec<Footprint>)>,
    /// What the run itself has done by now, where it is gone on with.
    pub done: Vec<Footprint>,
}

/// A result that may be taken over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReusableResult {
    /// The call's key, without its run.
    pub key: String,
    /// What was asked.
    pub asked: Digest,
    /// When it was made, in milliseconds since 1970.
    pub at: u64,
    /// Where it began in its run.
    pub began: At,
    /// What it came to.
    pub result: ToolResult,
}

/// A file as a patch left it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftFile {
    /// Of its bytes.
    pub digest: Digest,
    /// `100644` or `100755`
    pub mode: String,
}

impl ReusableResult {
    /// The digest of what a call asks: its tool and its parameters.
    pub fn asks(tool: &str, input: &serde_json::Value) -> Digest {
        Digest::of_json(&json!([tool, input]))
    }

    /// A call's key without its run, and without how often it was asked before: a call that a person has approved is the same
    /// one again (`patch!1+1`).
    pub fn key_of(run: &str, key: &str) -> String {
        let own = key.strip_prefix(run).and_then(|key| key.strip_prefix('/')).unwrap_or(key);
        let mut parts = own.split('+');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |all, part| all + part.trim_start_matches(|c: char| c.is_ascii_digit()))
    }

    /// Is it the answer to this call?
    pub fn answers(&self, call: &ToolCall) -> bool {
        self.asked == Self::asks(&call.tool, &call.input)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_in_another_run_and_a_call_by_all_that_it_asks() {
        assert_eq!(ReusableResult::key_of("r1", "r1/turn#2!1"), "turn#2!1");
        assert_eq!(ReusableResult::key_of("r1", "r12/turn"), "r12/turn");
        assert_eq!(ReusableResult::key_of("r1", "r1/patch!1+1"), "patch!1");
        assert_eq!(ReusableResult::key_of("r1", "r1/outer!1/list#2!1+2/0"), "outer!1/list#2!1/0");
        let call = |path: &str| ToolCall::new("read_file", json!({ "path": path }));
        let asked = ReusableResult::asks("read_file", &json!({ "path": "a" }));
        let known = ReusableResult {
            key: "n!1".into(),
            asked,
            at: 0,
            began: (0, 0),
            result: ToolResult::success("read_file", json!({})),
        };
        assert!(known.answers(&call("a")) && !known.answers(&call("b")));
    }
}
