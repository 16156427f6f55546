//! A value of a file written anew in the form that it had: lists and mappings line by line or within their brackets, texts
//! of several lines under their mark, and every comment beside what stays. Where a comment would be lost, nothing is
//! written. Whether the text then says what it should is for others to check.

use std::ops::Range;

use serde_json::{Map, Value};
use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::document::{Entry, Syntax, Tree, inline, toml_entry};

use super::places::{
    Place, begins_line, dash, end_of, has_comment, in_file_order, line_end, line_start, next_line,
    value_start,
};
use super::texts;

/// A part of a text, and what is to stand there.
pub(super) type Edit = (Range<usize>, String);

/// What becomes of the items of a list: one that stood in the file, or a new one.
#[derive(Debug)]
pub(super) enum Piece {
    /// The item or entry of this number stays, or another stands in its place.
    Old(usize),
    /// This text is new.
    New(String),
}

/// Makes the edits of one file.
#[derive(Debug)]
pub(super) struct Writer<'t> {
    pub(super) text: &'t str,
    pub(super) syntax: Syntax,
    pub(super) edits: Vec<Edit>,
}

impl<'t> Writer<'t> {
    pub(super) fn new(text: &'t str, syntax: Syntax) -> Self {
        Self { text, syntax, edits: Vec::new() }
    }

    /// The text with the edits.
    pub(super) fn finish(mut self) -> String {
        self.edits.sort_by_key(|(range, _)| (range.start, range.end));
        let mut text = self.text.to_owned();
        for (range, new) in self.edits.into_iter().rev() {
            text.replace_range(range, &new);
        }
        text
    }

    /// Makes `new` of the value that `old` was read from, in the form that it had; none where that does not go.
    pub(super) fn in_form(&mut self, old: &Tree, new: &Value) -> Option<()> {
        if old.to_json() == *new {
            return Some(());
        }
        let made = self.edits.len();
        let formed = match (new, Place::of(self.text, self.syntax, old)) {
            (Value::Array(items), Place::Lines) if items.is_empty() => self.emptied(old, "[]"),
            (Value::Object(fields), Place::Lines) if fields.is_empty() => self.emptied(old, "{}"),
            (Value::Array(items), Place::Lines) => self.list(old, items),
            (Value::Object(fields), Place::Lines) => self.map(old, fields),
            (Value::Array(items), Place::Brackets) => self.list_in_brackets(old, items),
            (Value::Object(fields), Place::Brackets) => self.map_in_brackets(old, fields),
            (Value::String(new), Place::Text) => {
                let edit = match self.syntax {
                    Syntax::Yaml => texts::under_mark(self.text, old, new),
                    _ => texts::in_quotes(self.text, old, new),
                };
                edit.map(|edit| self.edits.push(edit))
            }
            _ => None,
        };
        formed.or_else(|| {
            self.edits.truncate(made);
            self.on_a_line(old, new)
        })
    }

    /// Writes a value on one line in the place of the old one; none where a comment would be lost.
    pub(super) fn on_a_line(&mut self, old: &Tree, new: &Value) -> Option<()> {
        let (text, end) = (self.text, end_of(self.text, old));
        let start = value_start(text, self.syntax, old);
        let place = Place::of(text, self.syntax, old);
        let is_marked = start < old.span.start as usize;
        if !is_marked && has_comment(text, old, start..end) {
            return None;
        }
        let new =
            if text[start..].starts_with(['"', '\'']) { inline(new, self.syntax) } else { self.word(new) };
        if is_marked {
            // a comment behind the mark stays behind the value
            let head = &text[start..line_end(text, start)];
            let comment = head.find(" #").map_or("", |at| head[at..].trim_end());
            self.edits.push((start..end, format!("{new}{comment}")));
        } else if place == Place::Lines && self.syntax == Syntax::Yaml {
            let (from, space) = if begins_line(text, start) { self.behind_key(start) } else { (start, "") };
            self.edits.push((from..end, format!("{space}{new}")));
        } else {
            self.edits.push((start..end, new));
        }
        Some(())
    }

    /// A value on one line; in YAML a plain word stands without quotes.
    pub(super) fn word(&self, value: &Value) -> String {
        const OTHERS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
        let is_plain = |text: &&str| {
            let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
            let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/');
            begins && text.chars().all(inner) && !OTHERS.contains(text)
        };
        match value.as_str().filter(is_plain) {
            Some(plain) if self.syntax == Syntax::Yaml => plain.to_owned(),
            _ => inline(value, self.syntax),
        }
    }

    /// A key and its value on one line.
    pub(super) fn entry(&self, name: &str, value: &Value) -> String {
        match self.syntax {
            Syntax::Toml => toml_entry(name, value),
            _ => format!("{}: {}", self.word(&Value::from(name)), self.word(value)),
        }
    }

    /// What becomes of the items: those that stay keep their place, one in the place of another is written over it.
    pub(super) fn pieces(&mut self, old: &[Tree], new: &[Value]) -> Option<Vec<Piece>> {
        let before: Vec<String> = old.iter().map(|item| item.to_json().to_string()).collect();
        let after: Vec<String> = new.iter().map(Value::to_string).collect();
        let mut pieces = Vec::new();
        for op in capture_diff_slices(Algorithm::Myers, &before, &after) {
            let (_, gone, come) = op.as_tag_tuple();
            let both = gone.len().min(come.len());
            pieces.extend((gone.start..gone.start + both).map(Piece::Old));
            if matches!(op, DiffOp::Equal { .. }) {
                continue;
            }
            for at in 0..both {
                self.in_form(&old[gone.start + at], &new[come.start + at])?;
            }
            let more = &new[come.start + both..come.end];
            pieces.extend(more.iter().map(|value| Piece::New(self.word(value))));
        }
        Some(pieces)
    }

    /// Where one line stands in the place of lines that begin here, and the space before it: beside its key, where no comment
    /// is in between.
    fn behind_key(&self, start: usize) -> (usize, &'static str) {
        let before = self.text[..start].trim_end_matches([' ', '\n']);
        let line = &before[line_start(before, before.len())..];
        if line.ends_with(':') && !line.contains('#') { (before.len(), " ") } else { (start, "  ") }
    }

    /// Each line of a list or mapping goes with its comment; comments between them stay.
    fn emptied(&mut self, old: &Tree, brackets: &str) -> Option<()> {
        let (text, first) = (self.text, old.span.start as usize);
        let dashes = old.items().iter().map(|item| Some((dash(text, old, item)?, item)));
        let keys = old.entries().iter().map(|entry| Some((entry.key.span.start as usize, &entry.value)));
        let parts: Vec<(usize, &Tree)> = dashes.chain(keys).collect::<Option<_>>()?;
        if self.syntax != Syntax::Yaml || !parts.iter().all(|(start, _)| begins_line(text, *start)) {
            return None;
        }
        let (from, space) = self.behind_key(first);
        if from < first {
            self.edits.push((from..from, format!("{space}{brackets}")));
        } else {
            let line = line_start(text, first);
            self.edits.push((line..line, format!("{}{space}{brackets}\n", &text[line..first])));
        }
        let lines = parts.into_iter().map(|(start, value)| line_start(text, start)..next_line(text, value));
        self.edits.extend(lines.map(|line| (line, String::new())));
        Some(())
    }

    fn list(&mut self, old: &Tree, new: &[Value]) -> Option<()> {
        let text = self.text;
        let first = old.span.start as usize;
        let column = first - line_start(text, first);
        let items = old.items();
        let lines = |piece: &Piece| match piece {
            Piece::New(value) => Some(format!("{}- {value}", " ".repeat(column))),
            Piece::Old(_) => None,
        };
        let pieces = self.pieces(items, new)?;
        let kept: Vec<usize> = pieces.iter().filter_map(old_of).collect();
        for (_, item) in items.iter().enumerate().filter(|(at, _)| !kept.contains(at)) {
            self.edits.push((line_start(text, dash(text, old, item)?)..next_line(text, item), String::new()));
        }
        for run in pieces.chunk_by(|_, next| matches!(next, Piece::New(_))) {
            let more: Vec<String> = run.iter().filter_map(lines).collect();
            match run.first().and_then(old_of) {
                _ if more.is_empty() => {}
                Some(last) => self.edits.push(behind(text, &items[last], &more)),
                None => {
                    let at = line_start(text, first);
                    self.edits.push((at..at, format!("{}\n", more.join("\n"))));
                }
            }
        }
        Some(())
    }

    fn map(&mut self, old: &Tree, new: &Map<String, Value>) -> Option<()> {
        let text = self.text;
        let entries = in_file_order(old);
        let (kept, gone): (Vec<&Entry>, Vec<&Entry>) =
            entries.iter().copied().partition(|entry| new.contains_key(&entry.key.value));
        for entry in &kept {
            self.in_form(&entry.value, new.get(&entry.key.value)?)?;
        }
        let mut until = 0;
        for entry in gone {
            let start = entry.key.span.start as usize;
            if start < until {
                continue;
            }
            let line = line_start(text, start);
            if begins_line(text, start) {
                self.edits.push((line..next_line(text, &entry.value), String::new()));
                continue;
            }
            // behind a dash: the next entry that stays comes up beside it
            until = kept.iter().map(|kept| kept.key.span.start as usize).find(|kept| *kept > start)?;
            if text[start..until].lines().any(|line| line.trim_start().starts_with('#')) {
                return None;
            }
            self.edits.push((start..until, String::new()));
        }
        let known = |name: &str| entries.iter().any(|entry| entry.key.value == name);
        let more: Vec<(&String, &Value)> = new.iter().filter(|(name, _)| !known(name)).collect();
        if more.is_empty() {
            return Some(());
        }
        // in TOML the key of a table stands in brackets, and what is behind it belongs there
        let column = |entry: &Entry| {
            let start = entry.key.span.start as usize;
            let column = text[line_start(text, start)..start].chars().count();
            (self.syntax == Syntax::Yaml || begins_line(text, start)).then_some(column)
        };
        let (last, column) = kept.iter().rev().find_map(|entry| Some((*entry, column(entry)?)))?;
        let indent = " ".repeat(column);
        let more: Vec<String> =
            more.iter().map(|(name, value)| format!("{indent}{}", self.entry(name, value))).collect();
        self.edits.push(behind(text, &last.value, &more));
        Some(())
    }
}

/// The number of a piece that stood in the file.
pub(super) fn old_of(piece: &Piece) -> Option<usize> {
    if let Piece::Old(number) = piece { Some(*number) } else { None }
}

/// Lines behind the last one of a value.
fn behind(text: &str, value: &Tree, lines: &[String]) -> Edit {
    let at = line_end(text, end_of(text, value));
    (at..at, format!("\n{}", lines.join("\n")))
}
