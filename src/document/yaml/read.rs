//! Reads a YAML text in passes: after a syntax error the entry that holds it is blanked, and the rest is read
//! again. So one mistake hides no other.

use serde_yaml::granit_parser::{ErrorKind, Options, Parser};

use crate::diag::Diagnostics;
use crate::document::damage::Draft;
use crate::document::limits::Limit;
use crate::document::{Limits, Tree};
use crate::source::{FileId, Span};

use super::build::{Builder, Stop};
use super::fault::Fault;

/// How many syntax errors of one file are stepped over.
const PASSES: usize = 12;
/// Larger texts are read twice at most: time stays linear and short.
const LARGE: usize = 256 << 10;

/// What one pass came to.
enum Pass {
    Done(Tree, Vec<Span>),
    Broken(Fault),
    Refused,
}

/// The tree and the spans that are missing in it.
pub(in crate::document) fn read(
    file: FileId,
    draft: &mut Draft,
    limits: &Limits,
    diagnostics: &mut Diagnostics,
) -> Option<(Tree, Vec<Span>)> {
    let passes = if draft.text().len() > LARGE { 2 } else { PASSES };
    for _ in 0..passes {
        let mut found = Diagnostics::default();
        match pass(file, draft, limits, &mut found) {
            Pass::Done(tree, unread) => {
                diagnostics.append(found);
                return Some((tree, unread));
            }
            Pass::Refused => {
                diagnostics.append(found);
                return None;
            }
            Pass::Broken(fault) => {
                diagnostics.push(fault.diagnostic(file, draft.text()));
                if !fault.blank(draft) {
                    diagnostics.append(found);
                    return None;
                }
            }
        }
    }
    None
}

fn pass(file: FileId, draft: &Draft, limits: &Limits, found: &mut Diagnostics) -> Pass {
    let text = draft.text();
    let mut builder = Builder::new(file, text, limits, draft.blanked(), found);
    for event in Parser::new_from_str_with_options(text, options(limits)) {
        let step = match event {
            Ok((event, span)) => builder.take(event, span),
            Err(error) => {
                let at = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
                if *error.kind() == ErrorKind::RecursionLimitExceeded {
                    builder.refuse(Limit::Depth, at)
                } else {
                    return Pass::Broken(Fault::new(&error, at, text, builder.unfinished_from()));
                }
            }
        };
        match step {
            Ok(()) => {}
            Err(Stop::Refused) => return Pass::Refused,
            Err(Stop::Enough) => break,
        }
    }
    let (tree, unread) = builder.finish();
    Pass::Done(tree, unread)
}

fn options(limits: &Limits) -> Options {
    // Beyond our own depth limit, so that ours speaks first; the scanner looks a few levels ahead.
    let nesting = limits.depth + 8;
    let mut options = Options::default();
    options.emit_comments = false;
    options.emit_anchor_events = true;
    options.emit_unresolved_aliases = true;
    options.flow_nesting_limit = nesting;
    options.block_nesting_limit = nesting;
    options
}
