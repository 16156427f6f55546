//! The lines around a label, as the drawing library wants them: few, short, and safe to show. Every offset stays,
//! because what is unsafe is replaced by something of the same number of bytes.

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use crate::source::SourceFile;
use crate::view::{escaped, is_unsafe_to_show};

/// Longer lines are cut around the label.
const LONG_LINE: usize = 400;
/// What is shown on either side of a label in a long line.
const MARGIN: usize = 80;
/// Labels that are farther apart than this are drawn separately.
const LONG_SPAN: usize = 4000;

/// A source file, seen through safe glasses.
#[derive(Debug)]
pub(super) struct Snippet {
    name: String,
    text: String,
    file: SourceFile,
}

impl Snippet {
    pub(super) fn new(file: &SourceFile) -> Self {
        Self { name: escaped(file.name()), text: safe(file.text()), file: file.clone() }
    }

    /// The text of the file, safe to show, every byte where it was.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

impl SourceCode for Snippet {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let (from, to) =
            (span.offset().min(self.text.len()), (span.offset() + span.len()).min(self.text.len()));
        if to - from > LONG_SPAN {
            return Err(MietteError::OutOfBounds);
        }
        let (start, end) = if before + after == 0 { (from, to) } else { self.lines(from, to) };
        let position = self.file.position(start as u32);
        let data = self.text.get(start..end).unwrap_or_default();
        let lines = data.matches('\n').count() + 1;
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            data.as_bytes(),
            (start, end - start).into(),
            position.line - 1,
            position.column - 1,
            lines,
        )))
    }
}

impl Snippet {
    /// The lines of `from..to` with one above and one below, where they are short enough.
    fn lines(&self, from: usize, to: usize) -> (usize, usize) {
        let (start, end) = (self.line_start(from), self.line_end(to));
        if end - start > LONG_LINE + (to - from) {
            return (
                self.boundary(from.saturating_sub(MARGIN).max(start)),
                self.boundary((to + MARGIN).min(end)),
            );
        }
        let above = self.line_start(start.saturating_sub(1));
        let below = self.line_end((end + 1).min(self.text.len()));
        let start = if start - above > LONG_LINE { start } else { above };
        let end = if below - end > LONG_LINE { end } else { below };
        (start, end)
    }

    fn line_start(&self, at: usize) -> usize {
        let bytes = &self.text.as_bytes()[..at];
        bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1)
    }

    fn line_end(&self, at: usize) -> usize {
        self.text[at..].find('\n').map_or(self.text.len(), |newline| at + newline)
    }

    fn boundary(&self, at: usize) -> usize {
        (0..=at).rev().find(|&at| self.text.is_char_boundary(at)).unwrap_or(0)
    }
}

fn safe(text: &str) -> String {
    text.chars()
        .map(|c| if c == '\n' || c == '\t' || !is_unsafe_to_show(c) { c } else { stand_in(c) })
        .collect()
}

/// A visible character of as many bytes.
fn stand_in(c: char) -> char {
    match c.len_utf8() {
        1 if c == '\r' => ' ',
        1 => '?',
        2 => '\u{bf}',
        3 => '\u{fffd}',
        _ => '\u{1f7ab}',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stand_in_is_safe_and_of_the_same_length() {
        for c in (0..=0x0010_ffff).filter_map(char::from_u32).filter(|&c| is_unsafe_to_show(c)) {
            assert_eq!(stand_in(c).len_utf8(), c.len_utf8());
            assert!(!is_unsafe_to_show(stand_in(c)));
        }
    }
}
