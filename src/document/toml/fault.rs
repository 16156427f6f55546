//! What the TOML parser found wrong: where it is to be looked for, what to say, what to blank to read on.

use toml::Spanned;
use toml::de::{DeTable, Error};

use crate::diag::{Diagnostic, codes};
use crate::document::damage::{Draft, line_end, line_start};
use crate::document::yaml::duplicate;
use crate::source::{FileId, Span};

use super::headers::first_definition;
use super::lines::{Lines, Statement};

/// One syntax error.
#[derive(Debug)]
pub(super) struct Fault {
    message: String,
    expected: Option<String>,
    help: Option<String>,
    start: usize,
    end: usize,
    statement: Option<Statement>,
}

/// Is it about keys that meet each other? The tree is whole then.
pub(super) fn is_structural(error: &Error) -> bool {
    error.message() == "duplicate key" || error.message().starts_with("cannot extend value")
}

/// The finding for such an error.
pub(super) fn structural(
    error: &Error,
    table: &Spanned<DeTable<'_>>,
    file: FileId,
    text: &str,
) -> Diagnostic {
    let range = error.span().unwrap_or(0..0);
    let span = Span::new(file, range.start, range.end);
    let name = text.get(range.clone()).unwrap_or_default();
    if error.message() != "duplicate key" {
        let message = format!("the key `{name}` has a value already, and {}", error.message());
        return Diagnostic::new(codes::DUPLICATE_KEY, span, message).help("keep one of the two");
    }
    match first_definition(table.get_ref(), text, &range) {
        Some(first) => duplicate(name, span, Span::new(file, first.start, first.end)),
        None => {
            Diagnostic::new(codes::DUPLICATE_KEY, span, format!("the key `{name}` stands here a second time"))
                .help(format!("keep one `{name}`, or rename one"))
        }
    }
}

impl Fault {
    pub(super) fn new(error: &Error, lines: &Lines, text: &str) -> Self {
        let range = error.span().unwrap_or(0..0);
        if let Some((statement, opener)) = unclosed_before(lines, range.start) {
            return Self::unclosed(opener, statement, text);
        }
        let statement = statement_at(lines, range.start);
        let (message, expected) = match error.message().split_once(", expected ") {
            Some((message, expected)) => (message, Some(format!("expected {expected}"))),
            None => (error.message(), None),
        };
        let start = range.start.min(text.len());
        let end = range.end.clamp(start, line_end(text, start).max(start));
        let help = help(message, text, start);
        Self { message: message.to_owned(), expected, help, start, end, statement }
    }

    fn unclosed(opener: usize, statement: Statement, text: &str) -> Self {
        let mark = text[opener..].chars().next().unwrap_or(' ');
        let (message, closer) = match mark {
            '[' => ("the array is never closed", "]"),
            '{' => ("the inline table is never closed", "}"),
            '"' => ("the multi-line string is never closed", "\"\"\""),
            _ => ("the multi-line string is never closed", "'''"),
        };
        let help = Some(format!("add the missing `{closer}`"));
        Self {
            message: message.to_owned(),
            expected: None,
            help,
            start: opener,
            end: opener + 1,
            statement: Some(statement),
        }
    }

    /// The finding.
    pub(super) fn diagnostic(&self, file: FileId, _text: &str) -> Diagnostic {
        let span = Span::new(file, self.start, self.end);
        let found = Diagnostic::new(codes::SYNTAX, span, self.message.clone()).maybe_help(self.help.clone());
        match &self.expected {
            Some(expected) => found.here(expected.clone()),
            None => found,
        }
    }

    /// Blanks the statement that holds the error; a broken header takes all that stands below it along, which
    /// would otherwise fall into the table above. Was there anything to blank?
    pub(super) fn blank(&self, draft: &mut Draft, lines: &Lines) -> bool {
        let text = draft.text();
        let line = (line_start(text, self.start), line_end(text, self.start));
        let (start, mut end) = self.statement.map_or(line, |statement| (statement.start, statement.end));
        if self.statement.is_some_and(|statement| statement.is_header) {
            let next = lines.statements.iter().find(|other| other.is_header && other.start > start);
            end = next.map_or(text.len(), |next| next.start);
        }
        let start = start + if text[start..].starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let end = start + text[start..end].trim_end().len();
        draft.blank(start, end) || draft.blank(line.0, line.1)
    }
}

/// The last statement up to `at` that holds an unclosed bracket or string: what comes after it is noise.
fn unclosed_before(lines: &Lines, at: usize) -> Option<(Statement, usize)> {
    let mut before = lines.statements.iter().rev().skip_while(|statement| statement.start > at);
    before.find_map(|statement| Some((*statement, statement.unclosed.filter(|&opener| opener <= at)?)))
}

fn statement_at(lines: &Lines, at: usize) -> Option<Statement> {
    let after = lines.statements.partition_point(|statement| statement.start <= at);
    lines.statements.get(after.checked_sub(1)?).copied()
}

fn help(message: &str, text: &str, at: usize) -> Option<String> {
    if message.starts_with("string values must be quoted") {
        return Some("put the value in quotes".to_owned());
    }
    if message.starts_with("invalid basic string") || message.starts_with("invalid literal string") {
        return Some("close the string with the quote that opened it".to_owned());
    }
    if message.starts_with("key with no value") {
        let colon = text[..at].trim_end().ends_with(':') || text[at..].trim_start().starts_with(':');
        return Some(if colon {
            "write `=` and not `:`".to_owned()
        } else {
            "write `key = value`".to_owned()
        });
    }
    if message.starts_with("invalid boolean") {
        return Some("write `true` or `false`, or put a string in quotes".to_owned());
    }
    if message.contains("unexpected key or value") {
        return Some("write each key on a line of its own".to_owned());
    }
    None
}
