//! Results of tools that only read, kept for later calls. Such a result is a function of the parameters, the policy, the
//! program and what was seen of the workspace: the first three are its key, and the last is looked at again before the
//! result is believed. Whatever is in doubt is not kept, and whatever was kept by anybody else is passed over.

use serde_json::{Value, json};

use crate::digest::Digest;
use crate::effect::{Recalled, RecalledFrom, ToolCall, ToolResult};
use crate::files::Sight;
use crate::ledger::{Cache, CachedResult, Kept, moment};
use crate::policy::Granted;
use crate::runner::execute::execute_watched;
use crate::runner::{Cancel, execute};
use crate::schema;

use super::desk::Desk;
use super::known::Known;

impl Desk {
    /// The cache, and the key of a call in it; nothing for a call that is always made.
    fn cache_of(&self, granted: &Granted<ToolCall>) -> Option<(&Cache, Digest)> {
        let call = granted.request();
        // what a person has approved is what is done now
        let may = call.cache && call.only_reads() && granted.obligations().approved.is_none();
        let cache = self.cache.as_ref().filter(|_| may)?;
        let key = json!({
            "program": env!("CARGO_PKG_VERSION"),
            "tool": call.tool,
            "schemas": [schema::tool_input(&call.tool), schema::tool_output(&call.tool)],
            "input": call.input,
            "policy": self.policy_digest(),
            "protected": self.gate.machine().protected,
        });
        Some((cache, Digest::of_json(&key)))
    }

    /// What the cache knows of a call.
    pub(super) fn cached(&self, granted: &Granted<ToolCall>, cancel: &Cancel) -> Known {
        let Some((cache, key)) = self.cache_of(granted) else { return Known::Nothing };
        let kept = match cache.get(&key) {
            Kept::Nothing => return Known::Nothing,
            Kept::NotBelieved(why) => return Known::PassedOver(why),
            Kept::Result(kept) => kept,
        };
        if !kept.sight.still_holds(&self.world.root, cache.key(), &|| cancel.is_over()) {
            return Known::Nothing;
        }
        let CachedResult { run, at, result, .. } = *kept;
        let Ok(result) = serde_json::from_value::<ToolResult>(result) else { return Known::Nothing };
        let recalled = Some(Box::new(Recalled { from: RecalledFrom::Cache, run, at }));
        Known::Result(Box::new(ToolResult { recalled, ..result }))
    }

    /// Does a call, and keeps what it comes to, where it may be recalled.
    pub(super) fn act(&self, granted: &Granted<ToolCall>, cancel: &Cancel) -> ToolResult {
        let watched =
            self.cache_of(granted).map(|place| (place, execute_watched(granted, &self.world, cancel)));
        let Some(((cache, key), Ok((result, watcher)))) = watched else {
            return execute(granted, &self.world, cancel);
        };
        if result.ok
            && self.cleaner.leaves(&result)
            && let Some(sight) = watcher.sight(cache.key())
        {
            // a cache that is full, or cannot be written, loses what it was given and nothing else
            let _ = cache.put(&key, &self.to_keep(&result, sight));
        }
        result
    }

    fn to_keep(&self, result: &ToolResult, sight: Sight) -> CachedResult {
        let mut result = json!(result);
        if let Value::Object(members) = &mut result {
            // they are of the call, and not of what it came to
            members.remove("rules");
        }
        CachedResult { run: self.run.clone(), at: moment().millis, sight, result }
    }
}
