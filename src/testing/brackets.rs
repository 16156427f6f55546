//! A list or mapping between brackets written anew: what stays keeps its place and its comments, what is new stands like its
//! neighbours.

use std::ops::Range;

use serde_json::{Map, Value};

use crate::document::{Entry, Syntax, Tree};

use super::places::{begins_line, in_file_order, line_end, line_start};
use super::rewrite::{Edit, Piece, Writer, old_of};

/// An item or an entry, and the comma behind it.
#[derive(Debug)]
struct Part {
    start: usize,
    end: usize,
    comma: Option<usize>,
}

impl Part {
    /// The end of it with its comma.
    fn whole(&self) -> usize {
        self.comma.map_or(self.end, |comma| comma + 1)
    }
}

/// What stands between two brackets.
struct Inside<'t> {
    text: &'t str,
    open: usize,
    close: usize,
    parts: Vec<Part>,
}

impl Writer<'_> {
    pub(super) fn list_in_brackets(&mut self, old: &Tree, new: &[Value]) -> Option<()> {
        let items: Vec<Range<usize>> = old.items().iter().map(range).collect();
        let pieces = self.pieces(old.items(), new)?;
        self.arrange(old, &items, &pieces)
    }

    pub(super) fn map_in_brackets(&mut self, old: &Tree, new: &Map<String, Value>) -> Option<()> {
        let entries = in_file_order(old);
        let mut pieces = Vec::new();
        for (number, entry) in entries.iter().enumerate() {
            if let Some(value) = new.get(&entry.key.value) {
                self.in_form(&entry.value, value)?;
                pieces.push(Piece::Old(number));
            }
        }
        let known = |name: &str| entries.iter().any(|entry| entry.key.value == name);
        for (name, value) in new.iter().filter(|(name, _)| !known(name)) {
            pieces.push(Piece::New(self.entry(name, value)));
        }
        let entries: Vec<Range<usize>> = entries.iter().map(|entry| entry_range(entry)).collect();
        self.arrange(old, &entries, &pieces)
    }

    /// Puts the pieces in the place of the parts, whose own edits are made.
    fn arrange(&mut self, old: &Tree, parts: &[Range<usize>], pieces: &[Piece]) -> Option<()> {
        let kept: Vec<usize> = pieces.iter().filter_map(old_of).collect();
        if kept.len() == parts.len() && kept.len() == pieces.len() {
            return Some(());
        }
        if pieces.is_empty()
            && self
                .on_a_line(
                    old,
                    &if old.items().is_empty() {
                        Value::Object(Map::new())
                    } else {
                        Value::Array(Vec::new())
                    },
                )
                .is_some()
        {
            return Some(());
        }
        let inside = Inside::read(self.text, self.syntax, range(old), parts)?;
        let trailing = inside.parts.last()?.comma.is_some();
        let mut gone: Vec<Range<usize>> = Vec::new();
        for (number, part) in inside.parts.iter().enumerate().filter(|(number, _)| !kept.contains(number)) {
            let follows = kept.first().is_some_and(|first| *first < number);
            gone.push(inside.gone(number, part, follows)?);
        }
        let mut at = 0;
        for run in pieces.chunk_by(|_, next| matches!(next, Piece::New(_))) {
            at += run.len();
            let ends = at == pieces.len() && !trailing;
            let more: Vec<&str> = run.iter().filter_map(new_of).collect();
            match run.first().and_then(old_of) {
                Some(number) => self.edits.extend(inside.behind(number, &more, ends, &mut gone)),
                None => self.edits.push(inside.before(&more, kept.first() == Some(&0) && !ends)?),
            }
        }
        self.edits.extend(joined(gone).into_iter().map(|range| (range, String::new())));
        Some(())
    }
}

impl<'t> Inside<'t> {
    /// The parts with their commas; none where there is more between them than commas, white space and comments.
    fn read(text: &'t str, syntax: Syntax, whole: Range<usize>, ranges: &[Range<usize>]) -> Option<Self> {
        let (open, close) = (whole.start, whole.end.checked_sub(1)?);
        let mut parts: Vec<Part> = Vec::with_capacity(ranges.len());
        let mut from = open + 1;
        for range in ranges.iter().cloned().chain(std::iter::once(close..close)) {
            let comma = comma(text, syntax, from..range.start)?;
            match parts.last_mut() {
                Some(last) => last.comma = comma,
                None if comma.is_some() => return None,
                None => {}
            }
            from = range.end;
            parts.push(Part { start: range.start, end: range.end, comma: None });
        }
        // the closing bracket is none
        parts.pop();
        Some(Self { text, open, close, parts })
    }

    /// Is it the first thing on its line?
    fn begins_line(&self, part: &Part) -> bool {
        let line = line_start(self.text, part.start);
        line > self.open && begins_line(self.text, part.start)
    }

    /// Does nothing but a comment stand on the line behind it?
    fn ends_line(&self, part: &Part) -> bool {
        let end = line_end(self.text, part.whole());
        let rest = self.text[part.whole()..end].trim();
        end < self.close && (rest.is_empty() || rest.starts_with('#'))
    }

    /// Where white space on the line before a place begins.
    fn space_before(&self, at: usize) -> usize {
        self.text[..at].trim_end_matches([' ', '\t']).len()
    }

    /// What goes with a part: its comma, and where it had a line for itself, the line with its comment. `follows` says
    /// that one before it stays.
    fn gone(&self, number: usize, part: &Part, follows: bool) -> Option<Range<usize>> {
        if self.text[part.end..part.whole()].contains('\n') {
            return None;
        }
        let line = line_end(self.text, part.whole());
        Some(match (self.begins_line(part), self.ends_line(part)) {
            (true, true) => line_start(self.text, part.start)..line + 1,
            (false, true) => {
                let shares = number > 0 && line_start(self.text, part.start) <= self.parts[number - 1].end;
                self.space_before(part.start)..if shares { part.whole() } else { line }
            }
            (true, false) if number + 1 == self.parts.len() => part.start..part.whole(),
            (false, false) if follows || number + 1 == self.parts.len() => {
                self.space_before(part.start)..part.whole()
            }
            (_, false) => part.start..self.parts[number + 1].start,
        })
    }

    /// The edits behind a part that stays: its comma, and what is new there. `ends` says that no comma stands behind the last.
    fn behind(&self, number: usize, more: &[&str], ends: bool, gone: &mut Vec<Range<usize>>) -> Vec<Edit> {
        let part = &self.parts[number];
        let missing = match part.comma {
            None if !(ends && more.is_empty()) => ",",
            Some(comma) if ends && more.is_empty() => {
                gone.push(comma..comma + 1);
                ""
            }
            _ => "",
        };
        let at = part.whole();
        let mut edits = Vec::new();
        let own = |line: &str| format!("\n{}{line}", self.indent());
        let lines = self.ends_line(part);
        let between = if self.is_tight() { "" } else { " " };
        let new: Vec<String> = more
            .iter()
            .enumerate()
            .map(|(at, new)| format!("{new}{}", if ends && at + 1 == more.len() { "" } else { "," }))
            .map(|new| if lines { own(&new) } else { format!("{between}{new}") })
            .collect();
        if lines {
            edits.push((at..at, missing.to_owned()));
            let end = line_end(self.text, at);
            edits.push((end..end, new.concat()));
        } else {
            edits.push((at..at, format!("{missing}{}", new.concat())));
        }
        edits.retain(|(_, new)| !new.is_empty());
        edits
    }

    /// The edit before the first part; none where it goes.
    fn before(&self, more: &[&str], stays: bool) -> Option<Edit> {
        let first = self.parts.first().filter(|_| stays)?;
        if self.begins_line(first) {
            let at = line_start(self.text, first.start);
            let lines: Vec<String> = more.iter().map(|new| format!("{}{new},\n", self.indent())).collect();
            return Some((at..at, lines.concat()));
        }
        let between = if self.is_tight() { "" } else { " " };
        let new: Vec<String> = more.iter().map(|new| format!("{new},{between}")).collect();
        Some((first.start..first.start, new.concat()))
    }

    /// How deep parts stand on lines of their own.
    fn indent(&self) -> String {
        let before = |at: usize| &self.text[line_start(self.text, at)..at];
        match self.parts.iter().find(|part| self.begins_line(part)) {
            Some(part) => before(part.start).to_owned(),
            None => {
                let line = before(self.open);
                format!("{}  ", &line[..line.len() - line.trim_start().len()])
            }
        }
    }

    /// Do items follow their commas without a space?
    fn is_tight(&self) -> bool {
        let behind = |comma: usize| !self.text[comma + 1..].starts_with(char::is_whitespace);
        self.parts.iter().filter_map(|part| part.comma).any(behind)
    }
}

fn new_of(piece: &Piece) -> Option<&str> {
    if let Piece::New(text) = piece { Some(text) } else { None }
}

fn range(value: &Tree) -> Range<usize> {
    value.span.start as usize..value.span.end as usize
}

fn entry_range(entry: &Entry) -> Range<usize> {
    let (key, value) = (entry.key.span, entry.value.span);
    key.start as usize..key.end.max(value.end) as usize
}

/// The comma between two parts; the outer none where something else stands there.
#[allow(clippy::option_option, reason = "there may be no comma, or more than one")]
fn comma(text: &str, syntax: Syntax, gap: Range<usize>) -> Option<Option<usize>> {
    let mut comma = None;
    let (mut at, end) = (gap.start, gap.end);
    let mut rest = text.get(gap)?;
    while let Some(c) = rest.chars().next() {
        let read = match c {
            '#' if syntax != Syntax::Json => rest.find('\n').unwrap_or(rest.len()),
            ',' if comma.is_none() => {
                comma = Some(at);
                1
            }
            c if c.is_whitespace() => c.len_utf8(),
            _ => return None,
        };
        at += read;
        rest = text.get(at..end)?;
    }
    Some(comma)
}

/// Ranges without those that overlap.
fn joined(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut joined: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match joined.last_mut().filter(|last| range.start <= last.end) {
            Some(last) => last.end = last.end.max(range.end),
            None => joined.push(range),
        }
    }
    joined
}
