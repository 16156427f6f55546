//! The only place of the commands that prints. Data goes to standard output, everything else to standard error.

use std::io::{self, ErrorKind, Write};

use serde_json::Value;

use crate::view::{escaped, json_text};

use super::terminal::stdout_is_a_terminal;
use super::{Exit, Format};

/// Where a command prints.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    pub(super) format: Format,
}

#[expect(clippy::unused_self, reason = "whoever prints says through what")]
impl Output {
    /// Text that a person or a program asked for.
    pub(super) fn data(self, text: &str) {
        forgive_closed(io::stdout().lock().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()));
    }

    /// The same, of text that is not ours: as it is for a program, and without what deceives for a person.
    pub(super) fn foreign(self, text: &str) {
        if stdout_is_a_terminal() {
            self.data(&text.lines().map(|line| escaped(line) + "\n").collect::<String>());
        } else {
            self.data(text);
        }
    }

    /// A document that a program asked for.
    pub(super) fn document(self, value: &Value) {
        self.data(&json_text(value));
    }

    /// A word beside the data.
    pub(super) fn note(self, text: &str) {
        forgive_closed(io::stderr().lock().write_all(text.as_bytes()));
    }

    /// The text for a person, or the document, as the format wants it.
    pub(super) fn either(self, human: impl FnOnce() -> String, document: impl FnOnce() -> Value) -> Exit {
        match self.format {
            Format::Json => self.document(&document()),
            _ => self.data(&human()),
        }
        Exit::Done
    }
}

/// A reader that has seen enough is no error, and nobody is left to tell of any other.
fn forgive_closed(result: io::Result<()>) {
    if let Err(error) = result
        && error.kind() != ErrorKind::BrokenPipe
    {
        drop(writeln!(io::stderr(), "error: cannot print: {error}"));
    }
}
