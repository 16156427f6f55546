//! `unknown-error-kind`: an edge catches kinds that its source can fail with, and names each of them once.

use std::collections::BTreeSet;

use crate::compile::draft::{Draft, DraftNode};
use crate::compile::kinds;
use crate::diag::{Diagnostic, Diagnostics, codes, suggestion};
use crate::effect::ErrorKind;
use crate::source::Located;

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    // the kinds of an edge with a list of nodes stand there once, and are checked for each source
    let mut reported = BTreeSet::new();
    for link in &draft.links {
        let source = &draft.nodes[link.from as usize];
        for again in kinds::said_again(&link.edge.catch) {
            if reported.insert(again.span()) {
                diagnostics.push(again);
            }
        }
        for kind in &link.edge.catch {
            if let Some(found) = check_kind(draft, source, kind)
                && reported.insert(kind.span)
            {
                diagnostics.push(found);
            }
        }
    }
}

fn check_kind(draft: &Draft<'_>, source: &DraftNode<'_>, kind: &Located<String>) -> Option<Diagnostic> {
    let word = kind.value.as_str();
    let parsed = ErrorKind::parse(word);
    let own = kinds::own(draft, source);
    let known = word == "any" || !matches!(parsed, ErrorKind::Custom(_));
    if known || own.is_none_or(|own| own.contains(word)) {
        return None;
    }
    let own = kinds::own(draft, source).unwrap_or_default();
    let engine = ErrorKind::ANY.into_iter().chain(ErrorKind::BY_NAME);
    let mut words: Vec<String> = vec!["any".to_owned()];
    words.extend(own);
    words.extend(engine.map(|kind| kind.as_str().to_owned()));
    let message = format!("`{}` never fails with the kind `{word}`", source.id());
    let help = suggestion(word, words.iter().map(String::as_str));
    Some(
        Diagnostic::new(codes::UNKNOWN_ERROR_KIND, kind.span, message)
            .label(source.node.id.span, "the node")
            .maybe_help(help),
    )
}
