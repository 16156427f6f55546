//! `unknown-error-kind`: a retry repeats kinds that its node can fail with, and names each of them once.

use std::collections::BTreeSet;

use crate::compile::draft::{Draft, DraftNode};
use crate::compile::kinds;
use crate::diag::{Diagnostic, Diagnostics, codes, suggestion};
use crate::effect::ErrorKind;
use crate::source::Located;

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    // the kinds in the defaults stand there once, and are checked for each node that has them
    let mut reported = BTreeSet::new();
    for node in &draft.nodes {
        let Some(kinds) = node.modifiers.retry.as_ref().and_then(|retry| retry.kinds.as_ref()) else {
            continue;
        };
        for again in kinds::said_again(kinds) {
            if reported.insert(again.span()) {
                diagnostics.push(again);
            }
        }
        for kind in kinds {
            if let Some(found) = check_kind(draft, node, kind)
                && reported.insert(kind.span)
            {
                diagnostics.push(found);
            }
        }
    }
}

fn check_kind(draft: &Draft<'_>, node: &DraftNode<'_>, kind: &Located<String>) -> Option<Diagnostic> {
    let word = kind.value.as_str();
    if word == "any" || !matches!(ErrorKind::parse(word), ErrorKind::Custom(_)) {
        return None;
    }
    let own = kinds::own(draft, node);
    if own.as_ref().is_none_or(|own| own.contains(word)) {
        return None;
    }
    let engine = ErrorKind::ANY.iter().map(ErrorKind::as_str);
    let own = own.unwrap_or_default();
    let words = ["any"].into_iter().chain(own.iter().map(String::as_str)).chain(engine);
    let help = suggestion(word, words);
    let message = format!("`{}` never fails with the kind `{word}`", node.id());
    Some(Diagnostic::new(codes::UNKNOWN_ERROR_KIND, kind.span, message).maybe_help(help))
}
