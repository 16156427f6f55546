//! What a desk has answered, by idempotency key: a repeated key gets the first result, and not a second effect.

use std::collections::{BTreeMap, VecDeque};

use crate::digest::Digest;
use crate::effect::{ErrorKind, ToolCall, ToolError, ToolResult};

/// Results that are kept for repeated keys, in bytes of their JSON.
const REMEMBERED_BYTES: usize = 32 << 20;
/// Keys that are remembered: far more than a run has calls.
const REMEMBERED_KEYS: usize = 200_000;

/// What was answered, by idempotency key.
#[derive(Debug, Default)]
pub(super) struct Answers {
    by_key: BTreeMap<String, (Digest, Option<ToolResult>)>,
    /// The keys, the oldest first.
    order: VecDeque<String>,
    bytes: usize,
}

impl Answers {
    /// What a call is answered with whose key was used before: the first result, or that there is a conflict.
    pub(super) fn known(&self, call: &ToolCall, digest: Digest) -> Option<ToolResult> {
        let (first, result) = self.by_key.get(&call.idempotency_key)?;
        Some(repeated(call, *first == digest, result.as_ref()))
    }

    /// A key that nobody has used yet.
    pub(super) fn take(&mut self, key: &str, digest: Digest) {
        self.by_key.insert(key.to_owned(), (digest, None));
        self.order.push_back(key.to_owned());
        if self.order.len() > REMEMBERED_KEYS
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_key.remove(&oldest);
        }
    }

    /// A key that did nothing.
    pub(super) fn forget(&mut self, key: &str) {
        self.by_key.remove(key);
        self.order.retain(|known| known != key);
    }

    /// What its call came to.
    pub(super) fn keep(&mut self, key: &str, result: &ToolResult) {
        let bytes = serde_json::to_string(result).map_or(0, |text| text.len());
        if self.bytes + bytes > REMEMBERED_BYTES {
            self.by_key.values_mut().for_each(|(_, result)| *result = None);
            self.bytes = 0;
        }
        if let Some(entry) = self.by_key.get_mut(key) {
            entry.1 = Some(result.clone());
            self.bytes += bytes;
        }
    }
}

fn repeated(call: &ToolCall, same: bool, result: Option<&ToolResult>) -> ToolResult {
    match result {
        Some(result) if same => result.clone(),
        _ => {
            let why = if same { "its result is not there (any more)" } else { "it named another call" };
            let message =
                format!("the idempotency key `{}` was used before, and {why}", call.idempotency_key);
            ToolResult::failure(&call.tool, ToolError::new(ErrorKind::Conflict, message))
        }
    }
}
