//! A value of a YAML file written anew in the form that it had: lists and mappings line by line, texts of several lines
//! under their mark, and every comment beside what stays. Whether the text then says what it should is for others to
//! check.

use std::ops::Range;

use serde_json::{Map, Value};
use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::document::{Syntax, Tree, inline};
use crate::source::is_unsafe_to_show;

/// A part of a text, and what is to stand there.
pub(super) type Edit = (Range<usize>, String);

/// The edits that make `new` of the value that `old` was read from.
pub(super) fn rewrite(text: &str, old: &Tree, new: &Value, edits: &mut Vec<Edit>) {
    if old.to_json() == *new {
        return;
    }
    let start = old.span.start as usize;
    match new {
        Value::Array(items) if is_block_list(text, old) && !items.is_empty() => {
            list(text, old.items(), items, edits);
        }
        Value::Object(fields) if is_block_map(text, old) && !fields.is_empty() => {
            map(text, old, fields, edits);
        }
        Value::String(new) if with_header(text, start) < start => match block_text(text, old, new) {
            Some(edit) => edits.push(edit),
            None => edits.push(in_line(text, old, inline(&Value::from(new.as_str()), Syntax::Yaml))),
        },
        new if text[start..].starts_with(['"', '\'']) => {
            edits.push(in_line(text, old, inline(new, Syntax::Yaml)));
        }
        new => edits.push(in_line(text, old, word(new))),
    }
}

/// A value that is written on one line, in the place of the old one.
pub(super) fn in_line(text: &str, old: &Tree, new: String) -> Edit {
    let (start, end) = (with_header(text, old.span.start as usize), old.span.end as usize);
    let tail = if text[start..end].ends_with('\n') { "\n" } else { "" };
    (start..end, new + tail)
}

fn is_block_list(text: &str, old: &Tree) -> bool {
    !old.items().is_empty() && text[old.span.start as usize..].starts_with('-')
}

fn is_block_map(text: &str, old: &Tree) -> bool {
    !old.entries().is_empty() && !text[old.span.start as usize..].starts_with('{')
}

/// Items that stay keep their lines; one in the place of another is written over it.
fn list(text: &str, old: &[Tree], new: &[Value], edits: &mut Vec<Edit>) {
    let before: Vec<String> = old.iter().map(|item| item.to_json().to_string()).collect();
    let after: Vec<String> = new.iter().map(Value::to_string).collect();
    let dash = |item: &Tree| text[..item.span.start as usize].rfind('-').unwrap_or_default();
    let indent = " ".repeat(dash(&old[0]) - line_start(text, dash(&old[0])));
    let line = |value: &Value| format!("{indent}- {}", word(value));
    for op in capture_diff_slices(Algorithm::Myers, &before, &after) {
        let (_, gone, come) = op.as_tag_tuple();
        if matches!(op, DiffOp::Equal { .. }) {
            continue;
        }
        let both = gone.len().min(come.len());
        for at in 0..both {
            rewrite(text, &old[gone.start + at], &new[come.start + at], edits);
        }
        for item in &old[gone.start + both..gone.end] {
            edits.push((line_start(text, dash(item))..next_line(text, item), String::new()));
        }
        let more: Vec<String> = new[come.start + both..come.end].iter().map(line).collect();
        if more.is_empty() {
            continue;
        }
        match (gone.start + both).checked_sub(1) {
            Some(last) => edits.push(behind(text, &old[last], &more)),
            None => {
                let at = line_start(text, dash(&old[0]));
                edits.push((at..at, format!("{}\n", more.join("\n"))));
            }
        }
    }
}

fn map(text: &str, old: &Tree, new: &Map<String, Value>, edits: &mut Vec<Edit>) {
    let entries = old.entries();
    for entry in entries {
        match new.get(&entry.key.value) {
            Some(value) => rewrite(text, &entry.value, value, edits),
            None => {
                let start = line_start(text, entry.key.span.start as usize);
                edits.push((start..next_line(text, &entry.value), String::new()));
            }
        }
    }
    let first = old.span.start as usize;
    let indent = " ".repeat(first - line_start(text, first));
    let known = |name: &str| entries.iter().any(|entry| entry.key.value == name);
    let more: Vec<String> = new
        .iter()
        .filter(|(name, _)| !known(name))
        .map(|(name, value)| format!("{indent}{}: {}", word(&Value::from(name.as_str())), word(value)))
        .collect();
    if let (Some(last), false) = (entries.last(), more.is_empty()) {
        edits.push(behind(text, &last.value, &more));
    }
}

/// A value on one line; a plain word stands without quotes.
fn word(value: &Value) -> String {
    const OTHERS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_plain = |text: &&str| {
        let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
        let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/');
        begins && text.chars().all(inner) && !OTHERS.contains(text)
    };
    value.as_str().filter(is_plain).map_or_else(|| inline(value, Syntax::Yaml), str::to_owned)
}

/// Lines behind the last one of a value.
fn behind(text: &str, value: &Tree, lines: &[String]) -> Edit {
    let at = line_end(text, value.span.end as usize);
    (at..at, format!("\n{}", lines.join("\n")))
}

/// A text of several lines under its mark, as deep as it stood; none where it cannot stand there.
fn block_text(text: &str, old: &Tree, new: &str) -> Option<Edit> {
    let (start, end) = (with_header(text, old.span.start as usize), old.span.end as usize);
    let mark_end = start + text[start..].find(|c: char| !"|>+-".contains(c) && !c.is_ascii_digit())?;
    let head_end = start + text[start..].find('\n')?;
    let content = &text[head_end + 1..];
    let filled = content.lines().find(|line| !line.trim().is_empty())?;
    let indent = &filled[..filled.len() - filled.trim_start_matches(' ').len()];
    let plain = |c: char| c == '\n' || c == '\t' || !is_unsafe_to_show(c);
    if new.is_empty() || new.starts_with([' ', '\t', '\n']) || !new.chars().all(plain) {
        return None;
    }
    let chomp = match (new.ends_with('\n'), new.ends_with("\n\n")) {
        (false, _) => "-",
        (true, false) => "",
        (true, true) => "+",
    };
    let body: Vec<String> = new
        .strip_suffix('\n')
        .unwrap_or(new)
        .split('\n')
        .map(|line| if line.is_empty() { String::new() } else { format!("{indent}{line}") })
        .collect();
    let tail = if text[start..end].ends_with('\n') { "\n" } else { "" };
    let comment = &text[mark_end..head_end];
    Some((start..end, format!("|{chomp}{comment}\n{}{tail}", body.join("\n"))))
}

/// The place where a value begins, the `|` or `>` before a text of several lines included.
fn with_header(text: &str, start: usize) -> usize {
    let before = text[..start].trim_end_matches([' ', '\n']);
    let line = before.rfind('\n').map_or(0, |at| at + 1);
    // a comment may stand behind the mark
    let head = before[line..].split(" #").next().unwrap_or_default().trim_end();
    let mark = head.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'));
    let is_header = before.len() < start && text[before.len()..start].contains('\n');
    if is_header && mark.ends_with(['|', '>']) { line + mark.len() - 1 } else { start }
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |end| end + 1)
}

/// The end of the line that `end` is the end of something on, its break left out.
fn line_end(text: &str, end: usize) -> usize {
    let end = if text[..end].ends_with('\n') { end - 1 } else { end };
    text[end..].find('\n').map_or(text.len(), |length| end + length)
}

/// The begin of the line behind a value.
fn next_line(text: &str, value: &Tree) -> usize {
    (line_end(text, value.span.end as usize) + 1).min(text.len())
}
