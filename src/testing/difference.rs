//! What was expected and what was found, and how a person sees where they part.

use std::fmt::Write as _;

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use crate::source::Span;
use crate::view::escaped;

/// The most characters of a value that are shown.
const SHOWN: usize = 2000;
/// The most lines of a difference that are shown.
const LINES: usize = 60;

/// An expectation that was not met.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// What was looked at: `outputs.summary`.
    pub place: String,
    /// Where the expectation stands.
    pub span: Span,
    /// What was expected.
    pub expected: Value,
    /// What was found; nothing where there is no such thing.
    pub found: Option<Value>,
    /// Is the found value what could stand in the place of the expected one?
    pub can_be_blessed: bool,
}

/// A difference as lines: what was expected begins with `-`, what was found with `+`. Texts of several lines are
/// compared line by line.
pub fn text_difference(difference: &Difference) -> String {
    let mut text = String::new();
    let lines = |value: &Value| value.as_str().filter(|text| text.contains('\n')).map(str::to_owned);
    let found = difference.found.as_ref();
    let pair = (lines(&difference.expected), found.and_then(Value::as_str).map(str::to_owned));
    if let (Some(expected), Some(found)) = pair {
        let _ = writeln!(text, "    {}", escaped(&difference.place));
        by_line(&expected, &found, &mut text);
        return text;
    }
    let shown = |value: &Value| escaped(&shortened(&value.to_string()));
    let place = escaped(&difference.place);
    // writing to a String cannot fail
    let _ = writeln!(text, "    - {place}: {}", shown(&difference.expected));
    let found = found.map_or_else(|| "nothing".to_owned(), shown);
    let _ = writeln!(text, "    + {place}: {found}");
    text
}

fn by_line(expected: &str, found: &str, text: &mut String) {
    let diff = TextDiff::from_lines(expected, found);
    let groups = diff.grouped_ops(2);
    let changes = groups.iter().flatten().flat_map(|op| diff.iter_changes(op));
    for (count, change) in changes.enumerate() {
        if count == LINES {
            let _ = writeln!(text, "      …");
            return;
        }
        let mark = match change.tag() {
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
            ChangeTag::Equal => ' ',
        };
        let _ = writeln!(text, "    {mark} {}", escaped(change.value().trim_end_matches('\n')));
    }
}

/// A text that is not longer than a person reads.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
