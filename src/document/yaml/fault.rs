//! A YAML syntax error: where it is to be looked for, what to say about it, and what to blank to read on.

use serde_yaml::granit_parser::{ErrorKind, ScanError};

use crate::diag::{Diagnostic, codes};
use crate::document::damage::{Draft, line_end, line_start};
use crate::source::{FileId, Span};

use super::opener::{Opener, open_at};

/// One syntax error.
#[derive(Debug)]
pub(super) struct Fault {
    message: String,
    help: Option<String>,
    /// Where the author looks.
    start: usize,
    end: usize,
    /// Where the parser gave up.
    noticed: usize,
}

impl Fault {
    /// The error that the parser met at `at`; all before `finished` was read well.
    pub(super) fn new(error: &ScanError, at: usize, text: &str, finished: usize) -> Self {
        if let Some(opener) = unclosed(error.kind(), at, text, finished) {
            return Self::unclosed(opener, at);
        }
        let start = exact_start(error.kind(), at, text);
        let (message, help) = words(error.kind(), text, start);
        let end = start + text[start..].chars().next().filter(|c| *c != '\n').map_or(0, char::len_utf8);
        Self { message, help, start, end, noticed: at }
    }

    fn unclosed(opener: Opener, noticed: usize) -> Self {
        let closer = match opener.mark {
            '[' => ']',
            '{' => '}',
            quote => quote,
        };
        let message = match opener.mark {
            '[' | '{' => format!("the bracket `{}` is never closed", opener.mark),
            _ => format!("the string that `{}` opens is not closed where it should be", opener.mark),
        };
        let help = Some(format!("add the missing `{closer}`"));
        Self { message, help, start: opener.at, end: opener.at + 1, noticed }
    }

    /// The finding.
    pub(super) fn diagnostic(&self, file: FileId, text: &str) -> Diagnostic {
        let span = Span::new(file, self.start, self.end);
        let found = Diagnostic::new(codes::SYNTAX, span, self.message.clone()).maybe_help(self.help.clone());
        let elsewhere = line_start(text, self.start) != line_start(text, self.noticed);
        if elsewhere && self.noticed < text.len() {
            return found.label(Span::new(file, self.noticed, self.noticed), "noticed here");
        }
        found
    }

    /// Blanks the entry that holds the fault: its line, and all lines below that are indented deeper. Was there
    /// anything to blank?
    pub(super) fn blank(&self, draft: &mut Draft) -> bool {
        blank_entry(draft, self.start) || blank_entry(draft, self.noticed)
    }
}

fn blank_entry(draft: &mut Draft, at: usize) -> bool {
    let text = draft.text();
    let start = line_start(text, at);
    let mut end = line_end(text, at);
    let indent = indentation(&text[start..end]);
    while end < text.len() {
        let next = line_end(text, end + 1);
        let line = &text[end + 1..next];
        if !line.trim().is_empty() && indentation(line) <= indent {
            break;
        }
        end = next;
    }
    let end = start + text[start..end].trim_end().len();
    draft.blank(start, end)
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

/// The quote or bracket on an earlier line that explains the error.
fn unclosed(kind: &ErrorKind, at: usize, text: &str, finished: usize) -> Option<Opener> {
    let open = open_at(text, finished.min(at), at);
    let earlier = |opener: &Opener| text[opener.at..at].contains('\n');
    match kind {
        ErrorKind::InvalidTrailingSingleQuotedScalar
        | ErrorKind::InvalidTrailingDoubleQuotedScalar
        | ErrorKind::InvalidQuotedScalarIndent
        | ErrorKind::DocumentIndicatorInQuotedScalar => open.quote.filter(earlier),
        ErrorKind::InvalidColonPlacement
        | ErrorKind::BlockEntryInFlowCollection
        | ErrorKind::BlockSequenceEntryNotAllowed
        | ErrorKind::ExpectedFlowMappingSeparator
        | ErrorKind::ExpectedFlowSequenceSeparator
        | ErrorKind::FlowMappingValueAdjacentCollection
        | ErrorKind::InvalidFlowScalarIndent
        | ErrorKind::TabInIndentation
        | ErrorKind::MappingValueNotAllowed
        | ErrorKind::InvalidIndentation
        | ErrorKind::PlainScalarStartsWithDashFlowIndicator
        | ErrorKind::UnexpectedEof
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping => open.bracket.filter(earlier),
        _ => None,
    }
}

/// The parser's mark, moved to the character that is wrong.
fn exact_start(kind: &ErrorKind, at: usize, text: &str) -> usize {
    let line = line_start(text, at);
    match kind {
        ErrorKind::TabInBlockIndentation | ErrorKind::TabNotAllowed | ErrorKind::TabInIndentation => {
            text[line..line_end(text, at)].find('\t').map_or(at, |tab| line + tab)
        }
        // the mark stands behind a `-` that begins the line
        ErrorKind::ExpectedBlockMappingKey if text[line..at].trim() == "-" => {
            line + indentation(&text[line..at])
        }
        ErrorKind::UnknownQuotedScalarEscape => bad_escape(text, at).unwrap_or(at),
        _ => at,
    }
}

/// The first escape of the double-quoted string at `at` that YAML does not have.
fn bad_escape(text: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut from = at + 1;
    while from + 1 < bytes.len() {
        if bytes[from] != b'\\' {
            from += 1;
        } else if b"0abtnvfre\"/\\N_LPxuU \t\r\n".contains(&bytes[from + 1]) {
            from += 2;
        } else {
            return Some(from);
        }
    }
    None
}

fn words(kind: &ErrorKind, text: &str, at: usize) -> (String, Option<String>) {
    let (message, help) = match kind {
        ErrorKind::MappingValueNotAllowed => (
            "a `:` where no key can stand".to_owned(),
            "quote a value that holds `: `, or put the key on a line of its own, indented like its neighbours",
        ),
        ErrorKind::SimpleKeyExpected => ("a key without a `:` after it".to_owned(), "write `key: value`"),
        ErrorKind::ExpectedBlockMappingKey => (
            "this line is not a key of the mapping around it".to_owned(),
            "write `key: value`, indented like the keys above",
        ),
        ErrorKind::ExpectedBlockSequenceEntry => (
            "this line is not an item of the list around it".to_owned(),
            "begin it with `- `, or indent it like the key that the list belongs to",
        ),
        ErrorKind::TabInBlockIndentation | ErrorKind::TabNotAllowed | ErrorKind::TabInIndentation => {
            ("a tab in the indentation".to_owned(), "indent with spaces")
        }
        ErrorKind::UnexpectedCharacter { .. } => {
            let c = text[at..].chars().next().unwrap_or(' ');
            (format!("a value can't begin with `{c}`"), "quote the value")
        }
        ErrorKind::UnclosedQuotedScalar => {
            ("this string is never closed".to_owned(), "add the missing quote")
        }
        ErrorKind::UnclosedFlowCollection { open } => {
            (format!("the bracket `{open}` is never closed"), "add its partner")
        }
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            (format!("the bracket `{open}` is closed by `{close}`"), "close it with its partner")
        }
        ErrorKind::MisplacedFlowCollectionEnd => {
            ("this bracket closes nothing".to_owned(), "remove it, or quote the value")
        }
        ErrorKind::UnknownQuotedScalarEscape => (
            "an escape that YAML does not have".to_owned(),
            "double the backslash, or put the string in single quotes",
        ),
        other => return (other.to_string(), None),
    };
    (message, Some(help.to_owned()))
}
