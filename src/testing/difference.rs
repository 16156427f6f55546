//! What was expected and what was found, and how a person sees where they part.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use crate::source::Span;
use crate::view::escaped;

use super::judge::same;

/// The most characters of a value that are shown.
const SHOWN: usize = 2000;
/// The most characters of a value that is shown on one line beside another.
const LONG: usize = 100;
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

/// A difference as lines: what was expected begins with `-`, what was found with `+`. Of what is long, the parts that
/// differ; texts of several lines are compared line by line.
pub fn text_difference(difference: &Difference) -> String {
    let mut text = String::new();
    parts(&difference.place, Some(&difference.expected), difference.found.as_ref(), &mut text);
    text
}

/// What differs, each part of what is long by itself. As deep as a value of JSON goes, which is bounded.
fn parts(place: &str, expected: Option<&Value>, found: Option<&Value>, text: &mut String) {
    match (expected, found) {
        (Some(Value::Object(ours)), Some(Value::Object(theirs))) if is_long(expected) || is_long(found) => {
            let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
            for name in names {
                unless_same(&format!("{place}.{name}"), ours.get(name), theirs.get(name), text);
            }
        }
        (Some(Value::Array(ours)), Some(Value::Array(theirs))) if is_long(expected) || is_long(found) => {
            if ours.len() == theirs.len() {
                for (at, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
                    unless_same(&format!("{place}[{at}]"), Some(ours), Some(theirs), text);
                }
                return;
            }
            // an item that came or went moves those behind it
            let lines = |items: &[Value]| {
                items.iter().flat_map(|item| [item.to_string(), "\n".to_owned()]).collect::<String>()
            };
            let _ = writeln!(text, "    {}", escaped(place));
            by_line(&lines(ours), &lines(theirs), text);
        }
        (Some(Value::String(ours)), Some(Value::String(theirs))) if ours.contains('\n') => {
            // writing to a String cannot fail
            let _ = writeln!(text, "    {}", escaped(place));
            by_line(ours, theirs, text);
        }
        _ => {
            let shown = |value: Option<&Value>| {
                value.map_or_else(|| "nothing".to_owned(), |value| escaped(&shortened(&value.to_string())))
            };
            let place = escaped(place);
            let _ = writeln!(text, "    - {place}: {}", shown(expected));
            let _ = writeln!(text, "    + {place}: {}", shown(found));
        }
    }
}

fn unless_same(place: &str, expected: Option<&Value>, found: Option<&Value>, text: &mut String) {
    let is_same = match (expected, found) {
        (Some(expected), Some(found)) => same(expected, found),
        _ => false,
    };
    if !is_same {
        parts(place, expected, found, text);
    }
}

/// More than a person compares on two lines.
fn is_long(value: Option<&Value>) -> bool {
    value.is_some_and(|value| {
        let line = value.to_string();
        // a break within a text is written so
        line.chars().count() > LONG || line.contains("\\n")
    })
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
