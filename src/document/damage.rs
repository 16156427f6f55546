//! The parts of a file that a syntax error made unreadable. Parsing goes on without them, so that one run names
//! every fault; later stages ask here before they miss something that the damage may have held.

use std::collections::BTreeSet;

use crate::source::{FileId, Span};

use super::Syntax;

/// What of a file could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Damage {
    spans: Vec<Span>,
    words: BTreeSet<String>,
    merges: Vec<Span>,
    syntax: Option<Syntax>,
}

impl Damage {
    pub(super) fn new(text: &str, mut spans: Vec<Span>, syntax: Syntax) -> Self {
        spans.sort();
        let lost = spans.iter().filter_map(|span| text.get(span.start as usize..span.end as usize));
        let words = lost.flat_map(words).map(str::to_owned).collect();
        let merges =
            |span: &&Span| text.get(span.start as usize..).is_some_and(|rest| rest.starts_with("<<"));
        let merges = spans.iter().filter(merges).copied().collect();
        Self { spans, words, merges, syntax: Some(syntax) }
    }

    /// What the file is written in, and so what its mends are to be written in; YAML where nothing was read.
    pub fn syntax(&self) -> Syntax {
        self.syntax.unwrap_or(Syntax::Yaml)
    }

    /// Was the whole file read?
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The unread parts, in order.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Does a place hold a merge key? Then it may have meant any key.
    pub fn merges_into(&self, place: Span) -> bool {
        self.merges
            .iter()
            .any(|merge| place.file == merge.file && place.start <= merge.start && merge.end <= place.end)
    }

    /// May the damage have held this name? Then that it is missing or unknown is follow-on noise, and says
    /// nothing to the author.
    pub fn lost(&self, name: &str) -> bool {
        self.words.contains(name)
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// A text some of whose parts were blanked with spaces, so that the offsets of all the rest stay.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    file: FileId,
    text: String,
    blanked: Vec<Span>,
}

impl Draft {
    pub(super) fn new(file: FileId, text: &str) -> Self {
        Self { file, text: text.to_owned(), blanked: Vec::new() }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn blanked(&self) -> &[Span] {
        &self.blanked
    }

    /// Replaces what is neither space nor line break in `start..end`; was there anything?
    pub(super) fn blank(&mut self, start: usize, end: usize) -> bool {
        let Some(part) = self.text.get(start..end) else { return false };
        if part.trim().is_empty() {
            return false;
        }
        let blank: String =
            part.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { byte as char } else { ' ' }).collect();
        self.text.replace_range(start..end, &blank);
        self.blanked.push(Span::new(self.file, start, end));
        true
    }

    /// Puts `with` in the place of the one byte at `at`.
    pub(super) fn replace_byte(&mut self, at: usize, with: &str) {
        self.text.replace_range(at..=at, with);
    }
}

/// The start of the line that holds byte `at`.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    text.as_bytes()[..at.min(text.len())]
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |newline| newline + 1)
}

/// The end of the line that holds byte `at`, without its line break.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    text.as_bytes()[at..].iter().position(|&byte| byte == b'\n').map_or(text.len(), |newline| at + newline)
}
