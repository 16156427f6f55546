//! Results that are kept for later calls. One of a tool that only reads is a function of the parameters, the policy, the
//! program and what was seen of the workspace: the first three are its key, and the last is looked at again before the
//! result is believed. One of a model has whom it was asked of in its key as well, and one of `http` is believed for as long
//! as the server said. Whatever is in doubt is not kept, and whatever was kept by anybody else is passed over.

use serde_json::{Value, json};

use crate::digest::Digest;
use crate::effect::{Recalled, RecalledFrom, ToolCall, ToolResult};
use crate::files::Sight;
use crate::ledger::{Cache, CachedResult, Kept, moment};
use crate::model::Uses;
use crate::policy::Granted;
use crate::runner::execute::execute_watched;
use crate::runner::{Cancel, execute};
use crate::schema;

use super::desk::Desk;
use super::freshness::{is_fresh, lifetime};
use super::known::Known;

impl Desk {
    /// The cache, and the key of a call in it; nothing for a call that is always made.
    fn cache_of(&self, granted: &Granted<ToolCall>) -> Option<(&Cache, Digest)> {
        let call = granted.request();
        // what a person has approved is what is done now
        let may = call.cache && call.can_be_recalled() && granted.obligations().approved.is_none();
        let cache = self.cache.as_ref().filter(|_| may)?;
        let key = json!({
            "program": env!("CARGO_PKG_VERSION"),
            "tool": call.tool,
            "schemas": [schema::tool_input(&call.tool), schema::tool_output(&call.tool)],
            "input": call.input,
            "policy": self.gate.at(&call.node).policy().digest(),
            "protected": self.gate.machine().protected,
            "declared": self.declared_for(call),
        });
        Some((cache, Digest::of_json(&key)))
    }

    /// What the user declares of what a call is asked of: the same question to somebody else is another one.
    fn declared_for(&self, call: &ToolCall) -> Value {
        let declared = &self.world.outside.declared;
        match call.tool.as_str() {
            tool if tool == Uses::Llm.as_str() => {
                let model = call.input.get("model").and_then(Value::as_str);
                json!(model.and_then(|model| declared.model(model)))
            }
            tool if tool == Uses::Http.as_str() => json!(declared.private),
            _ => Value::Null,
        }
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
        if result.tool == Uses::Http.as_str() && !is_fresh(&result.output, at, moment().millis) {
            return Known::Nothing;
        }
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
        let lasts = result.tool != Uses::Http.as_str() || lifetime(&result.output).is_some();
        if result.ok
            && lasts
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
