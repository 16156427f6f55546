//! A decoded scalar that still knows where each of its bytes was written.

use crate::source::Span;

/// The decoded text of a string scalar with a map back to the source: escapes, folded lines and block scalars
/// make the two differ, and a finding inside an expression must point at the character that the author sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    decoded: String,
    span: Span,
    /// `(decoded offset, source offset)`, ascending: from there on both advance together, up to the next pair. What an
    /// escape stands for is a run of one character, and the next pair is where the escape ends.
    runs: Vec<(u32, u32)>,
}

impl Text {
    /// A scalar whose decoded text stands at `span`, byte for byte from `runs`; without runs, every part of it
    /// points at the whole scalar.
    pub fn new(decoded: impl Into<String>, span: Span, runs: Vec<(u32, u32)>) -> Self {
        Self { decoded: decoded.into(), span, runs }
    }

    /// The decoded text.
    pub fn as_str(&self) -> &str {
        &self.decoded
    }

    /// The whole scalar, with its quotes.
    pub fn span(&self) -> Span {
        self.span
    }

    /// The source of `start..end` of the decoded text.
    pub fn part(&self, start: usize, end: usize) -> Span {
        let from = self.source_offset(start);
        let to = if end > start { self.source_end(end) } else { from };
        let (Some(from), Some(to)) = (from, to) else { return self.span };
        Span::new(self.span.file, from, to)
    }

    /// Where the last character before `end` ends in the source: with an escape, all of it.
    fn source_end(&self, end: usize) -> Option<usize> {
        let after = self.runs.partition_point(|&(at, _)| (at as usize) < end);
        let &(at, source) = self.runs.get(after.checked_sub(1)?)?;
        let (at, source) = (at as usize, source as usize);
        let next = self.runs.get(after).filter(|&&(next, _)| next as usize == end);
        let is_one = self.decoded.get(at..end).is_some_and(|part| {
            // a line break that was folded ends where its line does, not where the next one begins
            part.chars().count() == 1 && !part.contains(char::is_whitespace)
        });
        match next {
            Some(&(_, ends)) if is_one => Some(ends as usize),
            _ => Some(source + end - at),
        }
    }

    fn source_offset(&self, decoded: usize) -> Option<usize> {
        let after = self.runs.partition_point(|&(at, _)| at as usize <= decoded);
        let &(at, source) = self.runs.get(after.checked_sub(1)?)?;
        Some(source as usize + decoded - at as usize)
    }
}
