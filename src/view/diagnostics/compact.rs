//! A line a finding, and one for its help and each further label: what the fixtures of this project hold, and
//! what a log takes.

use std::fmt::Write as _;

use crate::diag::{Diagnostic, Diagnostics};
use crate::source::{Sources, Span};
use crate::view::escaped;

use super::place::{place, word};

/// `file:line:column: severity[code]: message`, for each finding.
pub fn compact(sources: &Sources, found: &Diagnostics) -> String {
    found.iter().map(|diagnostic| one(sources, diagnostic)).collect()
}

fn one(sources: &Sources, found: &Diagnostic) -> String {
    let severity = word(found.severity);
    let mut text =
        format!("{}: {severity}[{}]: {}\n", at(sources, found.span()), found.code, escaped(&found.message));
    for label in &found.labels {
        if let Some(label_text) = &label.text {
            // writing to a string can't fail
            let _ = writeln!(text, "  {}: {}", at(sources, label.span), escaped(label_text));
        }
    }
    if let Some(help) = &found.help {
        let _ = writeln!(text, "  help: {}", escaped(help));
    }
    text
}

fn at(sources: &Sources, span: Span) -> String {
    let place = place(sources, span);
    format!("{}:{}:{}", escaped(place.file), place.start.line, place.start.column)
}
