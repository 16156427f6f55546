//! `reserved-kind`: a `fail` node ends in a kind of the author's own. With a kind of the engine, `denied` or
//! `internal`, a graph could make its run look like something that it is not.

use crate::compile::draft::Draft;
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::effect::ErrorKind;
use crate::model::Uses;

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    for node in draft.nodes.iter().filter(|node| node.uses() == Some(Uses::Fail)) {
        let Some(kind) = node.parameter("kind") else { continue };
        let Some(word) = kind.value.as_str() else { continue };
        if word == "any" || !matches!(ErrorKind::parse(word), ErrorKind::Custom(_)) {
            let message = format!("`{word}` is an error kind of the engine, and a `fail` node has its own");
            let help =
                format!("write a kind of your own, like `{word}_here`, or leave `kind` out for `failed`");
            diagnostics.push(Diagnostic::new(codes::RESERVED_KIND, kind.value.span, message).help(help));
        }
    }
}
