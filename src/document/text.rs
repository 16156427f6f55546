//! A decoded scalar that still knows where each of its bytes was written.

use crate::source::Span;

/// The decoded text of a string scalar with a map back to the source: escapes, folded lines and block scalars
/// make the two differ, and a finding inside an expression must point at the character that the author sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    decoded: String,
    span: Span,
    /// `(decoded offset, source offset)`, ascending: from there on both advance together, up to the next pair.
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
        let (Some(from), Some(last)) = (self.source_offset(start), self.source_offset(end.max(1) - 1)) else {
            return self.span;
        };
        Span::new(self.span.file, from, if end > start { last + 1 } else { from })
    }

    fn source_offset(&self, decoded: usize) -> Option<usize> {
        let after = self.runs.partition_point(|&(at, _)| at as usize <= decoded);
        let &(at, source) = self.runs.get(after.checked_sub(1)?)?;
        Some(source as usize + decoded - at as usize)
    }
}
