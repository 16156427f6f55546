//! Where a label stands, in the numbers that people and tools count by.

use crate::diag::Severity;
use crate::source::{Position, Sources, Span};

/// A file's name with a start and an exclusive end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'s> {
    pub(super) file: &'s str,
    pub(super) start: Position,
    pub(super) end: Position,
}

/// The place of `span`.
pub(super) fn place(sources: &Sources, span: Span) -> Place<'_> {
    let file = sources.get(span.file);
    Place { file: file.name(), start: file.position(span.start), end: file.position(span.end) }
}

/// The word for a severity, the same in every form.
pub(super) fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}
