//! The table of the texts that one command has read.

use std::ops::Range;
use std::sync::Arc;

use super::{FileId, Position, Span};

const BOM: char = '\u{feff}';

/// One text with its name as the user gave it.
#[derive(Debug, Clone)]
pub struct SourceFile {
    id: FileId,
    name: String,
    text: Arc<str>,
    line_starts: Vec<u32>,
}

impl SourceFile {
    fn new(id: FileId, name: String, text: Arc<str>) -> Self {
        let breaks = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n').map(|(at, _)| at as u32 + 1);
        let line_starts = std::iter::once(0).chain(breaks).collect();
        Self { id, name, text, line_starts }
    }

    /// Its id in the table.
    pub fn id(&self) -> FileId {
        self.id
    }

    /// The name to show, as given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Line and column of a byte offset; an offset past the end is taken as the end.
    pub fn position(&self, offset: u32) -> Position {
        let line = self.line_starts.partition_point(|&start| start <= offset).max(1);
        let start = self.line_starts[line - 1] as usize;
        let end = (offset as usize).min(self.text.len());
        let before = self.text.get(start..end).unwrap_or_default();
        let skipped = before.chars().filter(|&c| c == '\r' || (c == BOM && start == 0)).count();
        Position { line, column: before.chars().count() - skipped + 1 }
    }

    /// The byte offset of a line and column, both from 1, as [`position`](Self::position) counts them; the end of the
    /// line where it has no such column.
    pub fn offset(&self, line: usize, column: usize) -> usize {
        let start =
            self.line_starts.get(line.saturating_sub(1)).map_or(self.text.len(), |&start| start as usize);
        let shown =
            self.line(line).char_indices().filter(|&(at, c)| c != '\r' && !(c == BOM && start + at == 0));
        let found = shown.map(|(at, _)| at).nth(column.saturating_sub(1));
        start + found.unwrap_or(self.line(line).len())
    }

    /// The text of a line, from 1, without its line break.
    pub fn line(&self, line: usize) -> &str {
        let Some(&start) = self.line_starts.get(line.wrapping_sub(1)) else { return "" };
        let end = self.line_starts.get(line).map_or(self.text.len(), |&next| next as usize);
        self.text[start as usize..end].trim_end_matches(['\n', '\r'])
    }
}

/// All texts of one command, in the order in which they were read.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<SourceFile>,
}

impl Sources {
    /// Takes a text under the name it is shown by.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<Arc<str>>) -> FileId {
        let id = FileId(self.files.len() as u32);
        self.files.push(SourceFile::new(id, name.into(), text.into()));
        id
    }

    /// Covers what must not be shown of a text that was read: its places stay where they are.
    pub fn cover(&mut self, id: FileId, places: &[Range<usize>]) {
        let file = &mut self.files[id.0 as usize];
        let mut text = file.text.to_string();
        for place in places {
            if text.get(place.clone()).is_some() {
                text.replace_range(place.clone(), &"*".repeat(place.len()));
            }
        }
        file.text = text.into();
    }

    /// The file behind an id of this table.
    pub fn get(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    /// The text that a span covers; empty where the span lies outside of the text.
    pub fn text(&self, span: Span) -> &str {
        self.get(span.file).text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// Every file, in the order of reading.
    pub fn iter(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_scalars_and_neither_bom_nor_carriage_return() {
        let mut sources = Sources::default();
        let id = sources.add("a", "\u{feff}ab\r\nüx\r\n");
        let file = sources.get(id);
        assert_eq!(file.position(3), Position { line: 1, column: 1 });
        assert_eq!(file.position(4), Position { line: 1, column: 2 });
        let x = file.text().find('x').unwrap() as u32;
        assert_eq!(file.position(x), Position { line: 2, column: 2 });
        assert_eq!(file.position(9999).line, 3);
        assert_eq!(file.line(2), "üx");
        for at in [3, 4, x] {
            let place = file.position(at);
            assert_eq!(file.offset(place.line, place.column), at as usize);
        }
        assert_eq!(file.offset(2, 9), file.text().find('x').unwrap() + 1);
    }
}
