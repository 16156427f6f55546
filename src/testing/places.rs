//! Where the parts of a value stand in a file's text: its lines, its dashes, its brackets, its comments.

use std::ops::Range;

use crate::document::{Entry, Syntax, Tree, Value};

/// How a value stands in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A list or mapping, each part on a line of its own.
    Lines,
    /// A list or mapping between brackets.
    Brackets,
    /// A text of several lines, under a mark or between three quotes.
    Text,
    /// Anything on one line.
    Line,
}

impl Place {
    pub(super) fn of(text: &str, syntax: Syntax, old: &Tree) -> Self {
        if is_in_brackets(text, old) {
            return Self::Brackets;
        }
        let start = old.span.start as usize;
        let written = &text[start..];
        let is_quoted =
            syntax == Syntax::Toml && (written.starts_with("\"\"\"") || written.starts_with("'''"));
        match &old.value {
            Value::List(items) if !items.is_empty() => Self::Lines,
            Value::Map(entries) if !entries.is_empty() => Self::Lines,
            Value::String(_) if is_quoted || value_start(text, syntax, old) < start => Self::Text,
            _ => Self::Line,
        }
    }
}

fn is_in_brackets(text: &str, old: &Tree) -> bool {
    let written = &text[old.span.start as usize..];
    match &old.value {
        // in TOML the brackets may be those of a table's name
        Value::List(items) => {
            written.starts_with('[') && items.first().is_none_or(|item| item.span.start > old.span.start)
        }
        Value::Map(_) => written.starts_with('{'),
        _ => false,
    }
}

/// The place where a value begins, the `|` or `>` before a text of several lines included.
pub(super) fn value_start(text: &str, syntax: Syntax, old: &Tree) -> usize {
    let start = old.span.start as usize;
    if syntax != Syntax::Yaml || old.as_text().is_none() {
        return start;
    }
    let before = text[..start].trim_end_matches([' ', '\n']);
    let line = line_start(text, before.len());
    // a comment may stand behind the mark
    let head = before[line..].split(" #").next().unwrap_or_default().trim_end();
    let mark = head.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'));
    let is_header = before.len() < start && text[before.len()..start].contains('\n');
    if is_header && mark.ends_with(['|', '>']) { line + mark.len() - 1 } else { start }
}

/// The end of a value. What stands on lines of its own ends with the last of its parts.
pub(super) fn end_of(text: &str, old: &Tree) -> usize {
    let parts = old.items().iter().chain(old.entries().iter().map(|entry| &entry.value));
    match parts.map(|part| (part.span.end, part)).max_by_key(|(end, _)| *end) {
        Some((_, last)) if !is_in_brackets(text, old) => end_of(text, last),
        _ => old.span.end as usize,
    }
}

/// The entries of a mapping, in the order in which they stand.
pub(super) fn in_file_order(old: &Tree) -> Vec<&Entry> {
    let mut entries: Vec<&Entry> = old.entries().iter().collect();
    entries.sort_by_key(|entry| entry.key.span.start);
    entries
}

/// The dash of an item of a list whose first dash is where the list begins.
pub(super) fn dash(text: &str, list: &Tree, item: &Tree) -> Option<usize> {
    let first = list.span.start as usize;
    let column = first - line_start(text, first);
    let mut line = line_start(text, item.span.start as usize);
    while line > first {
        let written = &text[line..line_end(text, line)];
        if written.find(|c: char| c != ' ') == Some(column) && written[column..].starts_with('-') {
            return Some(line + column);
        }
        line = line_start(text, line - 1);
    }
    (item.span.start >= list.span.start).then_some(first)
}

/// Does a comment stand in a part of the text that holds a value?
pub(super) fn has_comment(text: &str, value: &Tree, range: Range<usize>) -> bool {
    let mut words = Vec::new();
    leaves(value, &mut words);
    words.sort_by_key(|word| word.start);
    let mut from = range.start;
    for word in words.into_iter().chain(std::iter::once(range.end..range.end)) {
        if text[from..word.start.clamp(from, range.end)].contains('#') {
            return true;
        }
        from = from.max(word.end);
    }
    false
}

/// Where keys and single values stand.
fn leaves(value: &Tree, found: &mut Vec<Range<usize>>) {
    let (items, entries) = (value.items(), value.entries());
    if items.is_empty() && entries.is_empty() && !matches!(value.value, Value::List(_) | Value::Map(_)) {
        found.push(value.span.start as usize..value.span.end as usize);
    }
    for item in items {
        leaves(item, found);
    }
    for entry in entries {
        found.push(entry.key.span.start as usize..entry.key.span.end as usize);
        leaves(&entry.value, found);
    }
}

/// Does nothing but white space stand before a place on its line?
pub(super) fn begins_line(text: &str, at: usize) -> bool {
    text[line_start(text, at)..at].trim().is_empty()
}

pub(super) fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |end| end + 1)
}

/// The end of the line that a place is on, its break left out.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |length| at + length)
}

/// The begin of the line behind a value.
pub(super) fn next_line(text: &str, value: &Tree) -> usize {
    (line_end(text, end_of(text, value)) + 1).min(text.len())
}
