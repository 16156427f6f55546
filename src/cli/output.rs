//! The only place of the commands that prints. Data goes to standard output, everything else to standard error.

use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::front::{Stream, guarded, guarded_json, guarded_where_needed, last_mark};
use crate::view::{escaped, json_line, json_text};

use super::terminal::stdout_is_a_terminal;
use super::{Exit, Format};

/// Where a command prints.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    pub(super) format: Format,
}

#[expect(clippy::unused_self, reason = "whoever prints says through what")]
impl Output {
    /// Text that a person asked for. Some of it may not be ours.
    pub(super) fn data(self, text: &str) {
        self.own(&guarded(Stream::Out, text));
    }

    /// Text in a language of other programs: in a log that reads commands it is guarded only where that is needed.
    pub(super) fn code(self, text: &str) {
        self.own(&guarded_where_needed(Stream::Out, text));
    }

    /// Text that is ours, word for word.
    pub(super) fn own(self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// What is no text, for another program.
    pub(super) fn bytes(self, bytes: &[u8]) {
        let printed = io::stdout().lock().write_all(bytes).and_then(|()| io::stdout().flush());
        if !forgive_closed(printed) {
            LOST.store(true, Ordering::Relaxed);
        }
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
        self.own(&guarded_json(&json_text(value)));
    }

    /// A document on one line, of which more follow.
    pub(super) fn line(self, value: &Value) {
        self.own(&guarded_json(&json_line(value)));
    }

    /// A word beside the data. What is in it of others, a name or an argument, moves nothing: every line is escaped.
    pub(super) fn note(self, text: &str) {
        self.drawn(&text.split('\n').map(escaped).collect::<Vec<_>>().join("\n"));
    }

    /// A text beside the data that a view has drawn, with colours, and has escaped itself.
    pub(super) fn drawn(self, text: &str) {
        // who does not hear of it is not told of that either
        let _ = forgive_closed(io::stderr().lock().write_all(guarded(Stream::Err, text).as_bytes()));
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

/// Ends what was begun in a log that reads commands. Nothing is printed after it.
pub(super) fn close() {
    let _ = forgive_closed(io::stdout().lock().write_all(last_mark(Stream::Out).as_bytes()));
    let _ = forgive_closed(io::stdout().flush());
    let _ = forgive_closed(io::stderr().lock().write_all(last_mark(Stream::Err).as_bytes()));
}

/// Was data lost that somebody waits for?
static LOST: AtomicBool = AtomicBool::new(false);

/// The end of a command whose data may not have arrived: done it is only if all of it was printed.
pub(super) fn all_printed(exit: Exit) -> Exit {
    if exit == Exit::Done && LOST.load(Ordering::Relaxed) { Exit::Failed } else { exit }
}

/// Was it printed, or is its reader one that has seen enough? If not, says so.
fn forgive_closed(result: io::Result<()>) -> bool {
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            drop(writeln!(io::stderr(), "error: cannot print: {error}"));
            false
        }
        _ => true,
    }
}
