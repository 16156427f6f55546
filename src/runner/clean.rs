//! The last thing that happens to a result before it leaves the runner: what must not leave is taken out and counted,
//! and digests that could be guessed at become keyed ones.

use std::sync::Arc;

use serde_json::Value;

use crate::digest::{Digest, MacKey};
use crate::effect::{ReplyBody, ToolResult};
use crate::redact::Redaction;
use crate::trace::redact_result;

/// Cleans what leaves.
#[derive(Debug, Clone)]
pub(super) struct Cleaner {
    redaction: Arc<Redaction>,
    key: MacKey,
}

impl Cleaner {
    /// Takes out what `redaction` finds; `key` is known to this process alone.
    pub(super) fn new(redaction: Arc<Redaction>, key: MacKey) -> Self {
        Self { redaction, key }
    }

    /// A reply as it may leave.
    pub(super) fn reply(&self, reply: ReplyBody) -> ReplyBody {
        if self.redaction.is_empty() {
            return reply;
        }
        match reply {
            ReplyBody::Result { result } => ReplyBody::Result { result: Box::new(self.result(*result)) },
            ReplyBody::Results { results } => ReplyBody::Results {
                results: results.into_iter().map(|result| self.result(result)).collect(),
            },
            ReplyBody::Problem { mut message } => {
                self.redaction.redact_text(&mut message);
                ReplyBody::Problem { message }
            }
            other => other,
        }
    }

    /// May a result leave as it is?
    pub(super) fn leaves(&self, result: &ToolResult) -> bool {
        self.redaction.is_empty() || self.result(result.clone()).redacted == 0
    }

    /// A result as it may leave, or be kept.
    pub(super) fn result(&self, mut result: ToolResult) -> ToolResult {
        if self.redaction.is_empty() {
            return result;
        }
        let removed = redact_result(&mut result, &self.redaction);
        result.redacted += removed as u64;
        if result.redacted > 0 {
            self.key_digests(&mut result);
        }
        result
    }

    /// The plain digest of a short secret is as good as the secret.
    fn key_digests(&self, result: &mut ToolResult) {
        self.key_values(&mut result.output);
        if let Some(output) = result.error.as_mut().and_then(|error| error.output.as_mut()) {
            self.key_values(output);
        }
        for artifact in &mut result.artifacts {
            self.key_text(&mut artifact.digest);
        }
    }

    fn key_values(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.key_text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.key_values(item)),
            Value::Object(members) => members.values_mut().for_each(|member| self.key_values(member)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn key_text(&self, text: &mut String) {
        if let Ok(digest) = text.parse::<Digest>() {
            *text = format!("hmac-sha256:{}", self.key.code(digest.to_string().as_bytes()));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::effect::{Artifact, ErrorKind, ToolError};
    use crate::redact::Values;

    use super::*;

    fn cleaner() -> Cleaner {
        let values = Values::new(&[("KEY".to_owned(), b"correct-horse".to_vec())]).unwrap();
        Cleaner::new(Arc::new(Redaction::new(values, Vec::new())), MacKey::new([7; 32]))
    }

    #[test]
    fn nothing_of_a_result_keeps_a_secret_or_a_digest_of_it() {
        let digest = Digest::of(b"correct-horse").to_string();
        let output = json!({"content": "x correct-horse y", "digest": digest});
        let error = ToolError {
            output: Some(output.clone()),
            ..ToolError::new(ErrorKind::Exit, "correct-horse failed")
        };
        let result = ToolResult {
            stdout: "correct-horse".to_owned(),
            stderr: "636f72726563742d686f727365".to_owned(),
            artifacts: vec![Artifact { path: "correct-horse.txt".to_owned(), digest: digest.clone() }],
            output,
            ..ToolResult::failure("exec", error)
        };
        let body = cleaner().reply(ReplyBody::Results { results: vec![result] });
        let text = serde_json::to_string(&body).unwrap();
        assert!(!text.contains("correct-horse") && !text.contains("636f72"), "{text}");
        assert!(!text.contains(&digest["sha256:".len()..]) && text.contains("hmac-sha256:"), "{text}");
        assert!(text.contains("\"redacted\":6"), "{text}");
    }

    #[test]
    fn a_result_without_a_secret_is_left_as_it_is() {
        let result = ToolResult::success("read_file", json!({"digest": Digest::of(b"x").to_string()}));
        let body = ReplyBody::Result { result: Box::new(result) };
        assert_eq!(cleaner().reply(body.clone()), body);
    }
}
