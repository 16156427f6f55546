//! What must not reach the trace, by pattern. The runner has removed secrets before; this catches what a policy names.

use regex::Regex;
use serde_json::Value;

/// Patterns, each with its name.
#[derive(Debug, Clone, Default)]
pub struct Redaction {
    patterns: Vec<(String, Regex)>,
}

impl Redaction {
    /// Removes what `patterns` match, in any text of any payload.
    pub fn new(patterns: Vec<(String, Regex)>) -> Self {
        Self { patterns }
    }

    /// Puts `[redacted:NAME]` in the place of each match; how many there were. Keys of objects count as text.
    pub fn redact(&self, value: &mut Value) -> usize {
        if self.patterns.is_empty() {
            return 0;
        }
        let mut removed = 0;
        let mut open = vec![value];
        while let Some(value) = open.pop() {
            match value {
                Value::String(text) => removed += self.redact_text(text),
                Value::Array(items) => open.extend(items),
                Value::Object(members) => {
                    removed += self.redact_keys(members);
                    open.extend(members.values_mut());
                }
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
        removed
    }

    fn redact_keys(&self, members: &mut serde_json::Map<String, Value>) -> usize {
        let hit = |key: &String| self.patterns.iter().any(|(_, pattern)| pattern.is_match(key));
        let hits: Vec<String> = members.keys().filter(|key| hit(key)).cloned().collect();
        for key in &hits {
            let mut text = key.clone();
            self.redact_text(&mut text);
            if let Some(value) = members.remove(key) {
                members.insert(text, value);
            }
        }
        hits.len()
    }

    fn redact_text(&self, text: &mut String) -> usize {
        let mut removed = 0;
        for (name, pattern) in &self.patterns {
            let found = pattern.find_iter(text).count();
            if found > 0 {
                removed += found;
                let replacement = format!("[redacted:{name}]");
                *text = pattern.replace_all(text, regex::NoExpand(&replacement)).into_owned();
            }
        }
        removed
    }
}
