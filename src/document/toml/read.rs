//! Reads a TOML text in passes: the statement of the first syntax error is blanked and the rest read again, so that
//! each error is named once and without the noise that it makes further down.

use std::collections::BTreeSet;

use toml::de::{DeTable, Error};

use crate::diag::Diagnostics;
use crate::document::damage::Draft;
use crate::document::limits::Limit;
use crate::document::{Limits, Tree};
use crate::source::{FileId, Span};

use super::convert::convert;
use super::fault::{Fault, is_structural, structural};
use super::lines::{Lines, lines};

/// How many syntax errors of one file are stepped over.
const PASSES: usize = 16;
/// Larger texts are read twice at most: time stays linear and short.
const LARGE: usize = 256 << 10;

/// The tree and the spans that are missing in it.
pub(in crate::document) fn read(
    file: FileId,
    draft: &mut Draft,
    limits: &Limits,
    diagnostics: &mut Diagnostics,
) -> Option<(Tree, Vec<Span>)> {
    let passes = if draft.text().len() > LARGE { 2 } else { PASSES };
    for _ in 0..passes {
        let lines = lines(draft.text());
        if let Err((limit, at)) = within(&lines, limits) {
            diagnostics.push(limit.exceeded(limits, Span::new(file, at, at)));
            return None;
        }
        let text = draft.text().to_owned();
        let (table, errors) = DeTable::parse_recoverable(&text);
        let Some(error) = first_syntax_error(&errors) else {
            for error in without_echo(&errors, &lines) {
                diagnostics.push(structural(error, &table, file, &text));
            }
            return convert(&table, file, &text, draft.blanked(), limits, diagnostics);
        };
        let fault = Fault::new(error, &lines, &text);
        diagnostics.push(fault.diagnostic(file, &text));
        if !fault.blank(draft, &lines) {
            return None;
        }
    }
    None
}

/// What the parser does not bound itself: its memory grows with the tokens, its stack with dotted keys.
fn within(lines: &Lines, limits: &Limits) -> Result<(), (Limit, usize)> {
    if lines.deepest.0 > limits.depth {
        return Err((Limit::Depth, lines.deepest.1));
    }
    if lines.tokens / 4 > limits.nodes {
        return Err((Limit::Nodes, 0));
    }
    Ok(())
}

/// The errors but those that repeat another: where a whole table stands twice, so does each of its keys.
fn without_echo<'e>(errors: &'e [Error], lines: &Lines) -> Vec<&'e Error> {
    let headers: Vec<_> = lines.statements.iter().filter(|statement| statement.is_header).collect();
    let at = |error: &Error| error.span().map_or(0, |span| span.start);
    let header = |at: usize| headers.partition_point(|header| header.start <= at).checked_sub(1);
    let in_header = |error: &Error| header(at(error)).filter(|&header| at(error) < headers[header].end);
    let doubled: BTreeSet<usize> = errors.iter().filter_map(in_header).collect();
    let is_echo = |error: &Error| header(at(error)).is_some_and(|header| doubled.contains(&header));
    errors.iter().filter(|error| in_header(error).is_some() || !is_echo(error)).collect()
}

fn first_syntax_error(errors: &[Error]) -> Option<&Error> {
    let at = |error: &&Error| error.span().map_or(0, |span| span.start);
    errors.iter().filter(|error| !is_structural(error)).min_by_key(at)
}
