//! What is said of something in one line: values that may be long, and questions.

use serde_json::Value;

use crate::trace::Waiting;

use super::escaped;

/// Characters of what a question shows that stand in a line about it.
const ASKED: usize = 160;

/// A text in one line, cut where it is longer than `most` characters.
pub(super) fn brief(text: &str, most: usize) -> String {
    let whole = escaped(text);
    let length = whole.chars().count();
    if length <= most {
        return whole;
    }
    let kept: String = whole.chars().take(most).collect();
    format!("{kept}… ({length} characters)")
}

/// An open question: who asks, for which item, and what.
pub fn question_line(open: &Waiting) -> String {
    let item = open.item.map(|item| format!("[{item}]")).unwrap_or_default();
    let asked = asked_in_brief(&open.show).map(|asked| format!(": {asked}")).unwrap_or_default();
    format!("question {}: {}{item} waits for an answer{asked}", open.id.0, escaped(&open.node))
}

/// What a question is about, where that is a text: why the policy asks, or the workflow's own words.
pub fn asked_in_brief(show: &Value) -> Option<String> {
    let said = match show {
        Value::String(text) => brief(text.trim(), ASKED),
        other => escaped(other.get("reason")?.as_str()?),
    };
    Some(said).filter(|said| !said.is_empty())
}
